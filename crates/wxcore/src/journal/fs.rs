//! The file system as the journal needs it: [`Disk`](super::disk::Disk) in production, a simulated
//! page cache in tests. Randomness comes from here too, so that a test can seed it.

use std::io;
use std::path::Path;
use std::sync::Arc;

/// An open file. Shared between threads; positions are arguments.
pub trait File: Send + Sync {
    /// Reads what is there at `offset`, at most `buffer.len()` bytes; 0 at the end.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at `offset`; may write less than all.
    ///
    /// # Errors
    /// What the system says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes what was written durable: fdatasync.
    ///
    /// # Errors
    /// What the system says. What was written since the last success may be lost, whatever a later
    /// call says.
    fn sync_data(&self) -> io::Result<()>;

    /// The same with all metadata: fsync.
    ///
    /// # Errors
    /// As [`sync_data`](Self::sync_data).
    fn sync_all(&self) -> io::Result<()>;

    /// Cuts or extends the file.
    ///
    /// # Errors
    /// What the system says.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Its length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether it still has a name: what is written to a file without one is lost.
    ///
    /// # Errors
    /// What the system says.
    fn is_linked(&self) -> io::Result<bool>;

    /// Whether it has no bytes.
    ///
    /// # Errors
    /// What the system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To read; it must be there.
    Read,
    /// To read and write; it must be there.
    Write,
    /// To read and write, by its owner alone; it must not be there.
    Create,
}

/// A held lock: dropping it frees it.
pub trait Held: Send + Sync {
    /// Whether the file that is locked is still the one at `path`.
    fn is_at(&self, path: &Path) -> bool;
}

/// A held lock of any file system.
pub type Lock = Box<dyn Held>;

/// A file system.
pub trait Fs: Send + Sync {
    /// Makes a folder and those above it, for their owner alone.
    ///
    /// # Errors
    /// What the system says.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Names and lengths of the files in a folder.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>>;

    /// Opens a file.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>>;

    /// Renames a file, replacing one that has the new name.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Locks the file at `path` for this process alone, making it if need be.
    ///
    /// # Errors
    /// `WouldBlock` if somebody else holds it.
    fn lock(&self, path: &Path) -> io::Result<Lock>;

    /// Fills `bytes` with randomness.
    ///
    /// # Errors
    /// If there is none.
    fn random(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// Writes all of `bytes`, however little the system takes at once.
pub(crate) fn write_all_at(file: &dyn File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = bytes.get(count..).unwrap_or_default();
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills `buffer` from `offset` on as far as the file goes; returns how far.
pub(crate) fn read_full_at(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
