//! Who signed: the platform's keys by serial, the clock, and the signature over the raw bytes.

#[cfg(feature = "sm")]
use super::SM2_TYPE;
use super::{Apiv3Key, PayHeaders, PayNotice, RSA_TYPE, compile};
use crate::clock;
use crate::config::ConfigError;
use crate::crypto::pem::{self, KeyError};
#[cfg(feature = "sm")]
use crate::crypto::sm;
use crate::crypto::x509::{self, Certificate, normalise_serial};
use crate::crypto::{base64, rsa};
use crate::reject::Reject;
use crate::time::UnixMillis;

/// WeChat Pay's deliberate wrong signatures begin so; what follows is in general not base64.
const PROBE: &str = "WECHATPAY/SIGNTEST/";

/// Verifies and opens the notices of one account. All keys are parsed here, once.
#[derive(Debug)]
pub struct PayVerifier {
    platform: Vec<PlatformKey>,
    apiv3: Vec<Apiv3Key>,
}

/// One of WeChat Pay's keys.
#[derive(Debug)]
pub struct PlatformKey {
    /// A certificate's serial, or the id of a public key, as it is compared.
    pub serial: String,
    /// When the certificate ends; a public key does not.
    pub not_after: Option<UnixMillis>,
    key: VerifyingKey,
}

#[derive(Debug)]
enum VerifyingKey {
    Rsa(rsa::PublicKey),
    #[cfg(feature = "sm")]
    Sm2(sm::PublicKey),
}

impl PayVerifier {
    /// `platform_keys` are pairs of a name and PEM text: a serial with its certificate, or `PUB_KEY_ID_…`
    /// with the public key; both kinds may stand side by side. `apiv3_keys` are tried in order.
    ///
    /// # Errors
    /// Every problem found, under `platform_keys.NAME` and `apiv3_key[i]`.
    pub fn new(
        platform_keys: &[(String, String)],
        apiv3_keys: &[String],
    ) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let platform = platform(platform_keys, &mut errors);
        let apiv3 = compile(apiv3_keys, &mut errors);
        if platform_keys.is_empty() {
            let reason = "at least one certificate or public key of WeChat Pay is needed";
            errors.push(ConfigError::new("platform_keys", reason));
        }
        if apiv3_keys.is_empty() {
            errors.push(ConfigError::new("apiv3_key", "at least one key is needed"));
        }
        if errors.is_empty() {
            Ok(Self { platform, apiv3 })
        } else {
            Err(errors)
        }
    }

    /// The platform's keys, in the order of the configuration.
    pub fn platform_keys(&self) -> &[PlatformKey] {
        &self.platform
    }

    /// Checks that WeChat Pay sent exactly these bytes, now.
    ///
    /// # Errors
    /// [`Reject::BadTimestamp`], [`Reject::Stale`], [`Reject::Future`], [`Reject::SignatureProbe`],
    /// [`Reject::UnknownSerial`], [`Reject::UnknownAlgorithm`], [`Reject::BadSignature`], in this order.
    pub fn verify(
        &self,
        headers: &PayHeaders<'_>,
        body: &[u8],
        now: UnixMillis,
    ) -> Result<(), Reject> {
        clock::fresh(headers.timestamp, now)?;
        // Before the serial: a probe may name any, and must not start a search for a new certificate.
        if headers.signature.starts_with(PROBE) {
            return Err(Reject::SignatureProbe);
        }
        let key = self.key(headers.serial).ok_or(Reject::UnknownSerial)?;
        if headers
            .signature_type
            .is_some_and(|name| name != key.algorithm())
        {
            return Err(Reject::UnknownAlgorithm);
        }
        let signature = base64::decode(headers.signature.as_bytes()).ok_or(Reject::BadSignature)?;
        let (timestamp, nonce) = (headers.timestamp.as_bytes(), headers.nonce.as_bytes());
        let message = [timestamp, b"\n", nonce, b"\n", body, b"\n"];
        if key.verify(&message, &signature) {
            Ok(())
        } else {
            Err(Reject::BadSignature)
        }
    }

    /// Reads a verified body and opens its resource.
    ///
    /// # Errors
    /// [`Reject::BadEnvelope`], [`Reject::DuplicateField`], [`Reject::UnknownAlgorithm`],
    /// [`Reject::BadCiphertext`], [`Reject::Undecryptable`], [`Reject::MissingField`].
    pub fn open(&self, body: &[u8]) -> Result<PayNotice, Reject> {
        PayNotice::open(body, &self.apiv3)
    }

    fn key(&self, serial: &str) -> Option<&VerifyingKey> {
        let serial = normalise_serial(serial);
        self.platform
            .iter()
            .find(|known| known.serial == serial)
            .map(|known| &known.key)
    }
}

impl VerifyingKey {
    fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        #[cfg(feature = "sm")]
        if x509::key_kind(spki)? == x509::KeyKind::Sm2 {
            return sm::PublicKey::from_spki(spki).map(Self::Sm2);
        }
        rsa::PublicKey::from_spki(spki).map(Self::Rsa)
    }

    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => RSA_TYPE,
            #[cfg(feature = "sm")]
            Self::Sm2(_) => SM2_TYPE,
        }
    }

    fn verify(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        match self {
            Self::Rsa(key) => key.verify(parts, signature),
            #[cfg(feature = "sm")]
            Self::Sm2(key) => key.verify(parts, signature),
        }
    }
}

fn platform(named: &[(String, String)], errors: &mut Vec<ConfigError>) -> Vec<PlatformKey> {
    let mut keys: Vec<PlatformKey> = Vec::with_capacity(named.len());
    for (name, text) in named {
        let built = platform_key(name, text).and_then(|key| {
            let again = keys.iter().any(|known| known.serial == key.serial);
            if again {
                Err("the same serial stands here twice".to_owned())
            } else {
                Ok(key)
            }
        });
        match built {
            Ok(key) => keys.push(key),
            Err(reason) => errors.push(ConfigError::new(format!("platform_keys.{name}"), reason)),
        }
    }
    keys
}

fn platform_key(name: &str, text: &str) -> Result<PlatformKey, String> {
    let serial = normalise_serial(name).into_owned();
    if serial.starts_with(x509::PUBLIC_KEY_ID) {
        let pem = pem::public(text, &["PUBLIC KEY"]).map_err(|error| match error {
            KeyError::WrongKind => "PUB_KEY_ID_… names a public key: PEM PUBLIC KEY".to_owned(),
            error => error.to_string(),
        })?;
        let key = VerifyingKey::from_spki(&pem.der).map_err(|error| error.to_string())?;
        return Ok(PlatformKey {
            serial,
            not_after: None,
            key,
        });
    }
    let certificate = Certificate::from_pem(text).map_err(|error| match error {
        KeyError::WrongKind => "a serial names a certificate: PEM CERTIFICATE".to_owned(),
        error => error.to_string(),
    })?;
    if certificate.serial != serial {
        let found = &certificate.serial;
        return Err(format!(
            "the certificate's own serial is {found}, not {serial}"
        ));
    }
    let key = VerifyingKey::from_spki(&certificate.spki).map_err(|error| error.to_string())?;
    Ok(PlatformKey {
        serial,
        not_after: Some(certificate.not_after),
        key,
    })
}
