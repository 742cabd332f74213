//! Sealed calls and their answers. WeChat's side is played with the same primitives.

use super::{AnswerHeaders, ApiSecurity, Fresh, without_query};
use crate::crypto::base64;
use crate::crypto::fixtures;
use crate::crypto::gcm::Aes256Key;
use crate::crypto::rsa::{PrivateKey, PublicKey};
use crate::reject::Reject;
use crate::time::UnixMillis;

const URL: &str = "https://api.weixin.qq.com/wxa/getuserriskrank";
const NOW: UnixMillis = UnixMillis::from_seconds(1_700_000_000);
const KEY: [u8; 32] = *b"0123456789abcdef0123456789ABCDEF";

fn security() -> ApiSecurity {
    ApiSecurity {
        appid: "wx1".to_owned(),
        symmetric_number: "sym1".to_owned(),
        symmetric_key: Aes256Key::new(&KEY).unwrap(),
        private_key: fixtures::private_key(),
        platform: vec![
            ("new".to_owned(), fixtures::certificate_key()),
            (
                "old".to_owned(),
                PublicKey::from_pem(&fixtures::public_key_pem()).unwrap(),
            ),
        ],
    }
}

fn fresh() -> Fresh<'static> {
    Fresh {
        nonce: "random",
        iv: *b"abcdef012345",
        now: NOW,
    }
}

fn answer(plain: &str) -> String {
    let associated = format!("{URL}|wx1|1700000000|sym1");
    let key = Aes256Key::new(&KEY).unwrap();
    let mut data = key
        .seal(b"abcdef012345", associated.as_bytes(), plain.as_bytes())
        .unwrap();
    let tag = data.split_off(data.len() - 16);
    let [iv, data, tag] = [b"abcdef012345".as_slice(), &data, &tag].map(base64::encode);
    format!("{{\"iv\":\"{iv}\",\"data\":\"{data}\",\"authtag\":\"{tag}\"}}")
}

fn signature(key: &PrivateKey, body: &str) -> String {
    let text = format!("{URL}\nwx1\n1700000000\n{body}");
    base64::encode(&key.sign_pss(&[text.as_bytes()]).unwrap())
}

const GOOD: &str = r#"{"_n":"x","_appid":"wx1","_timestamp":1700000000,"errcode":0}"#;

/// Opens an answer whose current and deprecated pairs are these.
fn open_with(
    body: &str,
    current: (&str, &str),
    deprecated: Option<(&str, &str)>,
) -> Result<Vec<u8>, Reject> {
    let headers = AnswerHeaders {
        appid: "wx1",
        timestamp: "1700000000",
        current,
        deprecated,
    };
    security().open(URL, &headers, body, NOW)
}

/// Opens an answer under the current key.
fn open(body: &str) -> Result<Vec<u8>, Reject> {
    open_with(
        body,
        ("new", &signature(&fixtures::private_key(), body)),
        None,
    )
}

#[test]
fn a_call_is_sealed_then_signed_over_four_lines() {
    let call = security()
        .seal(&format!("{URL}?access_token=t"), "{\"a\": 1.10}", &fresh())
        .unwrap();
    let [appid, timestamp, sign] = call.headers.each_ref().map(|(_, value)| value.as_str());
    assert_eq!((appid, timestamp), ("wx1", "1700000000"));
    let text = format!("{URL}\nwx1\n1700000000\n{}", call.body);
    let signature = base64::decode(sign.as_bytes()).unwrap();
    assert!(fixtures::certificate_key().verify_pss(&[text.as_bytes()], &signature));
    assert!(!fixtures::certificate_key().verify_pss(&[text.as_bytes(), b"\n"], &signature));

    let associated = format!("{URL}|wx1|1700000000|sym1");
    let plain = security().decrypt(&associated, &call.body).unwrap();
    let expected = r#"{"_n":"random","_appid":"wx1","_timestamp":1700000000,"a": 1.10}"#;
    assert_eq!(String::from_utf8(plain).unwrap(), expected);
}

#[test]
fn parameters_are_one_object_without_the_protocols_members() {
    let seal = |parameters| security().seal(URL, parameters, &fresh());
    for bad in [
        "",
        "[]",
        "{",
        "{\"_n\":1}",
        "{\"_appid\":\"wx2\"}",
        "{\"_timestamp\":0}",
        "{\"a\":1,\"a\":2}",
    ] {
        assert_eq!(seal(bad), None, "{bad}");
    }
    for good in ["{}", " { } ", "{\"a\":1}"] {
        let call = seal(good).unwrap();
        let plain = security()
            .decrypt(&format!("{URL}|wx1|1700000000|sym1"), &call.body)
            .unwrap();
        let fields = String::from_utf8(plain).unwrap();
        assert!(crate::json::parse(&fields).is_ok(), "{fields}");
    }
}

#[test]
fn either_pair_of_serial_and_signature_is_enough() {
    let body = answer(GOOD);
    let new = signature(&fixtures::private_key(), &body);
    let old = signature(&fixtures::other_private_key(), &body);
    let open = |current, deprecated| open_with(&body, current, deprecated).map(|_| ());
    assert_eq!(open(("new", &new), None), Ok(()));
    assert_eq!(open(("unknown", &new), Some(("old", &old))), Ok(()));
    assert_eq!(open(("new", &old), Some(("old", &old))), Ok(()));
    assert_eq!(open(("new", &new), Some(("unknown", "*"))), Ok(()));
    assert_eq!(open(("unknown", &new), None), Err(Reject::UnknownSerial));
    assert_eq!(
        open(("unknown", &new), Some(("gone", &old))),
        Err(Reject::UnknownSerial)
    );
    assert_eq!(open(("new", &old), None), Err(Reject::BadSignature));
    assert_eq!(
        open(("new", "*"), Some(("unknown", &old))),
        Err(Reject::BadSignature)
    );
    assert_eq!(
        open(("new", &old), Some(("old", &new))),
        Err(Reject::BadSignature)
    );
}

#[test]
fn the_sealed_appid_and_time_must_be_those_of_the_headers() {
    assert_eq!(open(&answer(GOOD)), Ok(GOOD.as_bytes().to_vec()));
    for (from, to, refusal) in [
        ("wx1", "wx2", Reject::WrongReceiveId),
        ("_appid", "appid", Reject::WrongReceiveId),
        ("1700000000", "1700000001", Reject::BadTimestamp),
        ("_timestamp", "timestamp", Reject::BadTimestamp),
        ("}", "", Reject::Undecryptable),
    ] {
        assert_eq!(
            open(&answer(&GOOD.replace(from, to))),
            Err(refusal),
            "{from} -> {to}"
        );
    }
}

#[test]
fn a_damaged_answer_is_refused() {
    let body = answer(GOOD);
    for (from, to, refusal) in [
        ("\"iv\"", "\"IV\"", Reject::BadEnvelope),
        ("{", "[", Reject::BadEnvelope),
        ("{", "{\"iv\":\"AAAA\",", Reject::BadEnvelope),
        ("\"data\":\"", "\"data\":\"*", Reject::BadCiphertext),
        ("\"data\":\"", "\"data\":\"AAAA", Reject::Undecryptable),
        (
            "\"authtag\":\"",
            "\"authtag\":\"AAAA",
            Reject::BadCiphertext,
        ),
    ] {
        assert_eq!(
            open(&body.replacen(from, to, 1)),
            Err(refusal),
            "{from} -> {to}"
        );
    }
    let unsigned = open_with(
        &answer("{}"),
        ("new", &signature(&fixtures::private_key(), &body)),
        None,
    );
    assert_eq!(unsigned, Err(Reject::BadSignature));
}

#[test]
fn old_answers_and_those_for_others_are_refused() {
    let body = answer(GOOD);
    let sign = signature(&fixtures::private_key(), &body);
    let at = |appid, timestamp, offset: i64| {
        let headers = AnswerHeaders {
            appid,
            timestamp,
            current: ("new", &sign),
            deprecated: None,
        };
        let now = UnixMillis::from_seconds(NOW.seconds() + offset);
        security().open(URL, &headers, &body, now).err()
    };
    assert_eq!(at("wx1", "1700000000", 299), None);
    assert_eq!(at("wx1", "1700000000", 300), Some(Reject::Stale));
    assert_eq!(at("wx1", "1700000000", -300), Some(Reject::Future));
    assert_eq!(at("wx1", "soon", 0), Some(Reject::BadTimestamp));
    assert_eq!(at("wx1", "1700000001", 0), Some(Reject::BadSignature));
    assert_eq!(at("wx2", "1700000000", 0), Some(Reject::WrongReceiveId));
}

#[test]
fn headers_are_read_in_any_case_and_once() {
    let all = [
        ("WECHATMP-APPID", "wx1"),
        ("wechatmp-timestamp", "1"),
        ("Wechatmp-Serial", "a"),
        ("Wechatmp-Signature", "s"),
        ("Wechatmp-Serial-Deprecated", "b"),
        ("Wechatmp-Signature-Deprecated", "t"),
    ];
    let headers = AnswerHeaders::read(all).unwrap();
    assert_eq!(
        (headers.current, headers.deprecated),
        (("a", "s"), Some(("b", "t")))
    );
    for half in 4..6 {
        let headers = AnswerHeaders::read(all[..4].iter().copied().chain([all[half]])).unwrap();
        assert_eq!(headers.deprecated, None);
    }
    for victim in 0..4 {
        let without = (0..4)
            .filter(|index| *index != victim)
            .map(|index| all[index]);
        assert_eq!(AnswerHeaders::read(without), Err(Reject::MissingParameter));
        let twice = all.into_iter().chain([all[victim]]);
        assert_eq!(AnswerHeaders::read(twice), Err(Reject::DuplicateParameter));
    }
}

#[test]
fn the_query_is_no_part_of_the_path() {
    assert_eq!(without_query("https://a/b?c=d?e"), "https://a/b");
    assert_eq!(without_query("https://a/b"), "https://a/b");
    let body = answer(GOOD);
    let sign = signature(&fixtures::private_key(), &body);
    let current = ("new", sign.as_str());
    let headers = AnswerHeaders {
        appid: "wx1",
        timestamp: "1700000000",
        current,
        deprecated: None,
    };
    let called = format!("{URL}?access_token=t");
    assert!(security().open(&called, &headers, &body, NOW).is_ok());
}
