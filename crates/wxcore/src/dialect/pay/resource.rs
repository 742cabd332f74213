//! The sealed part of a notice, of a platform certificate download, and of some V2 notices.

use crate::config::ConfigError;
use crate::crypto::base64;
use crate::crypto::gcm::Aes256Key;
#[cfg(feature = "sm")]
use crate::crypto::sm;
use crate::reject::Reject;

/// Opens base64 `ciphertext` as WeChat Pay seals it, with `AEAD_AES_256_GCM`. An `associated_data` that
/// is absent or null is the empty one.
///
/// # Errors
/// [`Reject::BadCiphertext`]: not base64. [`Reject::Undecryptable`]: the key is not of 32 bytes, the nonce
/// neither of 12 nor of 16, or the tag does not fit.
pub fn aead_open(
    apiv3_key: &[u8],
    nonce: &[u8],
    associated_data: &[u8],
    ciphertext: &[u8],
) -> Result<Vec<u8>, Reject> {
    let sealed = base64::decode(ciphertext).ok_or(Reject::BadCiphertext)?;
    let key = Aes256Key::new(apiv3_key).ok_or(Reject::Undecryptable)?;
    key.open(nonce, associated_data, &sealed)
        .ok_or(Reject::Undecryptable)
}

/// Seals `plain` with `AEAD_AES_256_GCM` into base64. `None`: the key is not of 32 bytes, or the nonce
/// neither of 12 nor of 16. A nonce must never serve twice under one key.
pub fn aead_seal(
    apiv3_key: &[u8],
    nonce: &[u8],
    associated_data: &[u8],
    plain: &[u8],
) -> Option<String> {
    let sealed = Aes256Key::new(apiv3_key)?.seal(nonce, associated_data, plain)?;
    Some(base64::encode(&sealed))
}

/// How a resource is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Aes256Gcm,
    #[cfg(feature = "sm")]
    Sm4Gcm,
}

impl Algorithm {
    pub(crate) fn named(name: &str) -> Result<Self, Reject> {
        match name {
            "AEAD_AES_256_GCM" => Ok(Self::Aes256Gcm),
            #[cfg(feature = "sm")]
            "AEAD_SM4_GCM" => Ok(Self::Sm4Gcm),
            _ => Err(Reject::UnknownAlgorithm),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "AEAD_AES_256_GCM",
            #[cfg(feature = "sm")]
            Self::Sm4Gcm => "AEAD_SM4_GCM",
        }
    }
}

/// An APIv3 key, ready for every algorithm it serves.
#[derive(Debug)]
pub(crate) struct Apiv3Key {
    aes: Aes256Key,
    #[cfg(feature = "sm")]
    sm4: sm::Sm4Key,
}

impl Apiv3Key {
    /// `None` unless it has exactly 32 bytes, which are used as they are.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        Some(Self {
            aes: Aes256Key::new(key)?,
            #[cfg(feature = "sm")]
            sm4: sm::apiv3_key(key)?,
        })
    }

    fn open(&self, resource: &Resource<'_>) -> Option<Vec<u8>> {
        let Resource {
            nonce,
            associated,
            sealed,
            ..
        } = resource;
        match resource.algorithm {
            Algorithm::Aes256Gcm => self.aes.open(nonce, associated, sealed),
            #[cfg(feature = "sm")]
            Algorithm::Sm4Gcm => self.sm4.open(nonce, associated, sealed),
        }
    }

    /// Seals `plain` into base64.
    pub(crate) fn seal(
        &self,
        algorithm: Algorithm,
        nonce: &[u8],
        associated: &[u8],
        plain: &[u8],
    ) -> Option<String> {
        let sealed = match algorithm {
            Algorithm::Aes256Gcm => self.aes.seal(nonce, associated, plain),
            #[cfg(feature = "sm")]
            Algorithm::Sm4Gcm => self.sm4.seal(nonce, associated, plain),
        };
        Some(base64::encode(&sealed?))
    }
}

/// A resource before it is opened.
pub(crate) struct Resource<'a> {
    algorithm: Algorithm,
    nonce: &'a [u8],
    associated: &'a [u8],
    sealed: Vec<u8>,
}

impl<'a> Resource<'a> {
    /// From its four members as text; `associated` empty where it is absent.
    pub(crate) fn new(
        algorithm: &str,
        nonce: &'a str,
        associated: &'a str,
        ciphertext: &str,
    ) -> Result<Self, Reject> {
        Ok(Self {
            algorithm: Algorithm::named(algorithm)?,
            nonce: nonce.as_bytes(),
            associated: associated.as_bytes(),
            sealed: base64::decode(ciphertext.as_bytes()).ok_or(Reject::BadCiphertext)?,
        })
    }
}

/// Builds the keys, in the order in which they are tried.
pub(crate) fn compile(keys: &[String], errors: &mut Vec<ConfigError>) -> Vec<Apiv3Key> {
    let mut built = Vec::with_capacity(keys.len());
    for (index, text) in keys.iter().enumerate() {
        if let Some(key) = Apiv3Key::new(text.as_bytes()) {
            built.push(key);
        } else {
            let reason = format!(
                "an APIv3 key has exactly 32 bytes; this one has {}",
                text.len()
            );
            errors.push(ConfigError::new(format!("apiv3_key[{index}]"), reason));
        }
    }
    built
}

/// Opens with the first key that fits, and says which.
pub(crate) fn open_any(
    keys: &[Apiv3Key],
    resource: &Resource<'_>,
) -> Result<(usize, Vec<u8>), Reject> {
    let mut opened = keys.iter().enumerate().filter_map(|(index, key)| {
        let plain = key.open(resource)?;
        Some((index, plain))
    });
    opened.next().ok_or(Reject::Undecryptable)
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, Apiv3Key, Resource, aead_open, aead_seal, compile, open_any};
    use crate::reject::Reject;

    const KEY: &[u8; 32] = b"0123456789abcdef0123456789ABCDEF";
    const OTHER: &[u8; 32] = b"ABCDEF0123456789abcdef0123456789";

    #[test]
    fn nothing_but_the_very_same_parts_opens() {
        let sealed = aead_seal(KEY, b"abcdef012345", b"transaction", b"{}").unwrap();
        let open =
            |key: &[u8], nonce: &[u8], data: &[u8]| aead_open(key, nonce, data, sealed.as_bytes());
        assert_eq!(
            open(KEY, b"abcdef012345", b"transaction"),
            Ok(b"{}".to_vec())
        );
        for refused in [
            open(OTHER, b"abcdef012345", b"transaction"),
            open(&KEY[..16], b"abcdef012345", b"transaction"),
            open(KEY, b"abcdef012346", b"transaction"),
            open(KEY, b"abcdef01234", b"transaction"),
            open(KEY, b"", b"transaction"),
            open(KEY, b"abcdef012345", b""),
            open(KEY, b"abcdef012345", b"transaction "),
        ] {
            assert_eq!(refused, Err(Reject::Undecryptable));
        }
        for bad in ["invalid cipher", "AAA", "AA==\n", "A-_A"] {
            let refused = aead_open(KEY, b"abcdef012345", b"", bad.as_bytes());
            assert_eq!(refused, Err(Reject::BadCiphertext), "{bad}");
        }
    }

    #[test]
    fn sealing_needs_a_whole_key_and_nonce() {
        assert_eq!(aead_seal(&KEY[..16], b"abcdef012345", b"", b""), None);
        assert_eq!(aead_seal(KEY, b"short", b"", b""), None);
    }

    #[test]
    fn keys_side_by_side_are_tried_in_order() {
        let texts = [OTHER, KEY].map(|key| String::from_utf8(key.to_vec()).unwrap());
        let mut errors = Vec::new();
        let keys = compile(&texts, &mut errors);
        assert_eq!(errors, []);
        let new = Apiv3Key::new(KEY).unwrap();
        let sealed = new
            .seal(Algorithm::Aes256Gcm, b"abcdef012345", b"", b"x")
            .unwrap();
        let resource = Resource::new("AEAD_AES_256_GCM", "abcdef012345", "", &sealed).unwrap();
        assert_eq!(open_any(&keys, &resource), Ok((1, b"x".to_vec())));
        assert_eq!(open_any(&keys[..1], &resource), Err(Reject::Undecryptable));
    }

    #[test]
    fn a_key_of_another_length_is_named_without_being_shown() {
        let mut errors = Vec::new();
        compile(&["testMchAPIv3Key0".to_owned()], &mut errors);
        let [error] = errors.as_slice() else {
            panic!("{errors:?}")
        };
        assert_eq!(error.path, "apiv3_key[0]");
        assert!(
            error.reason.contains("32") && !error.reason.contains("testMch"),
            "{error}"
        );
    }

    #[test]
    fn algorithms_are_known_by_name_only() {
        for unknown in ["", "AEAD_AES_128_GCM", "aead_aes_256_gcm", "NONE"] {
            assert_eq!(Algorithm::named(unknown), Err(Reject::UnknownAlgorithm));
        }
        assert_eq!(
            Algorithm::named("AEAD_SM4_GCM").is_ok(),
            cfg!(feature = "sm")
        );
        assert_eq!(
            Algorithm::named(Algorithm::Aes256Gcm.name()),
            Ok(Algorithm::Aes256Gcm)
        );
    }
}
