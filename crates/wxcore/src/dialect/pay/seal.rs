//! WeChat Pay's side: building, sealing and signing a notice, for tests and for the player of its part.

use super::RSA_TYPE;
#[cfg(feature = "sm")]
use super::SM2_TYPE;
use super::resource::{Algorithm, Apiv3Key};
#[cfg(feature = "sm")]
use crate::crypto::sm;
use crate::crypto::{base64, rsa};
use crate::json::write_str;
use crate::time::UnixMillis;

/// What a notice says. Its parts go out as they are: a wrong notice can be played too.
#[derive(Clone, Copy, Debug)]
pub struct NoticeDraft<'a> {
    /// The notice's id; a second try of the same notice keeps it.
    pub id: &'a str,
    /// When it happened.
    pub created: UnixMillis,
    /// Such as `TRANSACTION.SUCCESS`.
    pub event_type: &'a str,
    /// Such as `transaction`; serves as the associated data too, as WeChat does it.
    pub original_type: &'a str,
    /// A remark for people.
    pub summary: &'a str,
    /// The JSON to be sealed.
    pub resource: &'a [u8],
    /// 12 characters, new for each sealing.
    pub resource_nonce: &'a str,
}

/// A notice as it goes over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedNotice {
    /// The five signature headers.
    pub headers: [(&'static str, String); 5],
    /// The signed bytes.
    pub body: Vec<u8>,
}

/// What the platform signs with. It decides how the resource is sealed, too.
#[derive(Debug)]
pub enum Signer {
    /// RSA and `AEAD_AES_256_GCM`.
    Rsa(rsa::PrivateKey),
    /// SM2 and `AEAD_SM4_GCM`.
    #[cfg(feature = "sm")]
    Sm2(Box<sm::PrivateKey>),
}

/// Plays WeChat Pay towards one merchant.
#[derive(Debug)]
pub struct PaySender {
    serial: String,
    signer: Signer,
    apiv3: Apiv3Key,
}

impl PaySender {
    /// `serial` goes out as it is. `None` unless the APIv3 key has 32 bytes.
    pub fn new(serial: &str, signer: Signer, apiv3_key: &str) -> Option<Self> {
        let apiv3 = Apiv3Key::new(apiv3_key.as_bytes())?;
        Some(Self {
            serial: serial.to_owned(),
            signer,
            apiv3,
        })
    }

    /// Seals and signs. `None`: the resource nonce has neither 12 nor 16 bytes, or signing failed.
    pub fn seal(
        &self,
        draft: &NoticeDraft<'_>,
        now: UnixMillis,
        nonce: &str,
    ) -> Option<SealedNotice> {
        self.sign(self.body(draft)?, now, nonce)
    }

    /// Signs any body, as answers of the API are signed as well.
    pub fn sign(&self, body: Vec<u8>, now: UnixMillis, nonce: &str) -> Option<SealedNotice> {
        let signature = self.signature(&body, now, nonce)?;
        Some(self.signed(body, now, nonce, signature))
    }

    /// The body of a notice: the same for the same draft. `None`: the resource nonce has neither 12
    /// nor 16 bytes.
    pub fn body(&self, draft: &NoticeDraft<'_>) -> Option<Vec<u8>> {
        let algorithm = self.signer.algorithm();
        let (seal_nonce, associated) = (draft.resource_nonce, draft.original_type);
        let ciphertext = self.apiv3.seal(
            algorithm,
            seal_nonce.as_bytes(),
            associated.as_bytes(),
            draft.resource,
        )?;
        Some(envelope(draft, algorithm, &ciphertext))
    }

    /// The signature of a body in base64, which is what takes the time. `None`: signing failed.
    pub fn signature(&self, body: &[u8], now: UnixMillis, nonce: &str) -> Option<String> {
        let timestamp = now.seconds().to_string();
        let message = [
            timestamp.as_bytes(),
            b"\n",
            nonce.as_bytes(),
            b"\n",
            body,
            b"\n",
        ];
        Some(base64::encode(&self.signer.sign(&message)?))
    }

    /// A body under a signature that was made before, of the same time and nonce.
    pub fn signed(
        &self,
        body: Vec<u8>,
        now: UnixMillis,
        nonce: &str,
        signature: String,
    ) -> SealedNotice {
        let headers = [
            ("Wechatpay-Timestamp", now.seconds().to_string()),
            ("Wechatpay-Nonce", nonce.to_owned()),
            ("Wechatpay-Serial", self.serial.clone()),
            ("Wechatpay-Signature", signature),
            ("Wechatpay-Signature-Type", self.signer.name().to_owned()),
        ];
        SealedNotice { headers, body }
    }
}

impl Signer {
    fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => key.sign(parts),
            #[cfg(feature = "sm")]
            Self::Sm2(key) => key.sign(parts),
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Rsa(_) => RSA_TYPE,
            #[cfg(feature = "sm")]
            Self::Sm2(_) => SM2_TYPE,
        }
    }

    const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(_) => Algorithm::Aes256Gcm,
            #[cfg(feature = "sm")]
            Self::Sm2(_) => Algorithm::Sm4Gcm,
        }
    }
}

fn envelope(draft: &NoticeDraft<'_>, algorithm: Algorithm, ciphertext: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + ciphertext.len());
    out.push(b'{');
    let created = beijing(draft.created);
    let outer = [
        ("id", draft.id),
        ("create_time", &created),
        ("resource_type", "encrypt-resource"),
        ("event_type", draft.event_type),
        ("summary", draft.summary),
    ];
    for (name, value) in outer {
        member(&mut out, name, value);
        out.push(b',');
    }
    out.extend_from_slice(b"\"resource\":{");
    let inner = [
        ("original_type", draft.original_type),
        ("algorithm", algorithm.name()),
        ("ciphertext", ciphertext),
        ("associated_data", draft.original_type),
    ];
    for (name, value) in inner {
        member(&mut out, name, value);
        out.push(b',');
    }
    member(&mut out, "nonce", draft.resource_nonce);
    out.extend_from_slice(b"}}");
    out
}

fn member(out: &mut Vec<u8>, name: &str, value: &str) {
    write_str(out, name);
    out.push(b':');
    write_str(out, value);
}

/// RFC 3339 with whole seconds and WeChat's own offset.
fn beijing(time: UnixMillis) -> String {
    const OFFSET: i64 = 8 * 3600;
    let shifted = UnixMillis::from_seconds(time.seconds().saturating_add(OFFSET)).rfc3339();
    format!("{}+08:00", shifted.trim_end_matches(".000Z"))
}
