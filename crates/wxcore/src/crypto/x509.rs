//! What wxgate reads of a certificate: serial, validity, public key, and whose it says it is.
//!
//! Nothing here is proof of origin: no chain is followed, since trust in a platform certificate rests on
//! how it was fetched (decrypted with the APIv3 key, over TLS). A merchant's own certificate has the same
//! shape and issuer as the platform's, so code cannot tell them apart; a reader can by the subject, which is
//! the merchant's number there. That is what [`Certificate::common_name`] is for: to be shown.

use std::borrow::Cow;

use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;
use x509_cert::time::Time;

use super::pem::{self, KeyError};
use crate::time::UnixMillis;

/// Names of WeChat Pay public keys begin so; they are not serials.
pub const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_";

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SM2_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301");

/// The kind of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with a modulus of so many bits.
    Rsa {
        /// Such as 2048.
        bits: usize,
    },
    /// A point on the SM2 curve.
    Sm2,
    /// Anything else; WeChat uses none.
    Other,
}

/// A certificate's contents, as far as they matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The serial as [`normalise_serial`] writes it.
    pub serial: String,
    /// Start of validity.
    pub not_before: UnixMillis,
    /// End of validity.
    pub not_after: UnixMillis,
    /// The public key, a DER `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
    /// The subject's common name, if it has a readable one.
    pub common_name: Option<String>,
    /// What `spki` holds.
    pub key: KeyKind,
}

impl Certificate {
    /// From PEM, the first `CERTIFICATE` of the text.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_der(&pem::public(text, &["CERTIFICATE"])?.der)
    }

    /// From DER.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let parsed = x509_cert::Certificate::from_der(der).map_err(|_| KeyError::Malformed)?;
        let content = parsed.tbs_certificate();
        let spki = content
            .subject_public_key_info()
            .to_der()
            .map_err(|_| KeyError::Malformed)?;
        let name = content.subject().common_name().ok().flatten();
        Ok(Self {
            serial: serial(content.serial_number().as_bytes()),
            not_before: millis(content.validity().not_before),
            not_after: millis(content.validity().not_after),
            key: key_kind(&spki)?,
            common_name: name.map(|name| name.value().into_owned()),
            spki,
        })
    }
}

/// What kind of key a DER `SubjectPublicKeyInfo` holds.
///
/// # Errors
/// [`KeyError::Malformed`].
pub fn key_kind(spki: &[u8]) -> Result<KeyKind, KeyError> {
    let info = SubjectPublicKeyInfoRef::try_from(spki).map_err(|_| KeyError::Malformed)?;
    match info.algorithm.oid {
        RSA => {
            let key = info
                .subject_public_key
                .as_bytes()
                .ok_or(KeyError::Malformed)?;
            modulus_bits(key)
                .map(|bits| KeyKind::Rsa { bits })
                .ok_or(KeyError::Malformed)
        }
        EC if info.algorithm.parameters_oid() == Ok(SM2_CURVE) => Ok(KeyKind::Sm2),
        _ => Ok(KeyKind::Other),
    }
}

/// A serial as it is compared: upper-case hex without leading zeros, since tools write it in many ways.
/// What is not hex, such as the id of a WeChat Pay public key (`PUB_KEY_ID_…`), stays as it is.
pub fn normalise_serial(serial: &str) -> Cow<'_, str> {
    if !serial.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Cow::Borrowed(serial);
    }
    let digits = serial.trim_start_matches('0');
    if digits.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Cow::Owned(digits.to_ascii_uppercase());
    }
    Cow::Borrowed(digits)
}

fn serial(bytes: &[u8]) -> String {
    let hex = super::digest::hex(bytes);
    normalise_serial(&hex).into_owned()
}

fn millis(time: Time) -> UnixMillis {
    let millis = time.to_unix_duration().as_millis();
    UnixMillis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// Bits of the modulus of a DER `RSAPublicKey`.
fn modulus_bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    let modulus: UintRef<'_> = reader
        .sequence(|inner| -> x509_cert::der::Result<_> {
            let modulus = UintRef::decode(inner)?;
            UintRef::decode(inner)?;
            Ok(modulus)
        })
        .ok()?;
    let bytes = modulus.as_bytes();
    let unused = usize::try_from(bytes.first()?.leading_zeros()).ok()?;
    Some(bytes.len() * 8 - unused)
}

#[cfg(test)]
mod tests {
    use super::{Certificate, KeyKind, modulus_bits, normalise_serial};
    use crate::crypto::fixtures;
    use crate::crypto::pem::KeyError;

    #[test]
    fn a_platform_certificate_is_read() {
        let text = fixtures::input("pay-v3-rsa-verify-java", "certificate_pem");
        let certificate = Certificate::from_pem(&text).unwrap();
        assert_eq!(certificate.serial, fixtures::SERIAL);
        assert_eq!(certificate.key, KeyKind::Rsa { bits: 2048 });
        assert_eq!(certificate.not_before.rfc3339(), "2022-05-10T01:57:10.000Z");
        assert_eq!(certificate.not_after.rfc3339(), "2025-05-09T01:57:10.000Z");
        assert_eq!(certificate.common_name.as_deref(), Some("test"));
    }

    #[test]
    fn an_sm2_certificate_is_told_apart() {
        let text = fixtures::input("sm2-verify-java", "certificate_pem");
        assert_eq!(Certificate::from_pem(&text).unwrap().key, KeyKind::Sm2);
    }

    #[test]
    fn a_private_key_or_rubbish_is_no_certificate() {
        let key = fixtures::input("pay-v3-rsa-sign-java", "private_key_pem");
        assert_eq!(
            Certificate::from_pem(&key).err(),
            Some(KeyError::PrivateKey)
        );
        assert_eq!(
            Certificate::from_pem(fixtures::RSA_1024).err(),
            Some(KeyError::WrongKind)
        );
        assert_eq!(
            Certificate::from_der(b"\x30\x03\x02\x01\x01").err(),
            Some(KeyError::Malformed)
        );
    }

    #[test]
    fn serials_compare_however_they_are_written() {
        for written in ["D7CE59", "d7ce59", "00D7ce59", "0d7CE59"] {
            assert_eq!(normalise_serial(written), "D7CE59");
        }
        for id in [
            "PUB_KEY_ID_0000000001",
            "PUB_KEY_ID_00ab",
            "pub_key_id_1",
            "0x5f",
        ] {
            assert_eq!(normalise_serial(id), id);
        }
        assert_eq!(normalise_serial(""), "");
    }

    #[test]
    fn a_modulus_is_measured_in_bits() {
        for (modulus, bits) in [(0x01, 1), (0x05, 3), (0x7f, 7)] {
            assert_eq!(modulus_bits(&[0x30, 6, 2, 1, modulus, 2, 1, 3]), Some(bits));
        }
        for rubbish in [&[][..], &[0x30, 0], &[0x30, 3, 2, 1, 5], &[2, 1, 5]] {
            assert_eq!(modulus_bits(rubbish), None);
        }
    }
}
