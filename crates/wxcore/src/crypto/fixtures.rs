//! Published test keys, taken from the vectors, for the unit tests of this crate.

use serde_json::Value;

use super::rsa::{PrivateKey, PublicKey};

/// Serial of [`certificate`].
pub(crate) const SERIAL: &str = "5F1C72E2A8931B72A2E13AF8DEE92471EB397115";

/// Too short to be taken.
pub(crate) const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCSULsPZC88oVeNLnH5Ha3xdqxD
6MiFGFmXS5BokBI5qV4n6wQFYlXIAQ00nCnlF/eGI/btggJJzI4ERoEZO2/9j/mg
Dk0woKHuBkcl30fbOT1KfAUUw319zzB7HOsdWvYwlskxyrxkXDFxBNouT2Y/VQ1k
K70r0pk3EmhY4hi8cQIDAQAB
-----END PUBLIC KEY-----";

/// The public half of the SM2 key in the vector `sm2-decrypt-java`.
#[cfg(feature = "sm")]
pub(crate) const SM2_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEe81H916hnQTApytNpw9X3Rs/kzfM
XdEkGIG5E0MZOb9ppV72tGcQx+FyRSPQ9kbdaU0kg5dvboUNRmN4+osvfg==
-----END PUBLIC KEY-----";

/// The input `name` of the vector `id`.
pub(crate) fn input(id: &str, name: &str) -> String {
    let text = include_str!("../../../../tests/vectors/vectors.json");
    let document: Value = serde_json::from_str(text).unwrap();
    let vectors = document["vectors"].as_array().unwrap();
    let vector = vectors.iter().find(|vector| vector["id"] == id).unwrap();
    vector["inputs"][name].as_str().unwrap().to_owned()
}

/// A key whose certificate is [`certificate`].
pub(crate) fn private_key() -> PrivateKey {
    PrivateKey::from_pem(&input("pay-v3-rsa-sign-java", "private_key_pem")).unwrap()
}

/// The certificate of [`private_key`].
pub(crate) fn certificate() -> String {
    input("pay-v3-rsa-verify-java", "certificate_pem")
}

/// The key in [`certificate`].
pub(crate) fn certificate_key() -> PublicKey {
    PublicKey::from_pem(&certificate()).unwrap()
}

/// A private key that fits neither of the certificates.
pub(crate) fn other_private_key() -> PrivateKey {
    PrivateKey::from_pem(&input("pay-v3-rsa-sign-go", "private_key_pem")).unwrap()
}

/// The public half of [`other_private_key`], as WeChat Pay hands out its own: bare.
pub(crate) fn public_key_pem() -> String {
    input("pay-v3-pubkey-verify-go", "public_key_pem")
}
