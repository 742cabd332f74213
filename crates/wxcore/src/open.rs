//! Stage 3 for pushes: the plaintext, and which key and receive id it belongs to.

use std::borrow::Cow;

use crate::account::PushAccount;
use crate::envelope::Plain;
use crate::reject::Reject;
use crate::verify::Verified;

/// What a verified request says.
#[derive(Debug)]
pub enum Opened<'a> {
    /// The answer to a URL verification.
    Echo(Cow<'a, str>),
    /// A message that was never encrypted.
    Plain(&'a str),
    /// A message that was.
    Sealed(Plain),
}

impl Opened<'_> {
    /// The message's bytes; for an echo, its text.
    pub fn content(&self) -> &[u8] {
        match self {
            Self::Echo(text) => text.as_bytes(),
            Self::Plain(text) => text.as_bytes(),
            Self::Sealed(plain) => plain.content(),
        }
    }

    /// Indexes of key and receive id, under which a reply is sealed.
    pub const fn keys(&self) -> Option<(usize, usize)> {
        match self {
            Self::Sealed(plain) => Some((plain.key, plain.receive_id)),
            _ => None,
        }
    }
}

/// Decrypts what is encrypted.
///
/// # Errors
/// A [`Reject`] of the stage `open`.
pub fn open<'a>(account: &PushAccount, verified: Verified<'a>) -> Result<Opened<'a>, Reject> {
    match verified {
        Verified::Echo(text) => Ok(Opened::Echo(text)),
        Verified::Plain(text) => Ok(Opened::Plain(text)),
        Verified::Sealed(ciphertext) => account.envelope.open(&ciphertext).map(Opened::Sealed),
        Verified::SealedEcho(ciphertext) => {
            let plain = account.envelope.open(&ciphertext)?;
            let text = String::from_utf8_lossy(plain.content()).into_owned();
            Ok(Opened::Echo(Cow::Owned(text)))
        }
    }
}
