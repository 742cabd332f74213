//! Why the journal cannot do what it was asked.

use std::fmt;
use std::io;

use super::seal::WrongKey;

/// A failure of the journal itself.
#[derive(Debug)]
#[non_exhaustive]
pub enum JournalError {
    /// Another process holds the folder.
    Locked,
    /// A segment has a format version that this program does not know.
    Version {
        /// The segment's number.
        segment: u64,
        /// The version it says it has.
        version: u32,
    },
    /// Writing failed several times in a row: nothing more will be acknowledged.
    Poisoned,
    /// The folder, or the queue in front of the disk, holds as much as it may.
    Full,
    /// The disk takes nothing at present.
    Refusing(Refusal),
    /// A sealed segment and no fitting key.
    Key(WrongKey),
    /// A record that was written whole cannot be read any more.
    Corrupt {
        /// The segment's number.
        segment: u64,
    },
    /// An entry that cannot be kept as it is.
    Invalid(&'static str),
    /// The system refused something while opening or reading.
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl JournalError {
    /// A stable name for each kind.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Version { .. } => "version",
            Self::Poisoned => "poisoned",
            Self::Full => "full",
            Self::Refusing(_) | Self::Io { .. } => "refusing",
            Self::Key(_) => "key",
            Self::Corrupt { .. } => "corrupt",
            Self::Invalid(_) => "invalid",
        }
    }

    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => out.write_str("another process has this journal open"),
            Self::Version { segment, version } => write!(
                out,
                "segment {segment} has format version {version}; this program reads version {}",
                super::segment::VERSION
            ),
            Self::Poisoned => out.write_str("writing failed several times in a row"),
            Self::Full => out.write_str("the journal holds as much as journal.max_bytes allows"),
            Self::Refusing(reason) => write!(out, "the disk takes nothing: {}", reason.name()),
            Self::Key(WrongKey::Missing) => {
                out.write_str("segments are sealed: journal.key must be set")
            }
            Self::Key(WrongKey::Other) => {
                out.write_str("segments are sealed under another key than journal.key")
            }
            Self::Corrupt { segment } => write!(out, "segment {segment} cannot be read"),
            Self::Invalid(reason) => out.write_str(reason),
            Self::Io { doing, source } => write!(out, "{doing}: {source}"),
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Why the disk takes nothing, for as long as that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No space, or a quota or size limit reached.
    NoSpace,
    /// The file system is read-only, or permission is lost.
    ReadOnly,
    /// The folder is gone.
    Gone,
    /// No file descriptors.
    TooManyFiles,
    /// Writing or syncing failed.
    Failed,
}

impl Refusal {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSpace => "no space",
            Self::ReadOnly => "read-only",
            Self::Gone => "folder gone",
            Self::TooManyFiles => "too many open files",
            Self::Failed => "input/output error",
        }
    }

    /// What an error of the system amounts to.
    pub(crate) fn of(error: &io::Error) -> Self {
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::NoSpace,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly,
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Gone,
            _ if matches!(error.raw_os_error(), Some(ENFILE | EMFILE)) => Self::TooManyFiles,
            _ => Self::Failed,
        }
    }
}
