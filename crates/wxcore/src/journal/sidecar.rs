//! What stands beside a full segment: the seam to the index.

use std::io;
use std::ops::Range;
use std::path::Path;

use super::fs::Fs;
use super::seal::SealKey;
use crate::time::UnixMillis;

/// That a message was accepted, for its retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// [`digest`](super::entry::digest) of its id.
    pub digest: [u8; 16],
    /// Until when a retry is known as one.
    pub expires: UnixMillis,
    /// What a retry is told, if it was told to the first try.
    pub answer: Option<Vec<u8>>,
}

/// Keeps what is to be known of a segment besides and beyond it. Called by the preparer, and once
/// by recovery; what it keeps can be rebuilt from the segment for as long as that is there.
pub trait Sidecar: Send + Sync {
    /// A segment is full. Once this has returned `Ok` the segment may go before its claims expire.
    /// Of its messages those in `void` were never acknowledged: they claim nothing.
    ///
    /// # Errors
    /// If it could not be written; the segment then stays until its claims have expired.
    fn on_full(&self, place: Place<'_>, number: u64, void: &[Range<u64>]) -> io::Result<()>;

    /// Whether segment `number` has all that [`on_full`](Self::on_full) makes.
    fn has(&self, place: Place<'_>, number: u64) -> bool;

    /// The claims, alive at `now`, of segments that are gone. Their numbers are not in `live`.
    ///
    /// # Errors
    /// If the folder cannot be read. What is damaged is left out.
    fn claims(&self, place: Place<'_>, live: &[u64], now: UnixMillis) -> io::Result<Vec<Claim>>;

    /// Deletes what belongs to segments that are gone and holds no claim alive at `now`; may write the
    /// rest anew, smaller. Called when a segment has gone, and may leave for later what is not worth it.
    fn sweep(&self, place: Place<'_>, live: &[u64], now: UnixMillis);
}

/// Where the segments are.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The file system.
    pub fs: &'a dyn Fs,
    /// The folder.
    pub dir: &'a Path,
    /// The key of sealed segments.
    pub key: Option<&'a SealKey>,
}
