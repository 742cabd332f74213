//! Sections at rest: what a sealed segment keeps secret, its index keeps secret as well.
//!
//! A section is `nonce 12 | ciphertext | tag 16`, AES-256-GCM under a key of the segment's salt. An
//! index can be made again with other contents under the same key, so its nonce is made from the
//! contents, with a second key: equal contents give equal bytes, different ones another nonce.

use super::IndexError;
use super::header::Section;
use crate::crypto::digest::hmac_sha256;
use crate::crypto::gcm::Aes256Key;
use crate::journal::seal::SealKey;

const NONCE: usize = 12;

/// Seals and opens the sections of one index.
pub(super) struct Cover {
    key: Aes256Key,
    nonces: [u8; 32],
}

impl Cover {
    /// That of an index; `None` if its segment is not sealed.
    pub(super) fn of(
        sealed: Option<([u8; 16], [u8; 8])>,
        key: Option<&SealKey>,
    ) -> Result<Option<Self>, IndexError> {
        let Some((salt, expected)) = sealed else {
            return Ok(None);
        };
        let key = key.ok_or(IndexError::Key)?;
        let check = key.segment(&salt).map(|(_, check)| check);
        if check != Some(expected) {
            return Err(IndexError::Key);
        }
        Self::new(key, &salt).map(Some).ok_or(IndexError::Key)
    }

    fn new(key: &SealKey, salt: &[u8; 16]) -> Option<Self> {
        let sections: [u8; 32] = key.derive(salt, b"wxgate journal index")?;
        Some(Self {
            key: Aes256Key::new(&sections)?,
            nonces: key.derive(salt, b"wxgate journal index nonces")?,
        })
    }

    pub(super) fn seal(&self, section: Section, plain: &[u8]) -> Option<Vec<u8>> {
        let name = [section as u8];
        let mac = hmac_sha256(&self.nonces, &[&name, plain]);
        let mut out = mac.first_chunk::<NONCE>()?.to_vec();
        let sealed = self.key.seal(&out, &name, plain)?;
        out.extend_from_slice(&sealed);
        Some(out)
    }

    pub(super) fn open(&self, section: Section, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        self.key.open(nonce, &[section as u8], sealed)
    }
}
