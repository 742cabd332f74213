//! The partner envelope: callbacks between a team's own services, under their AppSecret and RSA keys.
//!
//! The body is one JSON object whose members are all strings:
//!
//! | member | content |
//! |---|---|
//! | `app_id` | the receiver's application |
//! | `timestamp` | Unix seconds in decimal, within 300 s of the receiver's clock |
//! | `nonce` | 16 to 64 characters of `A-Z a-z 0-9 _ -`, never the same twice |
//! | `data` | one JSON object, sealed: base64 of AES-256-CBC, key HMAC-SHA256(AppSecret, `AESKey`), zero IV, PKCS#7 to 16 bytes |
//! | `sign` | base64 of RSA PKCS#1 v1.5 with SHA-256 |
//!
//! `sign` covers every other member as `name=value`, sorted by the bytes of the names and joined with a
//! line feed; members beyond these are allowed and signed. Names are of `A-Z a-z 0-9 _`, and no value holds
//! a control character: otherwise two objects could have one text to sign.
//!
//! What is sealed must be JSON because CBC does not say whether the key was right: about one ciphertext in
//! 256 decrypts under a wrong AppSecret as far as padding shows, and while two stand side by side the wrong
//! one may be tried first.
//!
//! The receiver must remember each nonce until [`Opened::expires`] and refuse it when it comes again
//! (`Reject::NonceReused`); after that the timestamp refuses it.
//!
//! # Weakness
//! With a fixed key and a fixed IV, equal beginnings of two plaintexts show as equal first blocks: an
//! onlooker learns that two messages start alike. Nothing can be altered, since the ciphertext is signed.
//! Where both ends can be chosen, choose better: AES-256-GCM with a random nonce, as [`crate::dialect::pay`]
//! does it, or mutual TLS and no envelope at all.

mod receive;
mod seal;
mod verifier;

pub use receive::PartnerAccount;
pub use seal::{PartnerDraft, PartnerSender};
pub use verifier::{Opened, PartnerVerifier};

use crate::crypto::aes::CbcKey;
use crate::crypto::digest::hmac_sha256;
use crate::json;

const IV: [u8; 16] = [0; 16];

/// The AES key of an AppSecret.
fn aes_key(secret: &str) -> Option<CbcKey> {
    CbcKey::new(&hmac_sha256(secret.as_bytes(), &[b"AESKey"]))
}

/// The text that is signed, from all members but `sign`.
fn string_to_sign<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut members: Vec<_> = members
        .into_iter()
        .filter(|(name, _)| *name != "sign")
        .collect();
    members.sort_unstable();
    let lines: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    lines.join("\n")
}

/// Whether a member can stand in the text without making it ambiguous.
fn is_plain(name: &str, value: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(fits) && !value.chars().any(char::is_control)
}

/// Whether a nonce has the agreed shape.
fn is_nonce(nonce: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (16..=64).contains(&nonce.len()) && nonce.bytes().all(fits)
}

/// Whether a plaintext is what may be sealed.
fn is_object(plain: &[u8]) -> bool {
    std::str::from_utf8(plain).is_ok_and(|text| json::parse(text).is_ok())
}

#[cfg(test)]
mod tests;
