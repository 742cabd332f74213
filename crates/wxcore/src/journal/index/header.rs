//! The first bytes of an index: which segment it speaks of, and where its sections are.

use std::ops::Range;

use super::IndexError;
use super::build::Scanned;
use super::layout::{array, checksum, i64_at, u16_at, u32_at, u64_at};
use super::seal::Cover;
use crate::journal::seal::SealKey;
use crate::time::UnixMillis;

/// Bytes of an encoded [`Header`].
pub const HEADER: usize = 192;

const MAGIC: [u8; 8] = *b"wxgindex";
const VERSION: u16 = 1;
const TABLE: usize = 64;
const ENTRY: usize = 24;
const SALT: usize = TABLE + 4 * ENTRY + 4;
const SEALED: u16 = 1;
const PARTIAL: u16 = 2;
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
    /// Answers for retries: [`super::Replies`].
    Replies,
}

impl Section {
    const ALL: [Self; 4] = [Self::Meta, Self::Keys, Self::Ids, Self::Replies];
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
    /// Only claims are left, see [`claims_only`](super::claims_only).
    pub partial: bool,
    sections: [(Range<u64>, u32); 4],
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
    pub(super) fn describe(self, sections: &[Vec<u8>; 4]) -> Self {
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
            partial: false,
            sections: [const { (0..0, 0) }; 4],
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        let sealed = if self.scanned.sealed.is_some() {
            SEALED
        } else {
            0
        };
        let flags = sealed | if self.partial { PARTIAL } else { 0 };
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
        let [meta, keys, ids, replies] = Section::ALL.map(entry);
        let flags = u16_at(bytes, 10)?;
        let time = |at| i64_at(bytes, at).map(UnixMillis);
        Some(Self {
            scanned: Scanned {
                epoch: u32_at(bytes, 12)?,
                segment: u64_at(bytes, 16)?,
                first_seq: u64_at(bytes, 24)?,
                end: u64_at(bytes, 32)?,
                sealed: match flags & SEALED {
                    0 => None,
                    _ => Some((array(bytes, SALT)?, array(bytes, SALT + 16)?)),
                },
            },
            accepted: (time(40)?, time(48)?),
            expires: time(56)?,
            partial: flags & PARTIAL != 0,
            messages: u32_at(bytes, TABLE + 4 * ENTRY)?,
            sections: [meta?, keys?, ids?, replies?],
        })
    }

    /// Where `section` stands in the file.
    pub fn range(&self, section: Section) -> Range<u64> {
        self.entry(section).0.clone()
    }

    const fn entry(&self, section: Section) -> &(Range<u64>, u32) {
        let [meta, keys, ids, replies] = &self.sections;
        match section {
            Section::Meta => meta,
            Section::Keys => keys,
            Section::Ids => ids,
            Section::Replies => replies,
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
        let (range, crc) = self.entry(section);
        let sound = range.end.checked_sub(range.start) == Some(bytes.len() as u64);
        if !sound || *crc != checksum(&bytes) {
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
