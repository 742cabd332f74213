//! A notice's whole way, and every way in which it must not pass.

use proptest::prelude::*;

use super::{NoticeDraft, PayHeaders, PaySender, PayVerifier, SealedNotice, Signer};
use crate::config::ConfigError;
use crate::crypto::fixtures;
use crate::reject::Reject;
use crate::time::UnixMillis;

const NOW: UnixMillis = UnixMillis::from_seconds(1_700_000_000);
const APIV3: &str = "0123456789abcdef0123456789ABCDEF";
const OLD_APIV3: &str = "ABCDEF0123456789abcdef0123456789";
const PUBLIC_KEY: &str = "PUB_KEY_ID_0000000001";

const DRAFT: NoticeDraft<'static> = NoticeDraft {
    id: "EV-2018022511223320873",
    created: NOW,
    event_type: "TRANSACTION.SUCCESS",
    original_type: "transaction",
    summary: "支付成功",
    resource: br#"{"out_trade_no":"1217752501201407033233368018"}"#,
    resource_nonce: "fdasflkja484",
};

fn keys() -> Vec<(String, String)> {
    vec![
        (fixtures::SERIAL.to_owned(), fixtures::certificate()),
        (PUBLIC_KEY.to_owned(), fixtures::public_key_pem()),
    ]
}

fn verifier() -> PayVerifier {
    PayVerifier::new(&keys(), &[OLD_APIV3.to_owned(), APIV3.to_owned()]).unwrap()
}

fn sender() -> PaySender {
    PaySender::new(
        fixtures::SERIAL,
        Signer::Rsa(fixtures::private_key()),
        APIV3,
    )
    .unwrap()
}

fn notice() -> SealedNotice {
    sender().seal(&DRAFT, NOW, "EcZ9Cmy4Xyx1i6Rl").unwrap()
}

/// The code of a whole delivery: headers, signature, resource.
fn deliver(notice: &SealedNotice, now: UnixMillis) -> Result<Vec<u8>, Reject> {
    let pairs = notice
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    let headers = PayHeaders::read(pairs)?;
    let verifier = verifier();
    verifier.verify(&headers, &notice.body, now)?;
    verifier.open(&notice.body).map(|notice| notice.resource)
}

fn with_header(index: usize, value: &str) -> Result<Vec<u8>, Reject> {
    let mut notice = notice();
    value.clone_into(&mut notice.headers[index].1);
    deliver(&notice, NOW)
}

#[test]
fn a_notice_arrives_as_it_was_sent() {
    let sent = notice();
    assert_eq!(deliver(&sent, NOW), Ok(DRAFT.resource.to_vec()));
    let opened = verifier().open(&sent.body).unwrap();
    assert_eq!(opened.id, DRAFT.id);
    assert_eq!(opened.event_type, DRAFT.event_type);
    assert_eq!(
        opened.create_time.as_deref(),
        Some("2023-11-15T06:13:20+08:00")
    );
    assert_eq!(opened.resource_type.as_deref(), Some("encrypt-resource"));
    assert_eq!(opened.original_type.as_deref(), Some("transaction"));
    assert_eq!(opened.summary.as_deref(), Some("支付成功"));
    assert_eq!(opened.key, 1, "the second of the two APIv3 keys");
}

#[test]
fn both_kinds_of_platform_key_serve_at_once() {
    let signer = Signer::Rsa(fixtures::other_private_key());
    let by_public_key = PaySender::new(PUBLIC_KEY, signer, APIV3).unwrap();
    let sent = by_public_key.seal(&DRAFT, NOW, "n").unwrap();
    for _ in 0..2 {
        assert!(deliver(&sent, NOW).is_ok());
        assert!(deliver(&notice(), NOW).is_ok());
    }
    let mut swapped = sent;
    swapped.headers[2].1 = fixtures::SERIAL.to_owned();
    assert_eq!(deliver(&swapped, NOW), Err(Reject::BadSignature));
}

#[test]
fn a_public_key_alone_is_enough() {
    let verifier = PayVerifier::new(&keys()[1..], &[APIV3.to_owned()]).unwrap();
    assert_eq!(verifier.platform_keys().len(), 1);
    assert_eq!(verifier.platform_keys()[0].not_after, None);
}

#[test]
fn the_clock_decides_before_anything_else() {
    let sent = notice();
    let at = |offset: i64| deliver(&sent, UnixMillis::from_seconds(NOW.seconds() + offset)).err();
    assert_eq!(at(299), None);
    assert_eq!(at(-299), None);
    for late in [300, 360, 86_400] {
        assert_eq!(at(late), Some(Reject::Stale), "{late}");
        assert_eq!(at(-late), Some(Reject::Future), "{late}");
    }
    for bad in [
        "-1700000000",
        "now",
        "1700000000.0",
        "+1700000000",
        "99999999999999999999",
    ] {
        assert_eq!(with_header(0, bad), Err(Reject::BadTimestamp), "{bad}");
    }
}

#[test]
fn serials_are_normalised_and_unknown_ones_named() {
    let lower = fixtures::SERIAL.to_ascii_lowercase();
    assert!(with_header(2, &lower).is_ok());
    assert!(with_header(2, &format!("00{lower}")).is_ok());
    for unknown in [
        "5F1C72E2",
        "0",
        "PUB_KEY_ID_0000000002",
        "pub_key_id_0000000001",
    ] {
        assert_eq!(
            with_header(2, unknown),
            Err(Reject::UnknownSerial),
            "{unknown}"
        );
    }
}

#[test]
fn a_probe_is_counted_apart_whatever_its_serial() {
    let probe = "WECHATPAY/SIGNTEST/not base64 at all";
    assert_eq!(with_header(3, probe), Err(Reject::SignatureProbe));
    let mut unknown = notice();
    unknown.headers[2].1 = "ABCDEF".to_owned();
    unknown.headers[3].1 = probe.to_owned();
    assert_eq!(deliver(&unknown, NOW), Err(Reject::SignatureProbe));
    let late = UnixMillis::from_seconds(NOW.seconds() + 300);
    assert_eq!(deliver(&unknown, late), Err(Reject::Stale));
}

#[test]
fn a_signature_that_is_none_is_refused() {
    for bad in ["AAAA", "*", "wechatpay/signtest/x", " ", "SIGNTEST"] {
        assert_eq!(with_header(3, bad), Err(Reject::BadSignature), "{bad}");
    }
    assert_eq!(
        with_header(1, "EcZ9Cmy4Xyx1i6RL"),
        Err(Reject::BadSignature)
    );
    assert_eq!(with_header(0, "1700000001"), Err(Reject::BadSignature));
    assert_eq!(
        with_header(0, "01700000000"),
        Err(Reject::BadSignature),
        "signed as it stands"
    );
}

#[test]
fn the_signature_type_must_be_the_keys_own() {
    for other in [
        "WECHATPAY2-SM2-WITH-SM3",
        "",
        "wechatpay2-sha256-rsa2048",
        "NONE",
    ] {
        assert_eq!(
            with_header(4, other),
            Err(Reject::UnknownAlgorithm),
            "{other}"
        );
    }
    let sent = notice();
    let pairs = sent
        .headers
        .iter()
        .take(4)
        .map(|(name, value)| (*name, value.as_str()));
    let headers = PayHeaders::read(pairs).unwrap();
    assert_eq!(verifier().verify(&headers, &sent.body, NOW), Ok(()));
}

#[test]
fn raw_bytes_are_verified_not_their_meaning() {
    let sent = notice();
    let text = String::from_utf8(sent.body.clone()).unwrap();
    for body in [
        text.replace("\":\"", "\": \""),
        text.replace("支付", "\\u652f\\u4ed8"),
        format!("{text}\r\n"),
        format!("\u{feff}{text}"),
        String::new(),
    ] {
        let altered = SealedNotice {
            body: body.into_bytes(),
            ..sent.clone()
        };
        assert_eq!(deliver(&altered, NOW), Err(Reject::BadSignature));
    }
}

#[test]
fn the_merchants_own_signature_is_not_wechats() {
    let merchant = Signer::Rsa(fixtures::other_private_key());
    let forger = PaySender::new(fixtures::SERIAL, merchant, APIV3).unwrap();
    let sent = forger.seal(&DRAFT, NOW, "n").unwrap();
    assert_eq!(deliver(&sent, NOW), Err(Reject::BadSignature));
}

#[test]
fn a_resource_of_another_merchant_is_refused() {
    let signer = Signer::Rsa(fixtures::private_key());
    let foreign = "zzzzzz0123456789abcdef0123456789";
    let other = PaySender::new(fixtures::SERIAL, signer, foreign).unwrap();
    let sent = other.seal(&DRAFT, NOW, "n").unwrap();
    assert_eq!(deliver(&sent, NOW), Err(Reject::Undecryptable));
}

#[test]
fn what_is_signed_but_no_notice_is_refused() {
    for body in ["", "[]", "{}", "{\"resource\":[]}", "not json"] {
        let sent = sender().sign(body.into(), NOW, "n").unwrap();
        assert_eq!(deliver(&sent, NOW), Err(Reject::BadEnvelope), "{body}");
    }
}

fn problems(keys: &[(&str, String)], apiv3: &[&str]) -> Vec<ConfigError> {
    let keys: Vec<_> = keys
        .iter()
        .map(|(name, pem)| ((*name).to_owned(), pem.clone()))
        .collect();
    let apiv3: Vec<_> = apiv3.iter().map(|key| (*key).to_owned()).collect();
    PayVerifier::new(&keys, &apiv3).unwrap_err()
}

#[test]
fn a_certificate_under_another_name_is_refused_and_both_named() {
    let errors = problems(&[("7777", fixtures::certificate())], &[APIV3]);
    let [error] = errors.as_slice() else {
        panic!("{errors:?}")
    };
    assert_eq!(error.path, "platform_keys.7777");
    assert!(
        error.reason.contains(fixtures::SERIAL) && error.reason.contains("7777"),
        "{error}"
    );
}

#[test]
fn every_problem_of_the_configuration_is_named() {
    let private = fixtures::input("pay-v3-rsa-sign-java", "private_key_pem");
    let errors = problems(
        &[
            (PUBLIC_KEY, fixtures::certificate()),
            ("PUB_KEY_ID_2", private.clone()),
            ("ABC", fixtures::public_key_pem()),
            ("DEF", private),
            (fixtures::SERIAL, fixtures::certificate()),
            (
                "005f1c72e2a8931b72a2e13af8dee92471eb397115",
                fixtures::certificate(),
            ),
            ("PUB_KEY_ID_3", fixtures::RSA_1024.to_owned()),
            ("PUB_KEY_ID_4", String::new()),
        ],
        &["short", APIV3],
    );
    let expected = [
        ("platform_keys.PUB_KEY_ID_0000000001", "PUBLIC KEY"),
        ("platform_keys.PUB_KEY_ID_2", "private key"),
        ("platform_keys.ABC", "CERTIFICATE"),
        ("platform_keys.DEF", "private key"),
        (
            "platform_keys.005f1c72e2a8931b72a2e13af8dee92471eb397115",
            "twice",
        ),
        ("platform_keys.PUB_KEY_ID_3", "2048"),
        ("platform_keys.PUB_KEY_ID_4", "PEM"),
        ("apiv3_key[0]", "32"),
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:?}");
    for (error, (path, word)) in errors.iter().zip(expected) {
        assert_eq!(error.path, path);
        assert!(error.reason.contains(word), "{error}");
    }
    let none = problems(&[], &[]);
    assert_eq!(
        none.iter()
            .map(|error| error.path.as_str())
            .collect::<Vec<_>>(),
        ["platform_keys", "apiv3_key"]
    );
}

#[test]
fn nothing_secret_is_printed() {
    let shown = format!("{:?} {:?}", verifier(), sender());
    assert!(
        !shown.contains(APIV3) && !shown.contains("BEGIN"),
        "{shown}"
    );
}

#[cfg(feature = "sm")]
#[test]
fn sm2_and_sm4_serve_a_merchant_enrolled_in_them() {
    let private = fixtures::input("sm2-decrypt-java", "private_key_pem");
    let signer = Signer::Sm2(Box::new(
        crate::crypto::sm::PrivateKey::from_pem(&private).unwrap(),
    ));
    let keys = [("PUB_KEY_ID_SM".to_owned(), fixtures::SM2_PUBLIC.to_owned())];
    let verifier = PayVerifier::new(&keys, &[APIV3.to_owned()]).unwrap();
    let sent = PaySender::new("PUB_KEY_ID_SM", signer, APIV3)
        .unwrap()
        .seal(&DRAFT, NOW, "n")
        .unwrap();
    let pairs = sent
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    let mut headers = PayHeaders::read(pairs).unwrap();
    assert_eq!(verifier.verify(&headers, &sent.body, NOW), Ok(()));
    assert_eq!(verifier.open(&sent.body).unwrap().resource, DRAFT.resource);
    headers.nonce = "m";
    assert_eq!(
        verifier.verify(&headers, &sent.body, NOW),
        Err(Reject::BadSignature)
    );
    headers.signature_type = Some(super::RSA_TYPE);
    assert_eq!(
        verifier.verify(&headers, &sent.body, NOW),
        Err(Reject::UnknownAlgorithm)
    );
}

#[cfg(not(feature = "sm"))]
#[test]
fn sm2_needs_its_feature() {
    let certificate = fixtures::input("sm2-verify-java", "certificate_pem");
    let errors = problems(
        &[("54E7F59ED8DF4570CFB14780EA8152D45A675EE6", certificate)],
        &[APIV3],
    );
    assert_eq!(errors.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_flipped_bit_is_refused(part in 0..3_usize, at in any::<prop::sample::Index>()) {
        let mut sent = notice();
        let mut bytes = match part {
            0 => sent.body.clone(),
            1 => crate::crypto::base64::decode(sent.headers[3].1.as_bytes()).unwrap(),
            _ => sent.headers[1].1.clone().into_bytes(),
        };
        // A header is text: its top bit stays.
        let bits = if part == 2 { 7 } else { 8 };
        let bit = at.index(bytes.len() * bits);
        bytes[bit / bits] ^= 1 << (bit % bits);
        match part {
            0 => sent.body = bytes,
            1 => sent.headers[3].1 = crate::crypto::base64::encode(&bytes),
            _ => sent.headers[1].1 = String::from_utf8(bytes).unwrap(),
        }
        prop_assert!(deliver(&sent, NOW).is_err());
    }

    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(verifier().open(&body).is_err());
    }
}
