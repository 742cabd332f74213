//! The receiving end.

use super::{IV, aes_key, is_nonce, is_object, is_plain, string_to_sign};
use crate::clock;
use crate::config::ConfigError;
use crate::crypto::aes::{CbcKey, unpad};
use crate::crypto::{base64, rsa};
use crate::fields::Node;
use crate::json::{self, JsonError};
use crate::reject::Reject;
use crate::time::UnixMillis;

/// A callback that is authentic, fresh and readable; whether its nonce is new remains to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What was sealed: one JSON object.
    pub plaintext: Vec<u8>,
    /// To be refused when it comes again for this application.
    pub nonce: String,
    /// Until when the nonce must be remembered.
    pub expires: UnixMillis,
    /// Which of the secrets decrypted it.
    pub secret: usize,
    /// Which of the public keys verified it.
    pub public_key: usize,
}

/// Verifies and opens the callbacks of one application; old and new secrets and keys side by side.
pub struct PartnerVerifier {
    app_id: String,
    secrets: Vec<CbcKey>,
    public_keys: Vec<rsa::PublicKey>,
}

/// The members that every callback has.
struct Envelope<'a> {
    members: Vec<(&'a str, &'a str)>,
}

impl PartnerVerifier {
    /// `public_keys` are PEM text: a public key or a certificate of the sender.
    ///
    /// # Errors
    /// Every problem found, under `app_id`, `app_secret[i]` and `public_key[i]`.
    pub fn new(
        app_id: &str,
        secrets: &[String],
        public_keys: &[String],
    ) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let verifier = Self {
            app_id: app_id.to_owned(),
            secrets: compile_secrets(secrets, &mut errors),
            public_keys: compile_keys(public_keys, &mut errors),
        };
        for (path, empty) in [
            ("app_id", app_id.is_empty()),
            ("app_secret", secrets.is_empty()),
            ("public_key", public_keys.is_empty()),
        ] {
            if empty {
                errors.push(ConfigError::new(path, "must not be empty"));
            }
        }
        if errors.is_empty() {
            Ok(verifier)
        } else {
            Err(errors)
        }
    }

    /// Checks shape, clock, signature and application, in this order, and decrypts.
    ///
    /// # Errors
    /// [`Reject::BadEnvelope`], [`Reject::DuplicateParameter`], [`Reject::MissingParameter`],
    /// [`Reject::BadTimestamp`], [`Reject::Stale`], [`Reject::Future`], [`Reject::BadSignature`],
    /// [`Reject::WrongReceiveId`], [`Reject::BadCiphertext`], [`Reject::Undecryptable`].
    pub fn open(&self, body: &[u8], now: UnixMillis) -> Result<Opened, Reject> {
        let body = std::str::from_utf8(body).map_err(|_| Reject::BadEnvelope)?;
        let fields = json::parse(body).map_err(|error| match error {
            JsonError::DuplicateKey => Reject::DuplicateParameter,
            JsonError::Malformed => Reject::BadEnvelope,
        })?;
        let envelope = Envelope::read(fields.members())?;
        let [app_id, timestamp, nonce, data, sign] =
            envelope.required(["app_id", "timestamp", "nonce", "data", "sign"])?;
        if !is_nonce(nonce) {
            return Err(Reject::BadEnvelope);
        }
        let sent = clock::fresh(timestamp, now)?;
        let public_key = self.signer(&envelope, sign)?;
        if app_id != self.app_id {
            return Err(Reject::WrongReceiveId);
        }
        let (secret, plaintext) = self.decrypt(data)?;
        let expires = UnixMillis::from_seconds(sent.saturating_add(clock::WINDOW));
        Ok(Opened {
            plaintext,
            nonce: nonce.to_owned(),
            expires,
            secret,
            public_key,
        })
    }

    fn signer(&self, envelope: &Envelope<'_>, sign: &str) -> Result<usize, Reject> {
        let signature = base64::decode(sign.as_bytes()).ok_or(Reject::BadSignature)?;
        let signed = string_to_sign(envelope.members.iter().copied());
        let fits = |key: &rsa::PublicKey| key.verify(&[signed.as_bytes()], &signature);
        self.public_keys
            .iter()
            .position(fits)
            .ok_or(Reject::BadSignature)
    }

    fn decrypt(&self, data: &str) -> Result<(usize, Vec<u8>), Reject> {
        let sealed = base64::decode(data.as_bytes()).ok_or(Reject::BadCiphertext)?;
        if sealed.is_empty() || !sealed.len().is_multiple_of(16) {
            return Err(Reject::BadCiphertext);
        }
        let mut opened = self.secrets.iter().enumerate().filter_map(|(index, key)| {
            let mut room = sealed.clone();
            let plain = unpad(key.decrypt(&IV, &mut room)?, 16)?;
            is_object(plain).then(|| (index, plain.to_vec()))
        });
        opened.next().ok_or(Reject::Undecryptable)
    }
}

impl std::fmt::Debug for PartnerVerifier {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "PartnerVerifier({})", self.app_id)
    }
}

impl<'a> Envelope<'a> {
    /// All members, which must be strings that cannot blur the text to sign.
    fn read(members: &'a [(std::borrow::Cow<'_, str>, Node<'_>)]) -> Result<Self, Reject> {
        let mut read = Vec::with_capacity(members.len());
        for (name, node) in members {
            match node {
                Node::Text(value) if is_plain(name, value) => read.push((&**name, &**value)),
                _ => return Err(Reject::BadEnvelope),
            }
        }
        Ok(Self { members: read })
    }

    fn required<const N: usize>(&self, names: [&str; N]) -> Result<[&'a str; N], Reject> {
        let mut values = [""; N];
        for (slot, wanted) in values.iter_mut().zip(names) {
            let found = self.members.iter().find(|(name, _)| *name == wanted);
            *slot = found.map(|(_, value)| *value).unwrap_or_default();
        }
        if values.iter().any(|value| value.is_empty()) {
            return Err(Reject::MissingParameter);
        }
        Ok(values)
    }
}

fn compile_secrets(secrets: &[String], errors: &mut Vec<ConfigError>) -> Vec<CbcKey> {
    let mut built = Vec::with_capacity(secrets.len());
    for (index, secret) in secrets.iter().enumerate() {
        match aes_key(secret) {
            Some(key) if !secret.is_empty() => built.push(key),
            _ => errors.push(ConfigError::new(
                format!("app_secret[{index}]"),
                "must not be empty",
            )),
        }
    }
    built
}

fn compile_keys(texts: &[String], errors: &mut Vec<ConfigError>) -> Vec<rsa::PublicKey> {
    let mut built = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match rsa::PublicKey::from_pem(text) {
            Ok(key) => built.push(key),
            Err(error) => {
                errors.push(ConfigError::new(
                    format!("public_key[{index}]"),
                    error.reason(),
                ));
            }
        }
    }
    built
}
