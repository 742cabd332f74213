//! New RSA keys, for those who play WeChat Pay's or a partner's part. The library draws its own
//! randomness here: a key has no other use for being repeatable than to be stolen.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;

use super::base64;

/// A new RSA-2048 key as PEM: `PRIVATE KEY` (PKCS#8) and `PUBLIC KEY`. `None` without randomness.
pub fn generate_rsa() -> Option<(String, String)> {
    let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
    let private: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
    Some((
        pem("PRIVATE KEY", private.as_ref()),
        pem("PUBLIC KEY", public.as_ref()),
    ))
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::generate_rsa;
    use crate::crypto::rsa::{PrivateKey, PublicKey};

    #[test]
    fn what_is_generated_signs_and_verifies() {
        let (private, public) = generate_rsa().unwrap();
        let private = PrivateKey::from_pem(&private).unwrap();
        let signature = private.sign(&[b"message"]).unwrap();
        assert!(
            PublicKey::from_pem(&public)
                .unwrap()
                .verify(&[b"message"], &signature)
        );
        assert_ne!(generate_rsa().unwrap().0, generate_rsa().unwrap().0);
    }
}
