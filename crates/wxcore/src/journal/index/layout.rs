//! Numbers and texts in a section: reading that cannot panic.

use super::IndexError;

/// The checksum of header and sections.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// `N` bytes at `at`, if there are as many.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

pub(super) fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    array(bytes, at).map(i64::from_le_bytes)
}

/// Reads one thing after the other.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], IndexError> {
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(IndexError::Damaged)?;
        self.rest = rest;
        Ok(head)
    }

    pub(super) fn u32(&mut self) -> Result<u32, IndexError> {
        u32_at(self.take(4)?, 0).ok_or(IndexError::Damaged)
    }

    pub(super) fn u64(&mut self) -> Result<u64, IndexError> {
        u64_at(self.take(8)?, 0).ok_or(IndexError::Damaged)
    }

    /// A text behind its length in 32 bits.
    pub(super) fn text(&mut self) -> Result<String, IndexError> {
        let length = usize::try_from(self.u32()?).map_err(|_| IndexError::Damaged)?;
        let bytes = self.take(length)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| IndexError::Damaged)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Appends a text behind its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&narrow(text.len()).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// A length in 32 bits. A segment is smaller than 4 GiB, and so is all that is told of it.
pub(super) fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
