//! The keyed index of one full segment: who wrote when, and where each message lies.
//!
//! Immutable, sorted, made by one pass over the segment and made again whenever it is missing or
//! damaged; nothing is known here that the segment does not say. Pure: bytes in, bytes out. All
//! numbers are little endian.
//!
//! A [`Header`] of [`HEADER`] bytes, then four sections, each under a CRC of its own, so that a
//! lookup reads only what it needs:
//!
//! | section | holds | answers |
//! |---|---|---|
//! | [`Meta`] | names of types, accounts and destinations; ranges declared void | what the numbers mean |
//! | [`Keys`] | `openid : time : seq` -> offset, type, account, destinations | whose, when, which |
//! | [`Ids`] | digest of id -> offset, expiry of its claim | this very message; what recovery must claim |
//!
//! | [`Replies`] | answers that outlived the segment's writing | what a late retry is told |
//!
//! When a segment goes while claims of its messages live on (Pay: 25 hours), [`Ids`] and
//! [`Replies`] stay, cut down to what lives: [`claims_only`]. [`files`] puts all that beside segments.

mod build;
pub mod files;
mod header;
mod ids;
mod keys;
mod layout;
mod meta;
mod replies;
mod seal;

#[cfg(test)]
mod tests;

pub use build::{Builder, Fact, Scanned, claims_only};
pub use header::{HEADER, Header, Plain, Section};
pub use ids::{Claim, Ids};
pub use keys::{Filter, Keys, Row};
pub use meta::Meta;
pub use replies::Replies;

/// Why bytes are not an index that can be used. It is then made again from its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexError {
    /// Not an index at all, or cut short.
    Foreign,
    /// Written by another version of wxgate.
    Version(u16),
    /// A checksum is wrong, or the contents contradict themselves.
    Damaged,
    /// Sealed at rest, and the key is missing or another one.
    Key,
}

impl std::fmt::Display for IndexError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Foreign => out.write_str("not an index of a journal segment"),
            Self::Version(version) => write!(out, "an index in format {version}, not known here"),
            Self::Damaged => out.write_str("the index is damaged"),
            Self::Key => out.write_str("the index is sealed under another key"),
        }
    }
}

impl std::error::Error for IndexError {}

/// Where a message lies in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its sequence number.
    pub seq: u64,
    /// The offset of its frame in the segment's file.
    pub offset: u64,
}
