//! AES without the library's own padding: WeChat pads to 32 bytes in one place and to 16 in others.
//!
//! The only module that names `aws_lc_rs::cipher`, whose unpadded modes are sharp tools: callers get
//! whole blocks in, whole blocks out, and strip the padding with [`unpad`], which checks every byte.

use aws_lc_rs::cipher::{
    AES_128, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;

const BLOCK: usize = 16;

/// An AES-CBC key with its schedules computed once.
pub struct CbcKey {
    encrypting: EncryptingKey,
    decrypting: DecryptingKey,
}

impl CbcKey {
    /// `key` of 16 or 32 bytes; `None` for any other length.
    pub fn new(key: &[u8]) -> Option<Self> {
        Some(Self {
            encrypting: EncryptingKey::cbc(unbound(key)?).ok()?,
            decrypting: DecryptingKey::cbc(unbound(key)?).ok()?,
        })
    }

    /// Decrypts `data` in place; `None` unless it is one or more whole blocks.
    pub fn decrypt<'d>(&self, iv: &[u8; BLOCK], data: &'d mut [u8]) -> Option<&'d [u8]> {
        if data.is_empty() || !data.len().is_multiple_of(BLOCK) {
            return None;
        }
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        self.decrypting
            .decrypt(data, context)
            .ok()
            .map(|plain| &*plain)
    }

    /// Pads `data` to a multiple of `block` (16 or 32) and encrypts it in place.
    pub fn encrypt(&self, iv: &[u8; BLOCK], mut data: Vec<u8>, block: u8) -> Option<Vec<u8>> {
        pad(&mut data, block);
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        self.encrypting.less_safe_encrypt(&mut data, context).ok()?;
        Some(data)
    }
}

/// Decrypts `data` in place with AES-256-ECB: Pay v2's refund notices. `None` unless whole blocks.
pub fn ecb_decrypt<'d>(key: &[u8; 32], data: &'d mut [u8]) -> Option<&'d [u8]> {
    if data.is_empty() || !data.len().is_multiple_of(BLOCK) {
        return None;
    }
    let key = DecryptingKey::ecb(unbound(key)?).ok()?;
    key.decrypt(data, DecryptionContext::None)
        .ok()
        .map(|plain| &*plain)
}

/// Pads to 16 and encrypts with AES-256-ECB: what the player of WeChat's part needs.
pub fn ecb_encrypt(key: &[u8; 32], mut data: Vec<u8>) -> Option<Vec<u8>> {
    pad(&mut data, 16);
    let key = EncryptingKey::ecb(unbound(key)?).ok()?;
    key.less_safe_encrypt(&mut data, EncryptionContext::None)
        .ok()?;
    Some(data)
}

/// Strips PKCS#7 padding of 1 to `block` bytes; `None` unless all of them say the same.
pub fn unpad(data: &[u8], block: u8) -> Option<&[u8]> {
    let count = *data.last()?;
    let kept = data.len().checked_sub(usize::from(count))?;
    let (content, padding) = data.split_at_checked(kept)?;
    // Folded over all of them: the time taken does not say which byte was wrong.
    let wrong = padding.iter().fold(0, |wrong, byte| wrong | (byte ^ count));
    (count >= 1 && count <= block && wrong == 0).then_some(content)
}

fn pad(data: &mut Vec<u8>, block: u8) {
    let over = data.len() % usize::from(block);
    let count = block - u8::try_from(over).unwrap_or(0);
    data.resize(data.len() + usize::from(count), count);
}

fn unbound(key: &[u8]) -> Option<UnboundCipherKey> {
    let algorithm = match key.len() {
        16 => &AES_128,
        32 => &AES_256,
        _ => return None,
    };
    UnboundCipherKey::new(algorithm, key).ok()
}

#[cfg(test)]
mod tests {
    use super::{pad, unpad};

    #[test]
    fn padding_runs_from_one_to_a_whole_block() {
        for length in 0..=96_usize {
            let mut data = vec![7; length];
            pad(&mut data, 32);
            assert_eq!(data.len() % 32, 0);
            assert!(data.len() > length);
            assert_eq!(unpad(&data, 32), Some(&vec![7; length][..]));
        }
    }

    #[test]
    fn bad_padding_is_refused() {
        assert_eq!(unpad(&[], 32), None);
        assert_eq!(unpad(&[0; 32], 32), None);
        assert_eq!(unpad(&[33; 64], 32), None);
        assert_eq!(unpad(&[17; 32], 16), None);
        assert_eq!(unpad(&[255; 32], 32), None);
        assert_eq!(unpad(&[1, 3, 2, 3], 32), None);
    }
}
