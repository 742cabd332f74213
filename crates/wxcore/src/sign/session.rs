//! What a mini program sends from `wx.getUserInfo` and its kin: signed raw data, and encrypted data.

use crate::clock;
use crate::crypto::aes::{CbcKey, unpad};
use crate::crypto::digest::{hex, sha1};
use crate::crypto::{base64, constant_time};
use crate::json;
use crate::reject::Reject;
use crate::time::UnixMillis;

/// Whether `signature` is that of `raw_data`. The session key counts as the base64 text it is.
pub fn verify_raw_data(raw_data: &str, session_key: &str, signature: &str) -> bool {
    let expected = hex(&sha1(&[raw_data.as_bytes(), session_key.as_bytes()]));
    constant_time::eq(expected.as_bytes(), signature.as_bytes())
}

/// For whom and when data must have been sealed.
#[derive(Clone, Copy, Debug)]
pub struct Watermark<'a> {
    /// The mini program's own appid.
    pub appid: &'a str,
    /// Seconds after which data is too old.
    pub max_age: i64,
    /// The present.
    pub now: UnixMillis,
}

/// Decrypts `encryptedData` and checks its watermark; what comes out is JSON.
///
/// # Errors
/// [`Reject::BadCiphertext`]: not base64 of a 16-byte key, a 16-byte IV and whole blocks.
/// [`Reject::Undecryptable`]: padding or JSON are wrong, as a rule because the session key is no longer the
/// current one; let the user log in again. [`Reject::MissingField`]: no watermark.
/// [`Reject::WrongReceiveId`]: sealed for another appid. [`Reject::Stale`], [`Reject::Future`].
pub fn open_encrypted_data(
    session_key: &str,
    iv: &str,
    encrypted: &str,
    expected: &Watermark<'_>,
) -> Result<Vec<u8>, Reject> {
    let key: [u8; 16] = exactly(session_key)?;
    let mut sealed = base64::decode(encrypted.as_bytes()).ok_or(Reject::BadCiphertext)?;
    let cipher = CbcKey::new(&key).ok_or(Reject::BadCiphertext)?;
    let blocks = cipher
        .decrypt(&exactly(iv)?, &mut sealed)
        .ok_or(Reject::BadCiphertext)?;
    let plain = unpad(blocks, 16).ok_or(Reject::Undecryptable)?;
    check(plain, expected)?;
    Ok(plain.to_vec())
}

fn exactly(text: &str) -> Result<[u8; 16], Reject> {
    let bytes = base64::decode(text.as_bytes()).ok_or(Reject::BadCiphertext)?;
    bytes.try_into().map_err(|_| Reject::BadCiphertext)
}

fn check(plain: &[u8], expected: &Watermark<'_>) -> Result<(), Reject> {
    let text = std::str::from_utf8(plain).map_err(|_| Reject::Undecryptable)?;
    let fields = json::parse(text).map_err(|_| Reject::Undecryptable)?;
    let appid = fields.path("watermark.appid").ok_or(Reject::MissingField)?;
    let timestamp = fields
        .path("watermark.timestamp")
        .ok_or(Reject::MissingField)?;
    if appid != expected.appid {
        return Err(Reject::WrongReceiveId);
    }
    let seconds = timestamp.parse().map_err(|_| Reject::BadTimestamp)?;
    clock::within(seconds, expected.max_age, expected.now)
}

#[cfg(test)]
mod tests {
    use super::{Watermark, open_encrypted_data, verify_raw_data};
    use crate::crypto::aes::CbcKey;
    use crate::crypto::{base64, fixtures};
    use crate::reject::Reject;
    use crate::time::UnixMillis;
    use proptest::prelude::*;

    const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZg==";
    const NOW: i64 = 1_700_000_000;

    fn seal(plain: &str) -> String {
        let key = CbcKey::new(b"0123456789abcdef").unwrap();
        base64::encode(&key.encrypt(b"0123456789abcdef", plain.into(), 16).unwrap())
    }

    fn open_at(encrypted: &str, now: i64) -> Result<Vec<u8>, Reject> {
        let now = UnixMillis::from_seconds(now);
        open_encrypted_data(
            KEY,
            KEY,
            encrypted,
            &Watermark {
                appid: "wx1",
                max_age: 60,
                now,
            },
        )
    }

    fn open(plain: &str) -> Result<Vec<u8>, Reject> {
        open_at(&seal(plain), NOW)
    }

    #[test]
    fn the_watermark_names_this_program_and_a_recent_time() {
        let plain = r#"{"openId":"o1","watermark":{"appid":"wx1","timestamp":1700000000}}"#;
        assert_eq!(open(plain), Ok(plain.as_bytes().to_vec()));
        let at = |offset: i64| open_at(&seal(plain), NOW + offset).err();
        assert_eq!((at(59), at(-299)), (None, None));
        assert_eq!(
            (at(60), at(86_400)),
            (Some(Reject::Stale), Some(Reject::Stale))
        );
        assert_eq!(
            (at(-300), at(-86_400)),
            (Some(Reject::Future), Some(Reject::Future))
        );
        for (from, to, refusal) in [
            ("wx1", "wx2", Reject::WrongReceiveId),
            ("\"appid\"", "\"appId\"", Reject::MissingField),
            ("timestamp", "time", Reject::MissingField),
            ("watermark", "mark", Reject::MissingField),
            ("1700000000", "\"soon\"", Reject::BadTimestamp),
            ("}}", "}", Reject::Undecryptable),
        ] {
            assert_eq!(
                open(&plain.replace(from, to)),
                Err(refusal),
                "{from} -> {to}"
            );
        }
    }

    #[test]
    fn what_is_no_ciphertext_is_refused() {
        let good = seal("{}");
        let now = UnixMillis::from_seconds(NOW);
        let expected = Watermark {
            appid: "wx1",
            max_age: 60,
            now,
        };
        for (key, iv, data) in [
            ("", KEY, good.as_str()),
            ("AAAA", KEY, &good),
            (KEY, "AAAA", &good),
            (KEY, "*", &good),
            (KEY, KEY, ""),
            (KEY, KEY, "AAAA"),
            (KEY, KEY, "*"),
        ] {
            let refused = open_encrypted_data(key, iv, data, &expected);
            assert_eq!(refused, Err(Reject::BadCiphertext), "{key} {iv} {data}");
        }
        let stale_key = "ZmVkY2JhOTg3NjU0MzIxMA==";
        let refused = open_encrypted_data(stale_key, KEY, &good, &expected);
        assert_eq!(refused, Err(Reject::Undecryptable));
    }

    #[test]
    fn padding_to_32_bytes_belongs_to_pushes_not_here() {
        let plain = r#"{"a":"1234","watermark":{"appid":"wx1","timestamp":1700000000}}"#;
        for extra in 0..32 {
            let plain = plain.replace("1234", &"x".repeat(extra));
            let key = CbcKey::new(b"0123456789abcdef").unwrap();
            let pad = 32 - plain.len() % 32;
            let sealed = key.encrypt(b"0123456789abcdef", plain.into(), 32).unwrap();
            let opened = open_at(&base64::encode(&sealed), NOW);
            assert_eq!(
                opened.err(),
                (pad > 16).then_some(Reject::Undecryptable),
                "{pad}"
            );
        }
    }

    #[test]
    fn raw_data_is_signed_with_the_keys_text() {
        let raw_data = fixtures::input("mini-rawdata-official", "raw_data");
        let key = fixtures::input("mini-rawdata-official", "session_key");
        let signature = "75e81ceda165f4ffa64f4068af58c64b8f54b88c";
        assert!(verify_raw_data(&raw_data, &key, signature));
        assert!(!verify_raw_data(&raw_data, KEY, signature));
        assert!(!verify_raw_data(
            &raw_data.replace("Band", "band"),
            &key,
            signature
        ));
        assert!(!verify_raw_data(&raw_data, &key, ""));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(data in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(open_at(&base64::encode(&data), NOW).is_err());
        }
    }
}
