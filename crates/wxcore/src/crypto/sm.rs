//! China's commercial algorithms, for merchants enrolled in them: SM2 signatures and decryption, SM3, SM4-GCM.

use std::fmt;

use sm2::dsa::signature::{MultipartSigner as _, MultipartVerifier as _};
use sm2::dsa::{DerSignature, Signature, SigningKey};
use sm2::pke::DecryptingKey;
use sm3::{Digest as _, Sm3};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::gcm::GcmKey;
use super::pem::{self, KeyError};
use super::x509::{self, Certificate, KeyKind};

/// The signer's identity that WeChat Pay fixes for SM2.
pub const UID: &str = "1234567812345678";

/// A key for WeChat Pay's `AEAD_SM4_GCM`.
pub type Sm4Key = GcmKey<sm4::Sm4>;

/// SM3 over the concatenation of `parts`.
pub fn sm3(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Sm3::new();
    for part in parts {
        context.update(part);
    }
    context.finalize().into()
}

/// The SM4 key that WeChat Pay derives: the first 16 bytes of the SM3 of the APIv3 key.
pub fn apiv3_key(apiv3: &[u8]) -> Option<Sm4Key> {
    Sm4Key::new(sm3(&[apiv3]).get(..16)?)
}

/// A public key that verifies SM2 with SM3.
pub struct PublicKey(sm2::dsa::VerifyingKey);

impl PublicKey {
    /// From PEM, a `PUBLIC KEY` or a `CERTIFICATE`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let pem = pem::public(text, &["PUBLIC KEY", "CERTIFICATE"])?;
        if pem.label == "CERTIFICATE" {
            return Self::from_spki(&Certificate::from_der(&pem.der)?.spki);
        }
        Self::from_spki(&pem.der)
    }

    /// From a DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        if x509::key_kind(der)? != KeyKind::Sm2 {
            return Err(KeyError::NotSm2);
        }
        let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed)?;
        let point = info
            .subject_public_key
            .as_bytes()
            .ok_or(KeyError::Malformed)?;
        let key = sm2::dsa::VerifyingKey::from_sec1_bytes(UID, point);
        key.map(Self).map_err(|_| KeyError::Malformed)
    }

    /// Whether `signature`, DER of r and s, is of the concatenation of `parts`.
    pub fn verify(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        let parsed = DerSignature::from_bytes(signature).and_then(Signature::try_from);
        parsed.is_ok_and(|signature| self.0.multipart_verify(parts, &signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("sm::PublicKey")
    }
}

/// A private key that signs and decrypts. The crate's own types print theirs; this one does not.
pub struct PrivateKey {
    signing: SigningKey,
    decrypting: DecryptingKey,
}

impl PrivateKey {
    /// From PEM: `PRIVATE KEY` (PKCS#8) or `EC PRIVATE KEY` (SEC1), without a passphrase.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let pem = pem::private(text, &["PRIVATE KEY", "EC PRIVATE KEY"])?;
        let secret = sm2::SecretKey::from_der(&pem.der).map_err(|_| KeyError::NotSm2)?;
        Ok(Self {
            signing: SigningKey::new(UID, &secret).map_err(|_| KeyError::Malformed)?,
            decrypting: DecryptingKey::new(secret),
        })
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.signing.verifying_key().clone())
    }

    /// Signs the concatenation of `parts`; DER of r and s. Needs no randomness (RFC 6979).
    pub fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        let signature = self.signing.try_multipart_sign(parts).ok()?;
        Some(DerSignature::from(signature).to_vec())
    }

    /// Decrypts ASN.1 ciphertext in the order C1 C3 C2.
    pub fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.decrypting.decrypt_der(sealed).ok()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("sm::PrivateKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::{PrivateKey, PublicKey, Sm4Key};
    use crate::crypto::base64;
    use crate::crypto::fixtures;
    use crate::crypto::pem::KeyError;
    use proptest::prelude::*;

    fn private_key() -> PrivateKey {
        PrivateKey::from_pem(&fixtures::input("sm2-decrypt-java", "private_key_pem")).unwrap()
    }

    #[test]
    fn signatures_are_verified_over_parts() {
        let key = private_key();
        let signature = key.sign(&[b"a", b"\n", b"b"]).unwrap();
        assert!(key.public_key().verify(&[b"a\nb"], &signature));
        assert!(!key.public_key().verify(&[b"a\nb\n"], &signature));
        assert!(!key.public_key().verify(&[b"a\nb"], &signature[1..]));
        assert!(!key.public_key().verify(&[b"a\nb"], b""));
    }

    #[test]
    fn keys_of_the_wrong_kind_say_so_and_print_nothing() {
        let rsa = fixtures::input("pay-v3-rsa-verify-java", "certificate_pem");
        let rsa_private = fixtures::input("pay-v3-rsa-sign-java", "private_key_pem");
        assert_eq!(PublicKey::from_pem(&rsa).err(), Some(KeyError::NotSm2));
        assert_eq!(
            PrivateKey::from_pem(&rsa_private).err(),
            Some(KeyError::NotSm2)
        );
        assert_eq!(format!("{:?}", private_key()), "sm::PrivateKey(…)");
        assert_eq!(format!("{:?}", private_key().public_key()), "sm::PublicKey");
    }

    #[test]
    fn only_16_bytes_make_an_sm4_key() {
        for length in 0..=32 {
            assert_eq!(
                Sm4Key::new(&vec![7; length]).is_some(),
                length == 16,
                "{length}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn damaged_ciphertext_is_refused_without_a_panic(
            at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let sealed = fixtures::input("sm2-decrypt-java", "ciphertext");
            let sealed = base64::decode(sealed.as_bytes()).unwrap();
            let mut damaged = sealed.clone();
            let at = at.index(damaged.len());
            prop_assume!(damaged[at] != to);
            damaged[at] = to;
            prop_assert_eq!(private_key().decrypt(&damaged), None);
            prop_assert_eq!(private_key().decrypt(&sealed[..cut.index(sealed.len())]), None);
        }
    }
}
