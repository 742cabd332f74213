//! RSA as WeChat uses it: PKCS#1 v1.5 and PSS with SHA-256, OAEP with SHA-1 for sensitive fields.
//!
//! Keys are parsed once, when the account is built. The salt of PSS and the seed of OAEP are the only
//! randomness that is not an argument: the library draws them itself and takes none from outside.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeyPair, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, RsaSignatureEncoding,
};

use super::pem::{self, KeyError};
use super::x509::{self, Certificate, KeyKind};

/// A public key of WeChat Pay, of a merchant, or of a partner.
pub struct PublicKey {
    pkcs1: ParsedPublicKey,
    pss: ParsedPublicKey,
    oaep: OaepPublicEncryptingKey,
}

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
        match x509::key_kind(der)? {
            KeyKind::Rsa { bits: 2048..=8192 } => Self::parse(der).ok_or(KeyError::Malformed),
            KeyKind::Rsa { .. } => Err(KeyError::Size),
            _ => Err(KeyError::NotRsa),
        }
    }

    fn parse(der: &[u8]) -> Option<Self> {
        let encrypting = PublicEncryptingKey::from_der(der).ok()?;
        Some(Self {
            pkcs1: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).ok()?,
            pss: ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, der).ok()?,
            oaep: OaepPublicEncryptingKey::new(encrypting).ok()?,
        })
    }

    /// Whether `signature` is PKCS#1 v1.5 with SHA-256 over the concatenation of `parts`.
    pub fn verify(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.pkcs1
            .verify_digest_sig(&sha256(parts), signature)
            .is_ok()
    }

    /// Whether `signature` is PSS with SHA-256 and a salt of 32 bytes over the concatenation of `parts`.
    pub fn verify_pss(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.pss
            .verify_digest_sig(&sha256(parts), signature)
            .is_ok()
    }

    /// Encrypts a sensitive field with OAEP; `None` if it is too long for the key (214 bytes at 2048 bits).
    pub fn encrypt_oaep(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut room = vec![0; self.oaep.ciphertext_size()];
        let sealed = self
            .oaep
            .encrypt(&OAEP_SHA1_MGF1SHA1, plain, &mut room, None)
            .ok()?;
        Some(sealed.to_vec())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "rsa::PublicKey({} bits)", self.oaep.key_size_bits())
    }
}

/// A merchant's or partner's own key, or that of the player of WeChat's part.
pub struct PrivateKey {
    pair: KeyPair,
    oaep: OaepPrivateDecryptingKey,
}

impl PrivateKey {
    /// From PEM: `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY` (PKCS#1), without a passphrase.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let pem = pem::private(text, &["PRIVATE KEY", "RSA PRIVATE KEY"])?;
        let pair = if pem.label == "PRIVATE KEY" {
            KeyPair::from_pkcs8(&pem.der)
        } else {
            KeyPair::from_der(&pem.der)
        };
        Self::new(pair.map_err(|_| KeyError::NotRsa)?).ok_or(KeyError::Malformed)
    }

    fn new(pair: KeyPair) -> Option<Self> {
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().ok()?;
        let decrypting = PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref()).ok()?;
        let oaep = OaepPrivateDecryptingKey::new(decrypting).ok()?;
        Some(Self { pair, oaep })
    }

    /// The public half.
    pub fn public_key(&self) -> Option<PublicKey> {
        let spki: PublicKeyX509Der<'_> = self.pair.public_key().as_der().ok()?;
        PublicKey::parse(spki.as_ref())
    }

    /// Signs the concatenation of `parts` with PKCS#1 v1.5 and SHA-256. About 0.3 ms.
    pub fn sign(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        self.sign_as(&RSA_PKCS1_SHA256, parts)
    }

    /// Signs the concatenation of `parts` with PSS, SHA-256 and a salt of 32 bytes.
    pub fn sign_pss(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        self.sign_as(&RSA_PSS_SHA256, parts)
    }

    fn sign_as(&self, encoding: &'static RsaSignatureEncoding, parts: &[&[u8]]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign_digest(encoding, &sha256(parts), &mut signature)
            .ok()?;
        Some(signature)
    }

    /// Decrypts a sensitive field with OAEP.
    pub fn decrypt_oaep(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut room = vec![0; self.oaep.min_output_size()];
        let plain = self
            .oaep
            .decrypt(&OAEP_SHA1_MGF1SHA1, sealed, &mut room, None)
            .ok()?;
        Some(plain.to_vec())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("rsa::PrivateKey(…)")
    }
}

fn sha256(parts: &[&[u8]]) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish()
}

#[cfg(test)]
mod tests {
    use super::{PrivateKey, PublicKey};
    use crate::crypto::fixtures;
    use crate::crypto::pem::KeyError;

    #[test]
    fn both_paddings_verify_over_parts_and_do_not_mix() {
        let (private, public) = (fixtures::private_key(), fixtures::certificate_key());
        let parts: [&[u8]; 3] = [b"a", b"\n", b"b"];
        let (pkcs1, pss) = (
            private.sign(&parts).unwrap(),
            private.sign_pss(&parts).unwrap(),
        );
        assert!(public.verify(&[b"a\nb"], &pkcs1));
        assert!(public.verify_pss(&[b"a\nb"], &pss));
        assert!(!public.verify(&parts, &pss));
        assert!(!public.verify_pss(&parts, &pkcs1));
        assert!(!public.verify(&[b"a\nb\n"], &pkcs1));
        for damaged in [&pkcs1[1..], &[][..], &[pkcs1.as_slice(), &[0]].concat()] {
            assert!(!public.verify(&parts, damaged));
        }
    }

    #[test]
    fn oaep_opens_what_it_sealed() {
        let (private, public) = (fixtures::private_key(), fixtures::certificate_key());
        let sealed = public.encrypt_oaep("张三".as_bytes()).unwrap();
        assert_eq!(private.decrypt_oaep(&sealed).unwrap(), "张三".as_bytes());
        assert_eq!(private.decrypt_oaep(&sealed[1..]), None);
        assert!(public.encrypt_oaep(&[0; 214]).is_some());
        assert_eq!(public.encrypt_oaep(&[0; 215]), None);
    }

    #[test]
    fn the_public_half_verifies_what_the_private_one_signed() {
        let private = fixtures::private_key();
        let signature = private.sign(&[b"x"]).unwrap();
        assert!(private.public_key().unwrap().verify(&[b"x"], &signature));
    }

    #[test]
    fn a_private_key_prints_nothing_of_itself() {
        assert_eq!(
            format!("{:?}", fixtures::private_key()),
            "rsa::PrivateKey(…)"
        );
        assert_eq!(
            format!("{:?}", fixtures::certificate_key()),
            "rsa::PublicKey(2048 bits)"
        );
    }

    #[test]
    fn keys_of_the_wrong_kind_say_so() {
        let private = fixtures::input("pay-v3-rsa-sign-java", "private_key_pem");
        let certificate = fixtures::input("pay-v3-rsa-verify-java", "certificate_pem");
        let sm2 = fixtures::input("sm2-verify-java", "certificate_pem");
        let sm2_private = fixtures::input("sm2-decrypt-java", "private_key_pem");
        assert_eq!(
            PublicKey::from_pem(&private).err(),
            Some(KeyError::PrivateKey)
        );
        assert_eq!(PublicKey::from_pem(&sm2).err(), Some(KeyError::NotRsa));
        assert_eq!(
            PrivateKey::from_pem(&certificate).err(),
            Some(KeyError::WrongKind)
        );
        assert_eq!(
            PrivateKey::from_pem(&sm2_private).err(),
            Some(KeyError::NotRsa)
        );
        assert_eq!(
            PublicKey::from_pem(fixtures::RSA_1024).err(),
            Some(KeyError::Size)
        );
    }
}
