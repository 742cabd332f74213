//! API security (服务端 API 签名与加密): calls whose parameters are sealed, and their answers.
//!
//! Unlike payment notices, the tag travels apart, the signature is PSS, and the signed text has four lines
//! without a line feed at its end. A fifth line, as one widespread client had it, is refused by WeChat.
//! An answer without these headers is WeChat's own refusal, in clear: it may be read for its `errcode` (such
//! as 40234) and for nothing else.

mod headers;

pub use headers::AnswerHeaders;

use crate::clock;
use crate::crypto::base64;
use crate::crypto::gcm::{Aes256Key, TAG};
use crate::crypto::rsa::{PrivateKey, PublicKey};
use crate::dialect::members::required;
use crate::json;
use crate::reject::Reject;
use crate::time::UnixMillis;

/// The keys of one application, as the console shows them.
pub struct ApiSecurity {
    /// The application.
    pub appid: String,
    /// The number of the symmetric key.
    pub symmetric_number: String,
    /// The symmetric key: 32 bytes, in the console as base64.
    pub symmetric_key: Aes256Key,
    /// The application's own key, whose public half is in the console.
    pub private_key: PrivateKey,
    /// WeChat's keys, under the numbers that the console shows. These are not X.509 serials.
    pub platform: Vec<(String, PublicKey)>,
}

/// A sealed call: post `body` with these headers; the access token stays in the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedCall {
    /// `Wechatmp-Appid`, `Wechatmp-TimeStamp`, `Wechatmp-Signature`.
    pub headers: [(&'static str, String); 3],
    /// The signed bytes.
    pub body: String,
}

/// What makes one call unlike any other.
#[derive(Clone, Copy, Debug)]
pub struct Fresh<'a> {
    /// `_n`: random text.
    pub nonce: &'a str,
    /// Random bytes, never twice under one key.
    pub iv: [u8; 12],
    /// The present.
    pub now: UnixMillis,
}

impl ApiSecurity {
    /// Seals `parameters`, one JSON object of everything the call takes but the access token, for `url`
    /// (`https://host/path`, a query is left out). `None`: not an object, or it claims a member that belongs
    /// to the protocol.
    pub fn seal(&self, url: &str, parameters: &str, fresh: &Fresh<'_>) -> Option<SealedCall> {
        let (url, timestamp) = (without_query(url), fresh.now.seconds());
        let plain = self.parameters(parameters, fresh.nonce, timestamp)?;
        let associated = self.associated(url, timestamp);
        let mut data =
            self.symmetric_key
                .seal(&fresh.iv, associated.as_bytes(), plain.as_bytes())?;
        let tag = data.split_off(data.len().checked_sub(TAG)?);
        let [iv, data, tag] = [fresh.iv.as_slice(), &data, &tag].map(base64::encode);
        let body = format!("{{\"iv\":\"{iv}\",\"data\":\"{data}\",\"authtag\":\"{tag}\"}}");
        let head = self.head(url, timestamp);
        let signature = self
            .private_key
            .sign_pss(&[head.as_bytes(), body.as_bytes()])?;
        let headers = [
            ("Wechatmp-Appid", self.appid.clone()),
            ("Wechatmp-TimeStamp", timestamp.to_string()),
            ("Wechatmp-Signature", base64::encode(&signature)),
        ];
        Some(SealedCall { headers, body })
    }

    /// Verifies and opens the answer to a call to `url`; what comes out is JSON.
    ///
    /// # Errors
    /// [`Reject::MissingParameter`], [`Reject::DuplicateParameter`], [`Reject::WrongReceiveId`],
    /// [`Reject::BadTimestamp`], [`Reject::Stale`], [`Reject::Future`], [`Reject::UnknownSerial`],
    /// [`Reject::BadSignature`], [`Reject::BadEnvelope`], [`Reject::BadCiphertext`],
    /// [`Reject::Undecryptable`].
    pub fn open(
        &self,
        url: &str,
        headers: &AnswerHeaders<'_>,
        body: &str,
        now: UnixMillis,
    ) -> Result<Vec<u8>, Reject> {
        if headers.appid != self.appid {
            return Err(Reject::WrongReceiveId);
        }
        let timestamp = clock::fresh(headers.timestamp, now)?;
        let url = without_query(url);
        self.verify(&self.head(url, timestamp), headers, body)?;
        let plain = self.decrypt(&self.associated(url, timestamp), body)?;
        self.check(&plain, timestamp)?;
        Ok(plain)
    }

    /// While WeChat changes its key an answer is signed twice; either signature is enough.
    fn verify(&self, head: &str, headers: &AnswerHeaders<'_>, body: &str) -> Result<(), Reject> {
        let mut refusal = Reject::UnknownSerial;
        for (number, signature) in [Some(headers.current), headers.deprecated]
            .into_iter()
            .flatten()
        {
            let Some((_, key)) = self.platform.iter().find(|(known, _)| known == number) else {
                continue;
            };
            let signature = base64::decode(signature.as_bytes()).unwrap_or_default();
            if key.verify_pss(&[head.as_bytes(), body.as_bytes()], &signature) {
                return Ok(());
            }
            refusal = Reject::BadSignature;
        }
        Err(refusal)
    }

    fn decrypt(&self, associated: &str, body: &str) -> Result<Vec<u8>, Reject> {
        let envelope = json::parse(body).map_err(|_| Reject::BadEnvelope)?;
        let member = |name: &str| -> Result<Vec<u8>, Reject> {
            let text = required(envelope.get(name), Reject::BadEnvelope)?;
            base64::decode(text.as_bytes()).ok_or(Reject::BadCiphertext)
        };
        let (iv, data, tag) = (member("iv")?, member("data")?, member("authtag")?);
        if tag.len() != TAG {
            return Err(Reject::BadCiphertext);
        }
        let sealed = [data, tag].concat();
        let plain = self.symmetric_key.open(&iv, associated.as_bytes(), &sealed);
        plain.ok_or(Reject::Undecryptable)
    }

    /// The sealed copies of appid and timestamp must be those of the headers.
    fn check(&self, plain: &[u8], timestamp: i64) -> Result<(), Reject> {
        let text = std::str::from_utf8(plain).map_err(|_| Reject::Undecryptable)?;
        let fields = json::parse(text).map_err(|_| Reject::Undecryptable)?;
        if fields.text("_appid").as_deref() != Some(self.appid.as_str()) {
            return Err(Reject::WrongReceiveId);
        }
        let sealed = fields.text("_timestamp").ok_or(Reject::BadTimestamp)?;
        if *sealed == timestamp.to_string() {
            Ok(())
        } else {
            Err(Reject::BadTimestamp)
        }
    }

    /// The caller's members stand as they were written; the protocol's go before them.
    fn parameters(&self, parameters: &str, nonce: &str, timestamp: i64) -> Option<String> {
        let fields = json::parse(parameters).ok()?;
        if ["_n", "_appid", "_timestamp"]
            .iter()
            .any(|name| fields.get(name).is_some())
        {
            return None;
        }
        let rest = parameters.trim_start().strip_prefix('{')?;
        let separator = if fields.members().is_empty() { "" } else { "," };
        let mut plain = b"{\"_n\":".to_vec();
        json::write_str(&mut plain, nonce);
        plain.extend_from_slice(b",\"_appid\":");
        json::write_str(&mut plain, &self.appid);
        plain.extend_from_slice(format!(",\"_timestamp\":{timestamp}{separator}{rest}").as_bytes());
        String::from_utf8(plain).ok()
    }

    fn associated(&self, url: &str, timestamp: i64) -> String {
        format!("{url}|{}|{timestamp}|{}", self.appid, self.symmetric_number)
    }

    /// The signed text up to the body.
    fn head(&self, url: &str, timestamp: i64) -> String {
        format!("{url}\n{}\n{timestamp}\n", self.appid)
    }
}

fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(path, _)| path)
}

#[cfg(test)]
mod tests;
