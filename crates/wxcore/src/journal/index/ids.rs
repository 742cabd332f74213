//! Digests of idempotency keys, sorted: this very message, and the claims that recovery restores.

use super::header::{Plain, Section};
use super::keys::partition;
use super::layout::{array, i64_at, u32_at};
use super::{IndexError, Place};
use crate::time::UnixMillis;

/// Bytes of an entry: digest 16, expires i64, seq u32 (after the first), offset u32.
pub(super) const ENTRY: usize = 32;

/// A message that retries must still find taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The digest of its idempotency key.
    pub digest: [u8; 16],
    /// Until when.
    pub expires: UnixMillis,
    /// Where the message is, or was.
    pub place: Place,
}

/// The digests of a segment.
#[derive(Clone, Debug)]
pub struct Ids {
    bytes: Vec<u8>,
    first_seq: u64,
}

impl Ids {
    /// Takes its section.
    ///
    /// # Errors
    /// [`IndexError::Damaged`].
    pub fn parse(plain: Plain) -> Result<Self, IndexError> {
        if plain.section != Section::Ids || !plain.bytes.len().is_multiple_of(ENTRY) {
            return Err(IndexError::Damaged);
        }
        Ok(Self {
            bytes: plain.bytes,
            first_seq: plain.first_seq,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / ENTRY
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Where messages with this digest are, by sequence number: one, unless its claim had ended
    /// when it came again.
    pub fn find(&self, digest: &[u8; 16]) -> Vec<Place> {
        let first = partition(0..self.len(), |at| {
            self.digest(at).is_some_and(|found| found < *digest)
        });
        (first..self.len())
            .map_while(|at| self.claim(at).filter(|claim| claim.digest == *digest))
            .map(|claim| claim.place)
            .collect()
    }

    /// The claims that live on after `now`.
    pub fn claims(&self, now: UnixMillis) -> impl Iterator<Item = Claim> {
        (0..self.len())
            .filter_map(|at| self.claim(at))
            .filter(move |claim| claim.expires > now)
    }

    fn digest(&self, at: usize) -> Option<[u8; 16]> {
        array(&self.bytes, at.checked_mul(ENTRY)?)
    }

    fn claim(&self, at: usize) -> Option<Claim> {
        let start = at.checked_mul(ENTRY)?;
        Some(Claim {
            digest: self.digest(at)?,
            expires: UnixMillis(i64_at(&self.bytes, start + 16)?),
            place: Place {
                seq: self
                    .first_seq
                    .checked_add(u32_at(&self.bytes, start + 24)?.into())?,
                offset: u32_at(&self.bytes, start + 28)?.into(),
            },
        })
    }
}
