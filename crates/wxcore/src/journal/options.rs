//! How a journal is kept.

use std::io;
use std::sync::Arc;

use super::fs::File;
use super::seal::SealKey;
use super::sidecar::Sidecar;

/// What "on disk" means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Handed to the operating system: survives `kill -9`, and loses up to half a minute of
    /// acknowledged messages at a power cut.
    Buffer,
    /// fdatasync after each group: survives a power cut, on a disk that does not lie about it.
    #[default]
    Data,
    /// fsync after each group: as `Data`, with all metadata of the file; for file systems whose
    /// fdatasync is not trusted.
    Full,
}

impl Durability {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Buffer, Self::Data, Self::Full];

    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Buffer => "buffer",
            Self::Data => "data",
            Self::Full => "full",
        }
    }

    /// Makes what was written to `file` as durable as that.
    pub(crate) fn sync(self, file: &dyn File) -> io::Result<()> {
        match self {
            Self::Buffer => Ok(()),
            Self::Data => file.sync_data(),
            Self::Full => file.sync_all(),
        }
    }
}

/// How a journal is kept.
#[derive(Clone)]
pub struct Options {
    /// Bytes of a segment; from 8 KiB to 1 GiB.
    pub segment_bytes: u64,
    /// What must have happened before a message counts as durable.
    pub durability: Durability,
    /// Under which payloads are sealed at rest.
    pub seal: Option<SealKey>,
    /// Bytes of all segments beyond which appends are refused.
    pub max_bytes: u64,
    /// For how many milliseconds after its newest message a settled segment is kept.
    pub retain_ms: i64,
    /// How many bytes of settled segments are kept at most.
    pub retain_bytes: u64,
    /// Names of the destinations; entries count by their indexes.
    pub destinations: Vec<String>,
    /// Who indexes full segments and keeps their claims.
    pub sidecar: Option<Arc<dyn Sidecar>>,
    /// Breaks the journal on purpose, to see that the tests notice.
    #[doc(hidden)]
    pub flaw: Flaw,
}

/// Ways to break the journal on purpose.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flaw {
    /// None.
    #[default]
    None,
    /// Messages count as durable once they are written.
    NoSync,
    /// Messages count as durable before they are written.
    EarlyAck,
    /// A failed sync is tried again, and believed.
    RetrySync,
    /// Checkpoints say that all is settled.
    BlindCheckpoint,
}

impl Options {
    /// The defaults, for these destinations.
    pub fn new(destinations: Vec<String>) -> Self {
        Self {
            segment_bytes: 64 << 20,
            durability: Durability::Data,
            seal: None,
            max_bytes: 16 << 30,
            retain_ms: 0,
            retain_bytes: 0,
            destinations,
            sidecar: None,
            flaw: Flaw::None,
        }
    }
}
