//! Segments: files `NNNNNNNNNN.seg`, a header page of 4096 bytes, then frames.
//!
//! The page holds the header twice, at 0 and at 2048, so that one damaged sector does not cost a
//! segment; the rest of it is zeros. A page of zeros is a segment that was prepared and never used.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..8 | magic | `wxgatejn` |
//! | 8..12 | version | 1; any other is refused |
//! | 12..16 | epoch | random, no byte of it zero: tells this segment's frames from stale ones |
//! | 16..24 | number | that of the file's name |
//! | 24..32 | `first_seq` | of the first message that can be in it |
//! | 32..40 | created | `i64`, milliseconds since 1970 |
//! | 40..44 | flags | bit 0: sealed at rest |
//! | 44..60 | salt | of the segment's key; random |
//! | 60..68 | check | tells a wrong key before anything is opened |
//! | 68..76 | names | XXH3 of the destinations' names, to read entries by should the checkpoint be lost |
//! | 76..80 | crc | CRC-32C of bytes 0..76 |

use super::varint;
use crate::time::UnixMillis;

/// Where the frames begin.
pub const PAGE: usize = 4096;

/// The version that is written.
pub const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"wxgatejn";
const SECOND: usize = 2048;
const SIZE: usize = 80;
const SEALED: u32 = 1;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Of each of its frames.
    pub epoch: u32,
    /// As in its name.
    pub number: u64,
    /// Of the first message that can be in it.
    pub first_seq: u64,
    /// When it was begun.
    pub created: UnixMillis,
    /// If its payloads are sealed: the salt of their key, and the check of that key.
    pub sealed: Option<([u8; 16], [u8; 8])>,
    /// [`names`] of the destinations that its entries count by.
    pub names: u64,
}

/// What stands where a header should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A header.
    Header(Header),
    /// Zeros, or less than a page: the segment was never begun.
    Blank,
    /// A header of a version that this program does not know.
    Version(u32),
    /// Neither copy can be believed.
    Damaged,
}

impl Header {
    /// The page to write.
    pub fn page(&self) -> Vec<u8> {
        let (salt, check) = self.sealed.unwrap_or_default();
        let flags = if self.sealed.is_some() { SEALED } else { 0 };
        let mut copy = Vec::with_capacity(PAGE);
        copy.extend_from_slice(&MAGIC);
        copy.extend_from_slice(&VERSION.to_le_bytes());
        copy.extend_from_slice(&self.epoch.to_le_bytes());
        copy.extend_from_slice(&self.number.to_le_bytes());
        copy.extend_from_slice(&self.first_seq.to_le_bytes());
        copy.extend_from_slice(&self.created.0.to_le_bytes());
        copy.extend_from_slice(&flags.to_le_bytes());
        copy.extend_from_slice(&salt);
        copy.extend_from_slice(&check);
        copy.extend_from_slice(&self.names.to_le_bytes());
        let crc = crc32c::crc32c(&copy);
        copy.extend_from_slice(&crc.to_le_bytes());
        let mut page = copy.clone();
        page.resize(SECOND, 0);
        page.extend_from_slice(&copy);
        page.resize(PAGE, 0);
        page
    }

    /// Reads the beginning of a segment.
    pub fn read(bytes: &[u8]) -> Found {
        let page = bytes.get(..PAGE).unwrap_or(bytes);
        let copies = [page, page.get(SECOND..).unwrap_or_default()];
        for copy in copies {
            match Self::copy(copy) {
                Some((VERSION, header)) => return Found::Header(header),
                Some((version, _)) => return Found::Version(version),
                None => {}
            }
        }
        if page.iter().all(|byte| *byte == 0) {
            Found::Blank
        } else {
            Found::Damaged
        }
    }

    fn copy(bytes: &[u8]) -> Option<(u32, Self)> {
        let bytes = bytes.get(..SIZE)?;
        let (covered, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(covered) != u32::from_le_bytes(*crc) {
            return None;
        }
        let rest = &mut &*covered;
        if varint::take_array(rest)? != MAGIC {
            return None;
        }
        let version = u32::from_le_bytes(varint::take_array(rest)?);
        let epoch = u32::from_le_bytes(varint::take_array(rest)?);
        let number = u64::from_le_bytes(varint::take_array(rest)?);
        let first_seq = u64::from_le_bytes(varint::take_array(rest)?);
        let created = UnixMillis(i64::from_le_bytes(varint::take_array(rest)?));
        let flags = u32::from_le_bytes(varint::take_array(rest)?);
        let key = (varint::take_array(rest)?, varint::take_array(rest)?);
        let header = Self {
            epoch,
            number,
            first_seq,
            created,
            sealed: (flags & SEALED != 0).then_some(key),
            names: u64::from_le_bytes(varint::take_array(rest)?),
        };
        Some((version, header))
    }
}

/// The name of segment `number`.
pub fn file_name(number: u64) -> String {
    format!("{number:010}.seg")
}

/// The number in a segment's name; `None` for any other file.
pub fn file_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    let plain = digits.len() >= 10 && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// A fingerprint of the destinations' names in their order.
pub fn names<T: AsRef<str>>(destinations: &[T]) -> u64 {
    let mut all = Vec::new();
    for name in destinations {
        let name = name.as_ref();
        varint::put(&mut all, name.len() as u64);
        all.extend_from_slice(name.as_bytes());
    }
    xxhash_rust::xxh3::xxh3_64(&all)
}

/// Random bytes as an epoch: none of them zero, so that zeros never look like it.
pub(crate) fn epoch(random: [u8; 4]) -> u32 {
    u32::from_le_bytes(random.map(|byte| byte.max(1)))
}

#[cfg(test)]
mod tests {
    use super::{Found, Header, PAGE, file_name, file_number, names};
    use crate::time::UnixMillis;

    const HEADER: Header = Header {
        epoch: 0x0403_0201,
        number: 7,
        first_seq: 99,
        created: UnixMillis(1_700_000_000_123),
        sealed: Some(([9; 16], [8; 8])),
        names: 5,
    };

    #[test]
    fn a_page_reads_back() {
        for header in [
            HEADER,
            Header {
                sealed: None,
                ..HEADER
            },
        ] {
            let page = header.page();
            assert_eq!(page.len(), PAGE);
            assert_eq!(Header::read(&page), Found::Header(header));
        }
    }

    #[test]
    fn one_flipped_byte_anywhere_is_survived() {
        let mut page = HEADER.page();
        for at in 0..PAGE {
            page[at] ^= 0xFF;
            assert_eq!(Header::read(&page), Found::Header(HEADER), "{at}");
            page[at] ^= 0xFF;
        }
    }

    #[test]
    fn both_copies_gone_is_damage_and_zeros_are_blank() {
        let mut page = HEADER.page();
        page[20] ^= 1;
        page[2068] ^= 1;
        assert_eq!(Header::read(&page), Found::Damaged);
        for length in [0, 1, 79, PAGE] {
            assert_eq!(Header::read(&vec![0; length]), Found::Blank);
        }
    }

    #[test]
    fn another_version_is_told() {
        let mut page = HEADER.page();
        page[8] = 2;
        let crc = crc32c::crc32c(&page[..76]);
        page[76..80].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Header::read(&page), Found::Version(2));
    }

    #[test]
    fn names_of_files_are_numbers() {
        assert_eq!(file_name(42), "0000000042.seg");
        assert_eq!(file_number("0000000042.seg"), Some(42));
        assert_eq!(
            file_number(&file_name(12_345_678_901)),
            Some(12_345_678_901)
        );
        for other in ["lock", "42.seg", "+000000042.seg", "0000000042.idx", ".seg"] {
            assert_eq!(file_number(other), None, "{other}");
        }
    }

    #[test]
    fn the_order_of_names_counts() {
        assert_ne!(names(&["a", "b"]), names(&["b", "a"]));
        assert_ne!(names(&["ab"]), names(&["a", "b"]));
    }
}
