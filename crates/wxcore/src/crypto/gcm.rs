//! AES-256-GCM and, with feature `sm`, SM4-GCM: the same mode over two block ciphers.
//!
//! The cipher's type fixes the key's length. A 16-byte APIv3 key therefore fails to build, instead of
//! quietly selecting AES-128 as it does in some SDKs.

use aes_gcm::AesGcm;
use aes_gcm::aead::{AeadInOut as _, KeyInit, Nonce};
use aes_gcm::aes::cipher::consts::{U12, U16};
use aes_gcm::aes::cipher::{BlockCipherEncrypt, BlockSizeUser};

/// The block cipher of [`Aes256Key`].
pub use aes_gcm::aes::Aes256;

/// A key for WeChat Pay's `AEAD_AES_256_GCM` and for API security.
pub type Aes256Key = GcmKey<Aes256>;

/// Bytes of the authentication tag, which stands behind the ciphertext.
pub const TAG: usize = 16;

/// A GCM key over the block cipher `C`, its schedule computed once. WeChat's nonces have 12 bytes;
/// 16 are accepted as other libraries do.
pub struct GcmKey<C> {
    short: AesGcm<C, U12>,
    long: AesGcm<C, U16>,
}

impl<C> GcmKey<C>
where
    C: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + KeyInit + Clone,
{
    /// `None` unless `key` has the length that `C` demands: 32 bytes for AES-256, 16 for SM4.
    pub fn new(key: &[u8]) -> Option<Self> {
        let cipher = C::new_from_slice(key).ok()?;
        Some(Self {
            short: cipher.clone().into(),
            long: cipher.into(),
        })
    }

    /// Opens `ciphertext || tag`. `None`, and no partial plaintext, unless the tag fits.
    pub fn open(&self, nonce: &[u8], associated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut data = sealed.to_vec();
        if let Ok(nonce) = Nonce::<AesGcm<C, U12>>::try_from(nonce) {
            self.short
                .decrypt_in_place(&nonce, associated, &mut data)
                .ok()?;
        } else {
            let nonce = Nonce::<AesGcm<C, U16>>::try_from(nonce).ok()?;
            self.long
                .decrypt_in_place(&nonce, associated, &mut data)
                .ok()?;
        }
        Some(data)
    }

    /// Seals into `ciphertext || tag`; `None` if the nonce has neither 12 nor 16 bytes.
    pub fn seal(&self, nonce: &[u8], associated: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let mut data = Vec::with_capacity(plain.len() + TAG);
        data.extend_from_slice(plain);
        if let Ok(nonce) = Nonce::<AesGcm<C, U12>>::try_from(nonce) {
            self.short
                .encrypt_in_place(&nonce, associated, &mut data)
                .ok()?;
        } else {
            let nonce = Nonce::<AesGcm<C, U16>>::try_from(nonce).ok()?;
            self.long
                .encrypt_in_place(&nonce, associated, &mut data)
                .ok()?;
        }
        Some(data)
    }
}

impl<C> std::fmt::Debug for GcmKey<C> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("GcmKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::{Aes256Key, TAG};
    use proptest::prelude::*;

    const KEY: [u8; 32] = *b"0123456789abcdef0123456789ABCDEF";

    #[test]
    fn only_32_bytes_make_an_aes_key() {
        for length in 0..=64 {
            assert_eq!(
                Aes256Key::new(&vec![7; length]).is_some(),
                length == 32,
                "{length}"
            );
        }
    }

    #[test]
    fn nonces_have_12_or_16_bytes() {
        let key = Aes256Key::new(&KEY).unwrap();
        for length in 0..=32 {
            let fits = length == 12 || length == 16;
            assert_eq!(
                key.seal(&vec![1; length], b"", b"x").is_some(),
                fits,
                "{length}"
            );
            assert_eq!(key.open(&vec![1; length], b"", b""), None);
        }
    }

    #[test]
    fn shorter_than_a_tag_is_refused() {
        let key = Aes256Key::new(&KEY).unwrap();
        for length in 0..TAG {
            assert_eq!(key.open(&[1; 12], b"", &vec![0; length]), None);
        }
    }

    #[test]
    fn a_key_prints_nothing_of_itself() {
        assert_eq!(format!("{:?}", Aes256Key::new(&KEY).unwrap()), "GcmKey(…)");
    }

    proptest! {
        #[test]
        fn open_undoes_seal_and_any_flipped_bit_is_refused(
            plain in proptest::collection::vec(any::<u8>(), 0..200),
            associated in proptest::collection::vec(any::<u8>(), 0..40),
            nonce in prop_oneof![
                proptest::collection::vec(any::<u8>(), 12),
                proptest::collection::vec(any::<u8>(), 16),
            ],
            flip in any::<prop::sample::Index>(),
        ) {
            let key = Aes256Key::new(&KEY).unwrap();
            let mut sealed = key.seal(&nonce, &associated, &plain).unwrap();
            prop_assert_eq!(key.open(&nonce, &associated, &sealed), Some(plain));
            let bit = flip.index(sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(key.open(&nonce, &associated, &sealed), None);
            sealed[bit / 8] ^= 1 << (bit % 8);
            let mut other = associated.clone();
            other.push(0);
            prop_assert_eq!(key.open(&nonce, &other, &sealed), None);
        }
    }
}
