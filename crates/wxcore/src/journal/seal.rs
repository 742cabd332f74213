//! Payloads sealed at rest: AES-256-GCM under a key of each segment's own.
//!
//! The segment's key is HKDF-SHA256 of the operator's key with the segment's salt. The nonce is the
//! frame's `seq` (8 bytes) and its offset in the file (4 bytes): nothing is ever written twice at one
//! offset of a segment, so no nonce serves twice under one key. The frame's header is authenticated.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};

use super::frame::HEADER;
use super::segment::Header;

/// Bytes that a seal adds to a payload.
pub const TAG: usize = 16;

/// The operator's key. Shows nothing of itself.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl SealKey {
    /// From 32 bytes of randomness.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The key of the segment with that salt, and what its header says to check it by.
    pub(crate) fn segment(&self, salt: &[u8; 16]) -> Option<(Sealer, [u8; 8])> {
        let key: [u8; 32] = self.derive(salt, b"wxgate journal segment")?;
        let check = self.derive(salt, b"wxgate journal check")?;
        let key = UnboundKey::new(&AES_256_GCM, &key).ok()?;
        Some((Sealer(LessSafeKey::new(key)), check))
    }

    /// A key for what `info` names, under the salt of a segment.
    pub(crate) fn derive<const N: usize>(&self, salt: &[u8; 16], info: &[u8]) -> Option<[u8; N]> {
        expand(&Salt::new(HKDF_SHA256, salt).extract(&self.0), info)
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SealKey(…)")
    }
}

/// Seals and opens the payloads of one segment.
pub struct Sealer(LessSafeKey);

impl Sealer {
    /// That of a segment; `None` if the segment is not sealed.
    ///
    /// # Errors
    /// [`WrongKey`] without a key, or under another one.
    pub fn of(header: &Header, key: Option<&SealKey>) -> Result<Option<Self>, WrongKey> {
        let Some((salt, expected)) = header.sealed else {
            return Ok(None);
        };
        let key = key.ok_or(WrongKey::Missing)?;
        match key.segment(&salt) {
            Some((sealer, check)) if check == expected => Ok(Some(sealer)),
            _ => Err(WrongKey::Other),
        }
    }

    /// Seals a whole frame in place: its payload ends in [`TAG`] free bytes.
    pub(crate) fn seal(&self, frame: &mut [u8], seq: u64, offset: u32) -> Option<()> {
        let (header, payload) = frame.split_at_mut_checked(HEADER)?;
        let (plain, tag) = payload.split_at_mut_checked(payload.len().checked_sub(TAG)?)?;
        let aad = Aad::from(associated(header)?);
        let made = self
            .0
            .seal_in_place_separate_tag(nonce(seq, offset), aad, plain)
            .ok()?;
        tag.copy_from_slice(made.as_ref());
        Some(())
    }

    /// Opens the payload of a whole frame in place; `None` if it was not sealed so.
    pub fn open<'a>(&self, frame: &'a mut [u8], seq: u64, offset: u32) -> Option<&'a [u8]> {
        let (header, payload) = frame.split_at_mut_checked(HEADER)?;
        let aad = Aad::from(associated(header)?);
        let plain = self
            .0
            .open_in_place(nonce(seq, offset), aad, payload)
            .ok()?;
        Some(plain)
    }
}

/// Why a sealed segment cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongKey {
    /// No key is configured.
    Missing,
    /// It was sealed under another key.
    Other,
}

/// `len`, `seq`, `epoch` and `kind`: all of the header but the checksum.
fn associated(header: &[u8]) -> Option<[u8; HEADER - 4]> {
    let mut out = [0; HEADER - 4];
    let (len, rest) = out.split_at_mut_checked(4)?;
    len.copy_from_slice(header.get(..4)?);
    rest.copy_from_slice(header.get(8..HEADER)?);
    Some(out)
}

fn nonce(seq: u64, offset: u32) -> Nonce {
    let mut bytes = [0; 12];
    for (to, from) in bytes
        .iter_mut()
        .zip(seq.to_le_bytes().into_iter().chain(offset.to_le_bytes()))
    {
        *to = from;
    }
    Nonce::assume_unique_for_key(bytes)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(root: &aws_lc_rs::hkdf::Prk, info: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    root.expand(&[info], Length(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{SealKey, Sealer, TAG, WrongKey};
    use crate::journal::frame::{self, Kind};
    use crate::journal::segment::Header;
    use crate::time::UnixMillis;

    fn header(key: &SealKey) -> Header {
        let (_, check) = key.segment(&[3; 16]).unwrap();
        Header {
            epoch: 1,
            number: 1,
            first_seq: 1,
            created: UnixMillis(0),
            sealed: Some(([3; 16], check)),
            names: 0,
        }
    }

    #[test]
    fn open_undoes_seal_only_where_it_was_sealed() {
        let key = SealKey::new([5; 32]);
        let sealer = Sealer::of(&header(&key), Some(&key)).unwrap().unwrap();
        let mut frame = Vec::new();
        frame::begin(&mut frame, Kind::Message, 9, TAG, |out| {
            out.extend_from_slice(b"attack at dawn");
        });
        frame::set_epoch(&mut frame, 1);
        sealer.seal(&mut frame, 9, 4096).unwrap();
        assert!(!frame.windows(6).any(|part| part == b"attack"));
        assert_eq!(sealer.open(&mut frame.clone(), 9, 4097), None);
        assert_eq!(sealer.open(&mut frame.clone(), 8, 4096), None);
        let mut other_kind = frame.clone();
        other_kind[20] = 4;
        assert_eq!(sealer.open(&mut other_kind, 9, 4096), None);
        assert_eq!(
            sealer.open(&mut frame, 9, 4096),
            Some(&b"attack at dawn"[..])
        );
    }

    #[test]
    fn a_wrong_or_missing_key_is_told() {
        let header = header(&SealKey::new([5; 32]));
        assert_eq!(Sealer::of(&header, None).err(), Some(WrongKey::Missing));
        let other = SealKey::new([6; 32]);
        assert_eq!(
            Sealer::of(&header, Some(&other)).err(),
            Some(WrongKey::Other)
        );
    }

    #[test]
    fn a_key_prints_nothing_of_itself() {
        assert_eq!(format!("{:?}", SealKey::new([65; 32])), "SealKey(…)");
    }
}
