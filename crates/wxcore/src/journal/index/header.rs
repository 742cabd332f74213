//! The first bytes of an index: which segment it speaks of, and where its sections are.

use std::ops::Range;

use super::IndexError;
use super::build::Scanned;
use super::layout::{array, checksum, i64_at, u16_at, u32_at, u64_at};
use super::seal::Cover;
use crate::journal::seal::SealKey;
use crate::time::UnixMillis;

/// Bytes of an encoded [`Header`].
pub const HEADER: usize = 168;

const MAGIC: [u8; 8] = *b"wxgindex";
const VERSION: u16 = 1;
const TABLE: usize = 64;
const ENTRY: usize = 24;
const SEALED: usize = TABLE + 3 * ENTRY + 4;
const CHECKSUM: usize = HEADER - 4;

/// The parts of an index, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Names and void ranges: [`super::Meta`].
    Meta,
    /// Rows by openid and time: [`super::Keys`].
    Keys,
    /// Digests and claims: [`super::Ids`].
    Ids,
}

impl Section {
    const ALL: [Self; 3] = [Self::Meta, Self::Keys, Self::Ids];
}

/// What can be said of a segment without opening a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The segment and how far into it the index reaches.
    pub scanned: Scanned,
    /// How many messages it knows.
    pub messages: u32,
    /// The earliest and the latest time of acceptance; the wrong way round if there is no message.
    pub accepted: (UnixMillis, UnixMillis),
    /// When the last claim of a message ends.
    pub expires: UnixMillis,
    sections: [(Range<u64>, u32); 3],
}

/// A section that was found whole, and opened if it was sealed.
#[derive(Clone, Debug)]
pub struct Plain {
    pub(super) section: Section,
    pub(super) bytes: Vec<u8>,
    pub(super) first_seq: u64,
}

impl Header {
    /// The same header, naming `sections`.
    pub(super) fn describe(self, sections: &[Vec<u8>; 3]) -> Self {
        let mut at = HEADER as u64;
        let table = sections.each_ref().map(|section| {
            let start = at;
            at += section.len() as u64;
            (start..at, checksum(section))
        });
        Self {
            sections: table,
            ..self
        }
    }

    /// A header that names no sections yet.
    pub(super) fn bare(scanned: Scanned) -> Self {
        Self {
            scanned,
            messages: 0,
            accepted: (UnixMillis(i64::MAX), UnixMillis(i64::MIN)),
            expires: UnixMillis(i64::MIN),
            sections: [const { (0..0, 0) }; 3],
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        let flags = u16::from(self.scanned.sealed.is_some());
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&self.scanned.epoch.to_le_bytes());
        out.extend_from_slice(&self.scanned.segment.to_le_bytes());
        out.extend_from_slice(&self.scanned.first_seq.to_le_bytes());
        out.extend_from_slice(&self.scanned.end.to_le_bytes());
        for time in [self.accepted.0, self.accepted.1, self.expires] {
            out.extend_from_slice(&time.0.to_le_bytes());
        }
        for (range, crc) in &self.sections {
            out.extend_from_slice(&range.start.to_le_bytes());
            out.extend_from_slice(&range.end.to_le_bytes());
            out.extend_from_slice(&crc.to_le_bytes());
            out.extend_from_slice(&[0; 4]);
        }
        out.extend_from_slice(&self.messages.to_le_bytes());
        let (salt, check) = self.scanned.sealed.unwrap_or_default();
        out.extend_from_slice(&salt);
        out.extend_from_slice(&check);
        let crc = checksum(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the first [`HEADER`] bytes of a file.
    ///
    /// # Errors
    /// [`IndexError`]: something else, another version, or damage.
    pub fn parse(bytes: &[u8]) -> Result<Self, IndexError> {
        let bytes = bytes.get(..HEADER).ok_or(IndexError::Foreign)?;
        if array(bytes, 0) != Some(MAGIC) {
            return Err(IndexError::Foreign);
        }
        if u32_at(bytes, CHECKSUM) != bytes.get(..CHECKSUM).map(checksum) {
            return Err(IndexError::Damaged);
        }
        match u16_at(bytes, 8) {
            Some(VERSION) => Self::decode(bytes).ok_or(IndexError::Damaged),
            other => Err(IndexError::Version(other.unwrap_or_default())),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let entry = |section: Section| {
            let at = TABLE + section as usize * ENTRY;
            let range = u64_at(bytes, at)?..u64_at(bytes, at + 8)?;
            Some((range, u32_at(bytes, at + 16)?))
        };
        let [meta, keys, ids] = Section::ALL.map(entry);
        let time = |at| i64_at(bytes, at).map(UnixMillis);
        Some(Self {
            scanned: Scanned {
                epoch: u32_at(bytes, 12)?,
                segment: u64_at(bytes, 16)?,
                first_seq: u64_at(bytes, 24)?,
                end: u64_at(bytes, 32)?,
                sealed: match u16_at(bytes, 10)? {
                    0 => None,
                    _ => Some((array(bytes, SEALED)?, array(bytes, SEALED + 16)?)),
                },
            },
            accepted: (time(40)?, time(48)?),
            expires: time(56)?,
            messages: u32_at(bytes, TABLE + 3 * ENTRY)?,
            sections: [meta?, keys?, ids?],
        })
    }

    /// Where `section` stands in the file.
    pub fn range(&self, section: Section) -> Range<u64> {
        let [meta, keys, ids] = &self.sections;
        match section {
            Section::Meta => meta.0.clone(),
            Section::Keys => keys.0.clone(),
            Section::Ids => ids.0.clone(),
        }
    }

    /// Checks the bytes that stand at the [`range`](Self::range) of `section`, and opens them.
    ///
    /// # Errors
    /// [`IndexError::Damaged`]: they are not what was written; [`IndexError::Key`]: they are sealed,
    /// and not with `key`.
    pub fn open(
        &self,
        section: Section,
        bytes: Vec<u8>,
        key: Option<&SealKey>,
    ) -> Result<Plain, IndexError> {
        let range = self.range(section);
        let [meta, keys, ids] = &self.sections;
        let crc = match section {
            Section::Meta => meta.1,
            Section::Keys => keys.1,
            Section::Ids => ids.1,
        };
        let sound = range.end.checked_sub(range.start) == Some(bytes.len() as u64);
        if !sound || crc != checksum(&bytes) {
            return Err(IndexError::Damaged);
        }
        let bytes = match Cover::of(self.scanned.sealed, key)? {
            Some(cover) => cover.open(section, &bytes).ok_or(IndexError::Damaged)?,
            None => bytes,
        };
        Ok(Plain {
            section,
            bytes,
            first_seq: self.scanned.first_seq,
        })
    }

    /// Whether a message accepted from `since` up to, not including, `until` can be in it.
    pub fn overlaps(&self, since: Option<UnixMillis>, until: Option<UnixMillis>) -> bool {
        let (earliest, latest) = self.accepted;
        since.is_none_or(|since| latest >= since) && until.is_none_or(|until| earliest < until)
    }
}
