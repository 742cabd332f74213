//! The envelope of WeChat's pushes (`WXBizMsgCrypt`): SHA-1 over sorted strings, AES-256-CBC with a
//! fixed IV, PKCS#7 over 32 bytes, and a frame that names the receiver.
//!
//! ```text
//! random (16) | length of msg (4, big-endian) | msg (UTF-8) | receive id | padding (1..=32)
//! ```

use crate::config::ConfigError;
use crate::crypto::aes::{CbcKey, unpad};
use crate::crypto::{base64, constant_time, digest};
use crate::reject::Reject;

const RANDOM: usize = 16;
const HEADER: usize = RANDOM + 4;
const PAD_BLOCK: u8 = 32;

/// Tokens, message keys and receive ids of one account; old and new ones side by side (G8).
pub struct Envelope {
    tokens: Vec<String>,
    keys: Vec<MessageKey>,
    receive_ids: Vec<String>,
}

/// An `EncodingAESKey` with its schedules; the IV is the key's own head.
struct MessageKey {
    cbc: CbcKey,
    iv: [u8; 16],
}

impl MessageKey {
    fn new(encoded: &str) -> Option<Self> {
        let key = base64::decode_aes_key(encoded)?;
        let iv = key.first_chunk().copied()?;
        Some(Self {
            cbc: CbcKey::new(&key)?,
            iv,
        })
    }
}

/// A decrypted message, in the buffer it was decrypted in.
#[derive(Debug)]
pub struct Plain {
    buffer: Vec<u8>,
    end: usize,
    /// Which of the account's keys opened it; a reply is sealed with the same.
    pub key: usize,
    /// Which of the account's receive ids it was sealed for.
    pub receive_id: usize,
}

impl Plain {
    /// The message itself.
    pub fn content(&self) -> &[u8] {
        self.buffer.get(HEADER..self.end).unwrap_or_default()
    }
}

/// Why one key did not open a ciphertext; with several keys the most telling one is reported.
enum Failure {
    Frame,
    ReceiveId,
}

impl Envelope {
    /// Compiles tokens, keys of 43 characters, and receive ids.
    ///
    /// # Errors
    /// One [`ConfigError`] for each unusable token or key, and for an empty list.
    pub fn new(
        tokens: &[String],
        keys: &[String],
        receive_ids: &[String],
    ) -> Result<Self, Vec<ConfigError>> {
        let mut problems = Vec::new();
        for (index, _) in tokens
            .iter()
            .enumerate()
            .filter(|(_, token)| token.is_empty())
        {
            problems.push(ConfigError::new(format!("token[{index}]"), "is empty"));
        }
        if tokens.is_empty() {
            problems.push(ConfigError::new("token", "at least one is needed"));
        }
        if receive_ids.is_empty() {
            problems.push(ConfigError::new("receive_id", "at least one is needed"));
        }
        let mut compiled = Vec::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            match MessageKey::new(key) {
                Some(key) => compiled.push(key),
                None => problems.push(bad_key(index, key)),
            }
        }
        if problems.is_empty() {
            let (tokens, receive_ids) = (tokens.to_vec(), receive_ids.to_vec());
            Ok(Self {
                tokens,
                keys: compiled,
                receive_ids,
            })
        } else {
            Err(problems)
        }
    }

    /// `sha1(sort(parts))` as 40 lower-case hex digits, sorted as bytes.
    fn signature<const N: usize>(mut parts: [&[u8]; N]) -> [u8; 40] {
        parts.sort_unstable();
        digest::hex40(digest::sha1(&parts))
    }

    /// Checks `signature` over token, timestamp and nonce: plain mode, and URL verification.
    ///
    /// # Errors
    /// [`Reject::BadSignature`] if no token fits.
    pub fn check_plain(&self, timestamp: &str, nonce: &str, signature: &str) -> Result<(), Reject> {
        self.check(signature, |token| {
            Self::signature([token, timestamp.as_bytes(), nonce.as_bytes()])
        })
    }

    /// Checks `msg_signature` over token, timestamp, nonce and ciphertext.
    ///
    /// # Errors
    /// [`Reject::BadSignature`] if no token fits.
    pub fn check_sealed(
        &self,
        timestamp: &str,
        nonce: &str,
        ciphertext: &str,
        signature: &str,
    ) -> Result<(), Reject> {
        self.check(signature, |token| {
            let (timestamp, nonce) = (timestamp.as_bytes(), nonce.as_bytes());
            Self::signature([token, timestamp, nonce, ciphertext.as_bytes()])
        })
    }

    /// Tries every token, always all of them, so that time does not tell which one fits.
    fn check(&self, signature: &str, expected: impl Fn(&[u8]) -> [u8; 40]) -> Result<(), Reject> {
        let fits = self.tokens.iter().fold(false, |fits, token| {
            constant_time::eq(&expected(token.as_bytes()), signature.as_bytes()) | fits
        });
        if fits {
            Ok(())
        } else {
            Err(Reject::BadSignature)
        }
    }

    /// Decrypts base64 `ciphertext` with the first key that yields a sound frame for one of the
    /// receive ids. Call it only after the signature has been checked.
    ///
    /// # Errors
    /// [`Reject::BadCiphertext`], [`Reject::Undecryptable`] or [`Reject::WrongReceiveId`].
    pub fn open(&self, ciphertext: &str) -> Result<Plain, Reject> {
        let sealed = base64::decode_verified(ciphertext.as_bytes()).ok_or(Reject::BadCiphertext)?;
        if sealed.is_empty() || !sealed.len().is_multiple_of(16) {
            return Err(Reject::BadCiphertext);
        }
        let (last, earlier) = self.keys.split_last().ok_or(Reject::Undecryptable)?;
        let mut reject = Reject::Undecryptable;
        for (index, key) in earlier.iter().enumerate() {
            match self.open_with(key, index, sealed.clone()) {
                Ok(plain) => return Ok(plain),
                Err(Failure::ReceiveId) => reject = Reject::WrongReceiveId,
                Err(Failure::Frame) => {}
            }
        }
        match self.open_with(last, earlier.len(), sealed) {
            Ok(plain) => Ok(plain),
            Err(Failure::ReceiveId) => Err(Reject::WrongReceiveId),
            Err(Failure::Frame) => Err(reject),
        }
    }

    fn open_with(
        &self,
        key: &MessageKey,
        index: usize,
        mut buffer: Vec<u8>,
    ) -> Result<Plain, Failure> {
        let plain = key
            .cbc
            .decrypt(&key.iv, &mut buffer)
            .ok_or(Failure::Frame)?;
        let framed = unpad(plain, PAD_BLOCK).ok_or(Failure::Frame)?;
        let (end, receive_id) = frame(framed).ok_or(Failure::Frame)?;
        let receive_id = self
            .receive_ids
            .iter()
            .position(|known| constant_time::eq(known.as_bytes(), receive_id))
            .ok_or(Failure::ReceiveId)?;
        Ok(Plain {
            buffer,
            end,
            key: index,
            receive_id,
        })
    }

    /// Encrypts `content` for the receive id `receive_id` with key `key`, both by index; base64.
    /// `random` must come from the operating system. `None` if there is no such key or id.
    pub fn seal(
        &self,
        content: &[u8],
        key: usize,
        receive_id: usize,
        random: [u8; RANDOM],
    ) -> Option<String> {
        let key = self.keys.get(key)?;
        let receive_id = self.receive_ids.get(receive_id)?.as_bytes();
        let length = u32::try_from(content.len()).ok()?;
        let mut data = Vec::with_capacity(HEADER + content.len() + receive_id.len() + 32);
        data.extend_from_slice(&random);
        data.extend_from_slice(&length.to_be_bytes());
        data.extend_from_slice(content);
        data.extend_from_slice(receive_id);
        Some(base64::encode(&key.cbc.encrypt(&key.iv, data, PAD_BLOCK)?))
    }

    /// Signs a ciphertext with the first token.
    pub fn sign_sealed(&self, timestamp: &str, nonce: &str, ciphertext: &str) -> String {
        let token = self
            .tokens
            .first()
            .map(String::as_bytes)
            .unwrap_or_default();
        let parts = [
            token,
            timestamp.as_bytes(),
            nonce.as_bytes(),
            ciphertext.as_bytes(),
        ];
        String::from_utf8_lossy(&Self::signature(parts)).into_owned()
    }

    /// Signs timestamp and nonce with the first token.
    pub fn sign_plain(&self, timestamp: &str, nonce: &str) -> String {
        let token = self
            .tokens
            .first()
            .map(String::as_bytes)
            .unwrap_or_default();
        let signature = Self::signature([token, timestamp.as_bytes(), nonce.as_bytes()]);
        String::from_utf8_lossy(&signature).into_owned()
    }

    /// The receive ids, in the configured order.
    pub fn receive_ids(&self) -> &[String] {
        &self.receive_ids
    }

    /// Whether any message key is configured.
    pub const fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }
}

/// Where the message ends, and the receive id behind it.
fn frame(framed: &[u8]) -> Option<(usize, &[u8])> {
    let length = framed.get(RANDOM..HEADER)?.first_chunk().copied()?;
    let end = HEADER.checked_add(usize::try_from(u32::from_be_bytes(length)).ok()?)?;
    Some((end, framed.get(end..)?))
}

fn bad_key(index: usize, key: &str) -> ConfigError {
    let count = key.chars().count();
    let reason = if count == 43 {
        "holds characters outside A-Z a-z 0-9 + /".to_owned()
    } else {
        format!("is {count} characters long, EncodingAESKey has 43")
    };
    ConfigError::new(format!("aes_key[{index}]"), reason)
}
