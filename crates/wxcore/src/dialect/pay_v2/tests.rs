//! V2 notices, good and hostile.

use proptest::prelude::*;

use super::{
    PayV2Verifier, SignType, V2Notice, parse, seal_event, seal_refund, seal_signed, write_xml,
};
use crate::reject::Reject;

const KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const OLD: &str = "OF4Ne3znh8KqL0V4NqmALQa0uXMYKcEk";
const APIV3: &str = "0123456789abcdef0123456789ABCDEF";
const KINDS: [SignType; 2] = [SignType::Md5, SignType::HmacSha256];

const FIELDS: [(&str, &str); 9] = [
    ("return_code", "SUCCESS"),
    ("appid", "wx2421b1c4370ec43b"),
    ("attach", " 支付测试 <b>&]]>"),
    ("device_info", ""),
    ("coupon_fee_0", "0"),
    ("coupon_fee_3", "10"),
    ("coupon_id_3", "10003"),
    ("brand_new_field", "一"),
    ("total_fee", "1"),
];

fn verifier(pinned: Option<SignType>) -> PayV2Verifier {
    let verifier = PayV2Verifier::new(&[OLD.to_owned(), KEY.to_owned()], pinned).unwrap();
    verifier.with_apiv3(&[APIV3.to_owned()]).unwrap()
}

fn open_as(pinned: Option<SignType>, body: &[u8]) -> Result<V2Notice, Reject> {
    verifier(pinned).open(&parse(body)?)
}

fn open(body: &[u8]) -> Result<V2Notice, Reject> {
    open_as(None, body)
}

fn altered(kind: SignType, from: &str, to: &str) -> Result<V2Notice, Reject> {
    let body = String::from_utf8(seal_signed(&FIELDS, KEY, kind)).unwrap();
    assert!(body.contains(from), "{from}");
    open(body.replace(from, to).as_bytes())
}

#[test]
fn every_received_field_is_signed_known_or_not() {
    for kind in KINDS {
        let body = seal_signed(&FIELDS, KEY, kind);
        assert_eq!(open(&body), Ok(V2Notice::Signed { key: 1 }));
        assert_eq!(
            open(&seal_signed(&FIELDS, OLD, kind)),
            Ok(V2Notice::Signed { key: 0 })
        );
        for (from, to) in [
            ("10003", "10004"),
            ("brand_new_field", "brand_old_field"),
            ("<xml>", "<xml><coupon_id_4>1</coupon_id_4>"),
            ("<coupon_fee_0><![CDATA[0]]></coupon_fee_0>", ""),
            (" 支付", "支付"),
            ("<total_fee><![CDATA[1]]>", "<total_fee><![CDATA[]]>"),
        ] {
            assert_eq!(
                altered(kind, from, to),
                Err(Reject::BadSignature),
                "{from} -> {to}"
            );
        }
        assert!(
            altered(kind, "<device_info><![CDATA[]]></device_info>", "").is_ok(),
            "empty"
        );
        assert!(
            altered(kind, "<![CDATA[SUCCESS]]>", "SUCCESS").is_ok(),
            "no CDATA"
        );
    }
}

#[test]
fn order_does_not_matter_but_repetition_does() {
    let mut reversed = FIELDS;
    reversed.reverse();
    let signature = super::sign(FIELDS, KEY, SignType::Md5);
    let body = write_xml(&[&[("sign", signature.as_str())], reversed.as_slice()].concat());
    assert_eq!(open(&body), Ok(V2Notice::Signed { key: 1 }));
    let doubled = altered(SignType::Md5, "<xml>", "<xml><total_fee>1</total_fee>");
    assert_eq!(doubled, Err(Reject::DuplicateField));
    let doubled = altered(SignType::Md5, "<xml>", "<xml><sign>1</sign>");
    assert_eq!(doubled, Err(Reject::DuplicateField));
}

#[test]
fn without_a_signature_there_is_no_notice() {
    assert_eq!(open(&write_xml(&FIELDS)), Err(Reject::MissingParameter));
    let empty = [FIELDS.as_slice(), &[("sign", "")]].concat();
    assert_eq!(open(&write_xml(&empty)), Err(Reject::MissingParameter));
    for odd in [
        "x",
        "9A0A8659F005D6984697E2CA0A9CF3B",
        &"0".repeat(32),
        &"0".repeat(64),
    ] {
        let body = write_xml(&[FIELDS.as_slice(), &[("sign", odd)]].concat());
        assert_eq!(open(&body), Err(Reject::BadSignature), "{odd}");
    }
    let nested = b"<xml><return_code>SUCCESS</return_code><sign><a>1</a></sign></xml>";
    assert_eq!(open(nested), Err(Reject::BadEnvelope));
    let failure = write_xml(&[("return_code", "FAIL"), ("return_msg", "签名失败")]);
    assert_eq!(open(&failure), Err(Reject::MissingParameter));
}

#[test]
fn hex_is_read_in_either_case() {
    let signature = super::sign(FIELDS, KEY, SignType::Md5).to_ascii_lowercase();
    let body = write_xml(&[FIELDS.as_slice(), &[("sign", &signature)]].concat());
    assert_eq!(open(&body), Ok(V2Notice::Signed { key: 1 }));
}

#[test]
fn a_pinned_sign_type_accepts_no_other() {
    for (pinned, other) in [(KINDS[0], KINDS[1]), (KINDS[1], KINDS[0])] {
        assert!(open_as(Some(pinned), &seal_signed(&FIELDS, KEY, pinned)).is_ok());
        let foreign = seal_signed(&FIELDS, KEY, other);
        assert_eq!(open_as(Some(pinned), &foreign), Err(Reject::BadSignature));
    }
}

#[test]
fn the_named_sign_type_is_signed_like_any_field() {
    let named = [FIELDS.as_slice(), &[("sign_type", "HMAC-SHA256")]].concat();
    let body = seal_signed(&named, KEY, SignType::HmacSha256);
    assert!(open(&body).is_ok());
    let changed = String::from_utf8(body)
        .unwrap()
        .replace("HMAC-SHA256", "MD5");
    assert_eq!(open(changed.as_bytes()), Err(Reject::BadSignature));
}

#[test]
fn a_signed_message_that_is_no_notice_is_refused() {
    let body = seal_signed(&FIELDS[1..], KEY, SignType::Md5);
    assert_eq!(open(&body), Err(Reject::MissingField));
    let scan = [
        ("product_id", "88888"),
        ("openid", "o1"),
        ("is_subscribe", "Y"),
    ];
    assert!(open(&seal_signed(&scan, KEY, SignType::Md5)).is_ok());
}

#[test]
fn a_refund_is_opened_with_the_key_that_fits() {
    let inner = "<root><refund_status><![CDATA[SUCCESS]]></refund_status></root>";
    let sealed = seal_refund(KEY, inner).unwrap();
    let outer = [
        ("return_code", "SUCCESS"),
        ("mch_id", "10000100"),
        ("req_info", &sealed),
    ];
    let Ok(V2Notice::Refund { key: 1, xml }) = open(&write_xml(&outer)) else {
        panic!("refused")
    };
    assert_eq!(
        parse(xml.as_bytes())
            .unwrap()
            .text("refund_status")
            .as_deref(),
        Some("SUCCESS")
    );

    let signed = seal_signed(&outer, KEY, SignType::Md5);
    assert!(open(&signed).is_ok());
    let changed = String::from_utf8(signed)
        .unwrap()
        .replace("10000100", "10000101");
    assert_eq!(
        open(changed.as_bytes()),
        Err(Reject::BadSignature),
        "a signature that is there must fit"
    );

    for (req_info, refusal) in [
        ("", Reject::BadCiphertext),
        (inner, Reject::BadCiphertext),
        (&sealed[..40], Reject::BadCiphertext),
        (&sealed[..64], Reject::Undecryptable),
        (&seal_refund(APIV3, inner).unwrap(), Reject::Undecryptable),
    ] {
        let body = write_xml(&[("return_code", "SUCCESS"), ("req_info", req_info)]);
        assert_eq!(open(&body), Err(refusal), "{req_info}");
    }
}

#[test]
fn a_sealed_event_is_opened_with_the_apiv3_key() {
    let fields = [("appid", "wx1"), ("event_type", "TRANSACTION.SUCCESS")];
    let body = seal_event(&fields, APIV3, "abcdef012345", b"{\"a\":1}").unwrap();
    let resource = b"{\"a\":1}".to_vec();
    assert_eq!(open(&body), Ok(V2Notice::Resource { key: 0, resource }));
    let without = PayV2Verifier::new(&[KEY.to_owned()], None).unwrap();
    assert_eq!(
        without.open(&parse(&body).unwrap()),
        Err(Reject::Undecryptable)
    );
    let text = String::from_utf8(body).unwrap();
    for (from, to, refusal) in [
        (
            "AEAD_AES_256_GCM",
            "AEAD_AES_128_GCM",
            Reject::UnknownAlgorithm,
        ),
        ("[transaction]", "[Transaction]", Reject::Undecryptable),
        ("abcdef012345", "abcdef012346", Reject::Undecryptable),
        ("event_nonce", "event_once", Reject::BadEnvelope),
        ("event_ciphertext", "event_cipher", Reject::MissingParameter),
        (
            "<event_ciphertext><![CDATA[",
            "<event_ciphertext><![CDATA[*",
            Reject::BadCiphertext,
        ),
    ] {
        assert_eq!(
            open(text.replace(from, to).as_bytes()),
            Err(refusal),
            "{from} -> {to}"
        );
    }
    assert_eq!(seal_event(&fields, KEY, "short", b""), None);
}

#[test]
fn only_flat_plain_xml_is_read() {
    for body in [
        &b"{}"[..],
        b"",
        b"\xff",
        b"<xml><a><b><c/></b></a></xml>",
        b"<xml><a b=\"1\"/></xml>",
        b"<!DOCTYPE x [<!ENTITY a \"b\">]><xml/>",
    ] {
        assert_eq!(open(body), Err(Reject::BadEnvelope));
    }
    let coupons: String = (0..170)
        .map(|n| format!("<c{n}>1</c{n}><i{n}>1</i{n}>"))
        .collect();
    assert!(parse(format!("<xml>{coupons}</xml>").as_bytes()).is_ok());
    let many: String = (0..600).map(|n| format!("<c{n}>1</c{n}>")).collect();
    assert_eq!(
        parse(format!("<xml>{many}</xml>").as_bytes()),
        Err(Reject::BadEnvelope)
    );
}

#[test]
fn keys_of_another_length_are_named_without_being_shown() {
    let errors = PayV2Verifier::new(&["secret".to_owned(), KEY.to_owned()], None).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].path, "key[0]");
    assert!(!errors[0].reason.contains("secret"));
    assert_eq!(PayV2Verifier::new(&[], None).unwrap_err()[0].path, "key");
    let errors = verifier(None)
        .with_apiv3(&["secret".to_owned()])
        .unwrap_err();
    assert_eq!(errors[0].path, "apiv3_key[0]");
    assert!(!format!("{:?}", verifier(None)).contains(KEY));
}

proptest! {
    #[test]
    fn signing_then_opening_is_identity_and_any_change_is_refused(
        values in proptest::collection::vec("[ -~一-龥]{0,12}", 1..20),
        hmac in any::<bool>(),
        at in any::<prop::sample::Index>(),
    ) {
        let names: Vec<String> = (0..values.len()).map(|n| format!("f{n}")).collect();
        let mut fields = vec![("return_code", "SUCCESS")];
        fields.extend(names.iter().map(String::as_str).zip(values.iter().map(String::as_str)));
        let kind = KINDS[usize::from(hmac)];
        prop_assert_eq!(open(&seal_signed(&fields, KEY, kind)), Ok(V2Notice::Signed { key: 1 }));
        let signature = super::sign(fields.iter().copied(), KEY, kind);
        let victim = at.index(fields.len());
        let other = format!("{}.", fields[victim].1);
        fields[victim].1 = &other;
        fields.push(("sign", &signature));
        prop_assert_eq!(open(&write_xml(&fields)), Err(Reject::BadSignature));
    }

    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(&body).is_err());
    }
}
