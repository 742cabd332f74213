//! The partner envelope, good and hostile.

use proptest::prelude::*;

use super::{IV, Opened, PartnerDraft, PartnerSender, PartnerVerifier, aes_key, string_to_sign};
use crate::crypto::aes::unpad;
use crate::crypto::{base64, fixtures};
use crate::reject::Reject;
use crate::time::UnixMillis;

const NOW: UnixMillis = UnixMillis::from_seconds(1_700_000_000);
const NONCE: &str = "0123456789abcdef";
const SECRETS: [&str; 2] = ["new secret", "old secret"];

fn verifier() -> PartnerVerifier {
    let keys = [fixtures::public_key_pem(), fixtures::certificate()];
    PartnerVerifier::new("app1", &SECRETS.map(str::to_owned), &keys).unwrap()
}

fn sender() -> PartnerSender {
    PartnerSender::new("app1", SECRETS[1], fixtures::private_key()).unwrap()
}

fn draft<'a>(plaintext: &'a [u8], nonce: &'a str) -> PartnerDraft<'a> {
    PartnerDraft {
        plaintext,
        nonce,
        extra: &[("event", "order.paid"), ("Z", "")],
    }
}

fn sealed() -> String {
    String::from_utf8(sender().seal(&draft(b"{\"a\":1}", NONCE), NOW).unwrap()).unwrap()
}

fn open(body: &str) -> Result<Opened, Reject> {
    verifier().open(body.as_bytes(), NOW)
}

/// A body with these members, signed as they stand.
fn signed(members: &[(&str, &str)]) -> String {
    let text = string_to_sign(members.iter().copied());
    let signature = base64::encode(&fixtures::private_key().sign(&[text.as_bytes()]).unwrap());
    let all = [members, &[("sign", signature.as_str())]].concat();
    let object: serde_json::Map<_, _> = all
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    serde_json::to_string(&object).unwrap()
}

#[test]
fn a_callback_arrives_and_says_how_long_its_nonce_counts() {
    let opened = open(&sealed()).unwrap();
    assert_eq!(opened.plaintext, b"{\"a\":1}");
    assert_eq!(opened.nonce, NONCE);
    assert_eq!(opened.expires, UnixMillis::from_seconds(1_700_000_300));
    assert_eq!(
        (opened.secret, opened.public_key),
        (1, 1),
        "the older secret, the second key"
    );
}

#[test]
fn the_text_to_sign_is_sorted_by_bytes() {
    let members = [
        ("b", "2"),
        ("sign", "x"),
        ("a", "1"),
        ("B", ""),
        ("a_", "3"),
    ];
    assert_eq!(string_to_sign(members), "B=\na=1\na_=3\nb=2");
}

#[test]
fn any_changed_member_is_refused() {
    let body = sealed();
    for (from, to) in [
        ("order.paid", "order.unpaid"),
        ("\"event\"", "\"events\""),
        ("\"event\":\"order.paid\",", ""),
        ("\"Z\":\"\",", ""),
        ("{", "{\"more\":\"1\","),
        (NONCE, "0123456789abcdeF"),
        ("\"1700000000\"", "\"1700000001\""),
        ("\"app1\"", "\"app2\""),
        ("\"sign\":\"", "\"sign\":\"*"),
        ("\"data\":\"", "\"data\":\"AAAA"),
    ] {
        assert!(body.contains(from), "{from}");
        assert_eq!(
            open(&body.replacen(from, to, 1)),
            Err(Reject::BadSignature),
            "{from} -> {to}"
        );
    }
}

#[test]
fn members_are_strings_that_stand_once() {
    let body = sealed();
    for (from, to, refusal) in [
        ("\"1700000000\"", "1700000000", Reject::BadEnvelope),
        ("{", "{\"more\":null,", Reject::BadEnvelope),
        ("{", "{\"more\":{},", Reject::BadEnvelope),
        ("{", "{\"more\":\"a\\nb=c\",", Reject::BadEnvelope),
        ("{", "{\"more=1\":\"\",", Reject::BadEnvelope),
        ("{", "{\"\":\"\",", Reject::BadEnvelope),
        (
            "{",
            "{\"nonce\":\"0123456789abcdef\",",
            Reject::DuplicateParameter,
        ),
        ("{", "[", Reject::BadEnvelope),
        ("\"nonce\"", "\"once\"", Reject::MissingParameter),
        ("\"data\"", "\"date\"", Reject::MissingParameter),
        ("\"sign\"", "\"Sign\"", Reject::MissingParameter),
        ("\"app_id\"", "\"appid\"", Reject::MissingParameter),
        ("\"timestamp\"", "\"time\"", Reject::MissingParameter),
        ("\"app1\"", "\"\"", Reject::MissingParameter),
    ] {
        assert_eq!(
            open(&body.replacen(from, to, 1)),
            Err(refusal),
            "{from} -> {to}"
        );
    }
    assert_eq!(verifier().open(b"\xff", NOW), Err(Reject::BadEnvelope));
}

#[test]
fn members_cannot_be_regrouped_under_one_signature() {
    // Both objects would have the text "a=1\nb=2" were line feeds allowed in values.
    let regrouped = sealed().replacen(
        "\"event\":\"order.paid\",\"Z\":\"\"",
        "\"Z\":\"\\nevent=order.paid\"",
        1,
    );
    assert_eq!(open(&regrouped), Err(Reject::BadEnvelope));
}

#[test]
fn stale_and_future_callbacks_are_refused() {
    let body = sealed();
    let at = |offset: i64| {
        let now = UnixMillis::from_seconds(NOW.seconds() + offset);
        verifier().open(body.as_bytes(), now).err()
    };
    assert_eq!((at(299), at(-299)), (None, None));
    assert_eq!(
        (at(300), at(86_400)),
        (Some(Reject::Stale), Some(Reject::Stale))
    );
    assert_eq!(
        (at(-300), at(-86_400)),
        (Some(Reject::Future), Some(Reject::Future))
    );
    for bad in ["now", "-1700000000", "1700000000.0"] {
        let refused = open(&body.replacen("1700000000", bad, 1));
        assert_eq!(refused, Err(Reject::BadTimestamp), "{bad}");
    }
}

#[test]
fn a_nonce_of_another_shape_is_refused_on_both_ends() {
    let long = "a".repeat(65);
    for bad in [
        "",
        "0123456789abcde",
        &long,
        "0123456789abcde!",
        "0123456789abcde ",
        "一二三四五六",
    ] {
        assert_eq!(sender().seal(&draft(b"{}", bad), NOW), None, "{bad}");
        let body = signed(&[
            ("app_id", "app1"),
            ("timestamp", "1700000000"),
            ("nonce", bad),
            ("data", "AA"),
        ]);
        let refusal = if bad.is_empty() {
            Reject::MissingParameter
        } else {
            Reject::BadEnvelope
        };
        assert_eq!(open(&body), Err(refusal), "{bad}");
    }
    assert!(sender().seal(&draft(b"{}", &long[1..]), NOW).is_some());
}

#[test]
fn the_wrong_key_secret_or_application_is_refused() {
    let plain = draft(b"{}", NONCE);
    let body = |sender: PartnerSender| sender.seal(&plain, NOW).unwrap();
    let open = |sender| {
        verifier()
            .open(&body(sender), NOW)
            .map(|opened| opened.public_key)
    };
    let make = |app, secret, key| PartnerSender::new(app, secret, key).unwrap();
    assert_eq!(
        open(make("app1", SECRETS[0], fixtures::other_private_key())),
        Ok(0)
    );
    assert_eq!(
        open(make("app2", SECRETS[0], fixtures::private_key())),
        Err(Reject::WrongReceiveId)
    );
    let third = fixtures::input("pay-v3-authorization-node-1", "private_key_pem");
    let third = crate::crypto::rsa::PrivateKey::from_pem(&third).unwrap();
    assert_eq!(
        open(make("app1", SECRETS[0], third)),
        Err(Reject::BadSignature)
    );
    let foreign = make("app1", "another secret", fixtures::private_key());
    assert!(matches!(open(foreign), Err(Reject::Undecryptable)));
    assert!(PartnerSender::new("app1", "", fixtures::private_key()).is_none());
}

#[test]
fn signed_rubbish_in_data_is_refused() {
    let members = |data| {
        [
            ("app_id", "app1"),
            ("timestamp", "1700000000"),
            ("nonce", NONCE),
            ("data", data),
        ]
    };
    for data in ["AA", "AAAA", "*", "AAAAAAAAAAAAAAAAAAAAAA=="] {
        let refusal = if data.len() == 24 {
            Reject::Undecryptable
        } else {
            Reject::BadCiphertext
        };
        assert_eq!(open(&signed(&members(data))), Err(refusal), "{data}");
    }
}

#[test]
fn the_wrong_one_of_two_secrets_is_not_taken_for_the_right_one() {
    // Under the first secret this decrypts to rubbish with valid padding, as one in 256 does.
    let plain = br#"{"n":236}"#;
    let [first, second] = SECRETS.map(|secret| aes_key(secret).unwrap());
    let mut sealed = second.encrypt(&IV, plain.to_vec(), 16).unwrap();
    assert!(unpad(first.decrypt(&IV, &mut sealed).unwrap(), 16).is_some());
    let opened = verifier()
        .open(&sender().seal(&draft(plain, NONCE), NOW).unwrap(), NOW)
        .unwrap();
    assert_eq!(
        (opened.plaintext.as_slice(), opened.secret),
        (plain.as_slice(), 1)
    );
}

#[test]
fn only_a_json_object_is_sealed_or_opened() {
    for plain in ["", "text", "[]", "{", "{\"a\":1,\"a\":2}"] {
        assert_eq!(
            sender().seal(&draft(plain.as_bytes(), NONCE), NOW),
            None,
            "{plain}"
        );
        let sealed = aes_key(SECRETS[0])
            .unwrap()
            .encrypt(&IV, plain.into(), 16)
            .unwrap();
        let data = base64::encode(&sealed);
        let body = signed(&[
            ("app_id", "app1"),
            ("timestamp", "1700000000"),
            ("nonce", NONCE),
            ("data", &data),
        ]);
        assert_eq!(open(&body), Err(Reject::Undecryptable), "{plain}");
    }
}

#[test]
fn extra_members_must_not_take_or_blur_the_agreed_ones() {
    for extra in [
        ("sign", "x"),
        ("nonce", "x"),
        ("a=b", "x"),
        ("a", "x\n"),
        ("", "x"),
        ("a.b", ""),
    ] {
        let plain = PartnerDraft {
            plaintext: b"{}",
            nonce: NONCE,
            extra: &[extra],
        };
        assert_eq!(sender().seal(&plain, NOW), None, "{extra:?}");
    }
}

#[test]
fn every_problem_of_the_configuration_is_named() {
    let private = fixtures::input("pay-v3-rsa-sign-java", "private_key_pem");
    let errors = PartnerVerifier::new("", &[String::new()], &[private, fixtures::certificate()])
        .unwrap_err();
    let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["app_secret[0]", "public_key[0]", "app_id"]);
    let errors = PartnerVerifier::new("app1", &[], &[]).unwrap_err();
    let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["app_secret", "public_key"]);
    let shown = format!("{:?} {:?}", verifier(), sender());
    assert_eq!(shown, "PartnerVerifier(app1) PartnerSender(app1)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn open_undoes_seal(text in ".{0,200}", nonce in "[A-Za-z0-9_-]{16,64}") {
        let plaintext = serde_json::json!({ "text": text }).to_string().into_bytes();
        let body = sender().seal(&draft(&plaintext, &nonce), NOW).unwrap();
        let opened = verifier().open(&body, NOW).unwrap();
        prop_assert_eq!(opened.plaintext, plaintext);
        prop_assert_eq!(opened.nonce, nonce);
    }

    #[test]
    fn any_flipped_bit_is_refused(at in any::<prop::sample::Index>()) {
        let mut body = sealed().into_bytes();
        let bit = at.index(body.len() * 8);
        body[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(verifier().open(&body, NOW).is_err());
    }
}
