//! Which key a V2 notice was made with, if any.

use super::refund::{blocks, decrypt, refund_key};
use super::sign::{SignType, sign};
use crate::config::ConfigError;
use crate::crypto::constant_time;
use crate::dialect::members::{required, text, xml_refused};
use crate::dialect::pay::{Apiv3Key, Resource, compile, open_any};
use crate::fields::Fields;
use crate::reject::Reject;
use crate::xml::{self, Limits};

/// One level, no attributes, nothing twice: what is signed must have one reading. Coupons come as
/// three numbered fields each, hence the room.
const NOTICE: Limits = Limits {
    elements: 512,
    ..Limits::ENVELOPE
};

/// Reads a notice, or the XML that was sealed in a refund's.
///
/// # Errors
/// [`Reject::BadEnvelope`] and [`Reject::DuplicateField`].
pub fn parse(body: &[u8]) -> Result<Fields<'_>, Reject> {
    let text = std::str::from_utf8(body).map_err(|_| Reject::BadEnvelope)?;
    xml::parse(text, NOTICE).map_err(xml_refused)
}

/// A notice that one of the keys vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum V2Notice {
    /// All fields are signed.
    Signed {
        /// Index of the merchant key.
        key: usize,
    },
    /// A refund's result. Only the inner fields count.
    Refund {
        /// Index of the merchant key.
        key: usize,
        /// The inner XML, for [`parse`].
        xml: String,
    },
    /// A resource sealed as in APIv3. Only what is inside counts.
    Resource {
        /// Index of the APIv3 key.
        key: usize,
        /// What was sealed.
        resource: Vec<u8>,
    },
}

/// Verifies and opens the notices of one account.
pub struct PayV2Verifier {
    keys: Vec<MerchantKey>,
    sign_type: Option<SignType>,
    apiv3: Vec<Apiv3Key>,
}

struct MerchantKey {
    text: String,
    refund: [u8; 32],
}

impl PayV2Verifier {
    /// `keys` are tried in order. With a `sign_type` no other is accepted; without one the length of the
    /// signature tells, since a notice need not name it.
    ///
    /// # Errors
    /// Every problem found, under `key[i]`.
    pub fn new(keys: &[String], sign_type: Option<SignType>) -> Result<Self, Vec<ConfigError>> {
        let mut errors: Vec<_> = keys.iter().enumerate().filter_map(unfit).collect();
        if keys.is_empty() {
            errors.push(ConfigError::new("key", "at least one key is needed"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let build = |text: &String| MerchantKey {
            text: text.clone(),
            refund: refund_key(text),
        };
        Ok(Self {
            keys: keys.iter().map(build).collect(),
            sign_type,
            apiv3: Vec::new(),
        })
    }

    /// Adds the APIv3 keys, for notices with `event_ciphertext`.
    ///
    /// # Errors
    /// Every problem found, under `apiv3_key[i]`.
    pub fn with_apiv3(mut self, keys: &[String]) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        self.apiv3 = compile(keys, &mut errors);
        if errors.is_empty() {
            Ok(self)
        } else {
            Err(errors)
        }
    }

    /// Verifies a parsed notice and opens what is sealed in it.
    ///
    /// # Errors
    /// [`Reject::MissingParameter`]: neither signed nor sealed. [`Reject::BadSignature`],
    /// [`Reject::BadCiphertext`], [`Reject::UnknownAlgorithm`], [`Reject::Undecryptable`];
    /// [`Reject::MissingField`]: signed, but no notice.
    pub fn open(&self, fields: &Fields<'_>) -> Result<V2Notice, Reject> {
        let signature = text(fields.get("sign"))?.filter(|sign| !sign.is_empty());
        let signer = signature
            .map(|sign| self.signer(fields, sign))
            .transpose()?;
        if let Some(sealed) = text(fields.get("req_info"))? {
            return self.refund(sealed);
        }
        if fields.get("event_ciphertext").is_some() {
            return self.resource(fields);
        }
        let key = signer.ok_or(Reject::MissingParameter)?;
        // Scans (native, mode 1) have no return_code, all others do.
        if fields
            .text("return_code")
            .or_else(|| fields.text("product_id"))
            .is_none()
        {
            return Err(Reject::MissingField);
        }
        Ok(V2Notice::Signed { key })
    }

    /// The key that `signature` was made with. Upper case is the rule, but case says nothing in hex.
    fn signer(&self, fields: &Fields<'_>, signature: &str) -> Result<usize, Reject> {
        let kind = self.kind(signature).ok_or(Reject::BadSignature)?;
        let mut pairs = Vec::with_capacity(fields.members().len());
        for (name, node) in fields.members() {
            pairs.push((&**name, text(Some(node))?.unwrap_or_default()));
        }
        let received = signature.to_ascii_uppercase();
        let fits = |key: &MerchantKey| {
            let expected = sign(pairs.iter().copied(), &key.text, kind);
            constant_time::eq(expected.as_bytes(), received.as_bytes())
        };
        self.keys.iter().position(fits).ok_or(Reject::BadSignature)
    }

    fn kind(&self, signature: &str) -> Option<SignType> {
        let by_length = match signature.len() {
            32 => SignType::Md5,
            64 => SignType::HmacSha256,
            _ => return None,
        };
        self.sign_type
            .is_none_or(|pinned| pinned == by_length)
            .then_some(by_length)
    }

    fn refund(&self, req_info: &str) -> Result<V2Notice, Reject> {
        let sealed = blocks(req_info)?;
        let mut opened = self.keys.iter().enumerate().filter_map(|(index, key)| {
            let xml = decrypt(&key.refund, sealed.clone())?;
            Some(V2Notice::Refund { key: index, xml })
        });
        opened.next().ok_or(Reject::Undecryptable)
    }

    fn resource(&self, fields: &Fields<'_>) -> Result<V2Notice, Reject> {
        let member = |name: &str| required(fields.get(name), Reject::BadEnvelope);
        let resource = Resource::new(
            member("event_algorithm")?,
            member("event_nonce")?,
            text(fields.get("event_associated_data"))?.unwrap_or_default(),
            member("event_ciphertext")?,
        )?;
        let (key, resource) = open_any(&self.apiv3, &resource)?;
        Ok(V2Notice::Resource { key, resource })
    }
}

impl std::fmt::Debug for PayV2Verifier {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "PayV2Verifier({} keys, {:?})",
            self.keys.len(),
            self.sign_type
        )
    }
}

fn unfit((index, key): (usize, &String)) -> Option<ConfigError> {
    let reason = format!(
        "a V2 key has exactly 32 characters; this one has {} bytes",
        key.len()
    );
    (key.len() != 32).then(|| ConfigError::new(format!("key[{index}]"), reason))
}
