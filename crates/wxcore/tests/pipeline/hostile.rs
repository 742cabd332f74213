//! Everything before verification is hostile: one refusal, one reason, no panic, no hint.

use crate::support::*;
use proptest::prelude::*;
use wxcore::crypto::aes::CbcKey;
use wxcore::crypto::base64;
use wxcore::envelope::Envelope;
use wxcore::gateway::Received;
use wxcore::reject::Reject;
use wxcore::time::UnixMillis;

#[test]
fn wrong_missing_empty_and_doubled_parameters() {
    let gateway = gateway("official", "{}");
    let (body, query) = sealed(TEXT);
    let with = |query: &str| refused(post(&gateway, query, &body));
    assert_eq!(
        with(&query.replace("msg_signature=", "msg_signature=0")),
        Reject::BadSignature
    );
    assert_eq!(with(""), Reject::MissingParameter);
    assert_eq!(with(&plain_query()), Reject::MissingParameter);
    assert_eq!(
        with(&format!("{}&msg_signature=", plain_query())),
        Reject::MissingParameter
    );
    assert_eq!(
        with(&format!("{query}&nonce={NONCE}")),
        Reject::DuplicateParameter
    );
    assert_eq!(
        with(&query.replace("nonce=", "nonce[]=")),
        Reject::MissingParameter
    );
    assert_eq!(with(&query.replace(NONCE, "%ff")), Reject::BadQuery);
    assert_eq!(
        with(&query.replace(NONCE, "4156707411")),
        Reject::BadSignature
    );
    let upper = query.rsplit_once('=').unwrap();
    let upper = format!("{}={}", upper.0, upper.1.to_ascii_uppercase());
    assert_eq!(with(&upper), Reject::BadSignature);
}

#[test]
fn timestamps_outside_the_window() {
    let gateway = gateway("official", "{}");
    let (body, query) = sealed(TEXT);
    let at = |seconds: i64| {
        let now = UnixMillis::from_seconds(1_714_112_445 + seconds);
        refused(call_at(&gateway, now, "POST", &query, body.as_bytes()))
    };
    assert_eq!(at(86_400), Reject::Stale);
    assert_eq!(at(-86_400), Reject::Future);
    let text = query.replace(TIMESTAMP, "yesterday");
    assert_eq!(refused(post(&gateway, &text, &body)), Reject::BadTimestamp);
}

#[test]
fn a_safe_account_refuses_every_downgrade() {
    let gateway = gateway("official", "{}");
    let (_, query) = sealed(TEXT);
    for query in [plain_query(), query.clone(), query.replace("aes", "raw")] {
        let reject = refused(post(&gateway, &query, TEXT));
        assert!(
            matches!(reject, Reject::PlainBody | Reject::MissingParameter),
            "{reject:?}"
        );
    }
    let json = r#"{"FromUserName":"a","MsgType":"text","Content":"x"}"#;
    assert_eq!(refused(post(&gateway, &query, json)), Reject::BadEnvelope);
    let nested = "<xml><A><Encrypt>x</Encrypt></A></xml>";
    assert_eq!(refused(post(&gateway, &query, nested)), Reject::BadEnvelope);
}

#[test]
fn envelopes_that_are_not() {
    let gateway = gateway("official", "{}");
    let (body, query) = sealed(TEXT);
    let twice = body.replace("</xml>", "<Encrypt>x</Encrypt></xml>");
    assert_eq!(
        refused(post(&gateway, &query, &twice)),
        Reject::DuplicateField
    );
    for bad in [
        "",
        "<",
        "<xml>",
        &format!("<!DOCTYPE xml>{body}"),
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><xml><Encrypt>&x;</Encrypt></xml>",
        &format!("<?evil ?>{body}"),
        &body.replace("<Encrypt>", "<Encrypt a=\"b\">"),
        &body.replace("gh_1", "gh\0"),
        &body.replace("<Encrypt>", "<Encrypt><A/>"),
        &"<a>".repeat(100_000),
    ] {
        let reject = refused(post(&gateway, &query, bad));
        assert!(
            matches!(reject, Reject::BadEnvelope | Reject::PlainBody),
            "{reject:?} {bad:.80}"
        );
    }
    let invalid = [body.as_bytes(), b"\xff"].concat();
    assert_eq!(
        refused(call(&gateway, "POST", &query, &invalid)),
        Reject::BadEnvelope
    );
    for method in ["PUT", "HEAD", "post", ""] {
        assert_eq!(
            refused(call(&gateway, method, &query, body.as_bytes())),
            Reject::Method
        );
    }
}

/// A body around any ciphertext, rightly signed: what only a leaked token allows.
fn signed(ciphertext: &str) -> (String, String) {
    let signature = sender().sign_sealed(TIMESTAMP, NONCE, ciphertext);
    (
        format!("<xml><Encrypt>{ciphertext}</Encrypt></xml>"),
        query(&signature),
    )
}

fn opened(ciphertext: &str) -> Reject {
    let (body, query) = signed(ciphertext);
    refused(post(
        &gateway(
            "official",
            r#"{"aes_keys":["abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"]}"#,
        ),
        &query,
        &body,
    ))
}

#[test]
fn ciphertexts_that_are_not() {
    let key = base64::decode_aes_key(KEY).unwrap();
    let iv: [u8; 16] = key[..16].try_into().unwrap();
    let raw = |plain: &[u8]| {
        // Whole blocks: padded once more by 16, which is then cut off.
        let sealed = CbcKey::new(&key)
            .unwrap()
            .encrypt(&iv, plain.to_vec(), 16)
            .unwrap();
        base64::encode(&sealed[..plain.len()])
    };
    let frame = |length: u32, padding: &[u8]| {
        let mut plain = b"0123456789abcdef".to_vec();
        plain.extend(length.to_be_bytes());
        plain.extend(b"<xml></xml>x");
        plain.extend(padding);
        plain
    };
    assert_eq!(opened(""), Reject::BadCiphertext);
    assert_eq!(opened("AAAA"), Reject::BadCiphertext);
    assert_eq!(opened("!!!!"), Reject::BadCiphertext);
    let (valid, _) = sealed(TEXT);
    let valid = valid
        .split("CDATA[")
        .nth(2)
        .unwrap()
        .split(']')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(opened(&valid[..valid.len() - 1]), Reject::BadCiphertext);
    assert_eq!(
        opened(&format!("{}\n{}", &valid[..4], &valid[4..])),
        Reject::BadCiphertext
    );
    assert_eq!(
        opened(&valid.replace('+', " ").replacen('a', " ", 1)),
        Reject::BadCiphertext
    );
    for plain in [
        frame(11, &[0; 16]),
        frame(11, &[16; 16])
            .iter()
            .map(|b| if *b == 16 { 33 } else { *b })
            .collect(),
        frame(11, &[[15_u8; 15].as_slice(), &[16]].concat()),
        frame(u32::MAX, &[16; 16]),
        frame(13, &[16; 16]),
        vec![255; 48],
        vec![16; 16],
    ] {
        assert_eq!(opened(&raw(&plain)), Reject::Undecryptable, "{plain:?}");
    }
    assert_eq!(opened(&raw(&frame(11, &[16; 16]))), Reject::WrongReceiveId);
}

#[test]
fn the_receive_id_is_compared_whole() {
    let gateway = gateway("official", "{}");
    for other in [
        "",
        "wxba5fad812f8e6fb",
        "wxba5fad812f8e6fb99",
        "WXBA5FAD812F8E6FB9",
        "wx1",
    ] {
        let keys = [KEY.to_owned(), OLD_KEY.to_owned()];
        let sender = Envelope::new(&[TOKEN.to_owned()], &keys, &[other.to_owned()]).unwrap();
        let (body, query) = sealed_with(&sender, 0, TEXT);
        assert_eq!(
            refused(post(&gateway, &query, &body)),
            Reject::WrongReceiveId,
            "{other}"
        );
        let (body, query) = sealed_with(&sender, 1, TEXT);
        assert_eq!(
            refused(post(&gateway, &query, &body)),
            Reject::WrongReceiveId,
            "{other}"
        );
    }
}

#[test]
fn messages_that_are_not() {
    let gateway = gateway("official", "{}");
    let inner = |message: &str| {
        let (body, query) = sealed(message);
        refused(post(&gateway, &query, &body))
    };
    for field in ["MsgId", "FromUserName", "MsgType", "CreateTime", "Event"] {
        let twice = format!("<xml><{field}>1</{field}><A/><{field}>2</{field}></xml>");
        assert_eq!(inner(&twice), Reject::DuplicateField, "{field}");
    }
    assert_eq!(
        inner(r#"{"MsgType":"text","MsgType":"event"}"#),
        Reject::DuplicateField
    );
    let bomb = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><xml><C>&b;</C></xml>";
    for bad in [
        bomb,
        "",
        "hello",
        "{",
        "[]",
        "<xml>",
        "<xml><A>&x;</A></xml>",
        "<xml>\0</xml>",
    ] {
        assert_eq!(inner(bad), Reject::BadMessage, "{bad}");
    }
    let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
    assert_eq!(inner(&deep), Reject::BadMessage);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500));
    assert_eq!(inner(&deep), Reject::BadMessage);
}

#[test]
fn no_account_takes_anothers_path() {
    let gateway = gateway("official", "{}");
    let (body, query) = sealed(TEXT);
    let request = wxcore::request::Request {
        method: "POST",
        query: &query,
        headers: &[],
        body: body.as_bytes(),
        now: NOW,
        peer: None,
    };
    for (account, authorizer) in [
        ("shop2", None),
        ("", None),
        ("SHOP", None),
        ("shop", Some("wx1")),
    ] {
        let received = gateway.receive(account, authorizer, &request);
        assert_eq!(refused(received), Reject::UnknownAccount);
    }
}

#[test]
fn a_message_that_no_route_takes_is_sent_again() {
    let config = config("official", "{}").replace("[{}]", r#"[{"when":{"type":"image"}}]"#);
    let gateway = wxcore::gateway::Gateway::new(&serde_json::from_str(&config).unwrap())
        .ok()
        .unwrap();
    let (body, query) = sealed(TEXT);
    let reject = refused(post(&gateway, &query, &body));
    assert_eq!((reject, reject.retry()), (Reject::NoRoute, true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25_000))]

    #[test]
    fn nothing_that_can_be_sent_panics_or_passes(
        query in "[ -~]{0,200}", body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let gateway = shared();
        let received = call(gateway, "POST", &query, &body);
        prop_assert!(matches!(received, Received::Refused(_)));
    }

    #[test]
    fn almost_envelopes_are_refused(
        inner in "[<>/a-zA-Z!\\[\\]&;\"= {}:,\u{4f60}]{0,60}", cut in 0..200_usize,
    ) {
        let (body, query) = sealed(TEXT);
        let at = (0..=cut.min(body.len())).rev().find(|at| body.is_char_boundary(*at)).unwrap_or(0);
        let mangled = format!("{}{inner}{}", &body[..at], &body[at..]);
        let received = post(shared(), &query, &mangled);
        // Text beside the ciphertext is no part of the message: it passes only unread.
        if let Received::Event(delivery) = received {
            prop_assert_eq!(delivery.id.as_str(), "shop:m:24000000000000001");
        }
    }

    #[test]
    fn what_is_sealed_opens(content in ".{0,400}", salt in any::<[u8; 16]>(), key in 0..2_usize) {
        let sender = sender();
        let sealed = sender.seal(content.as_bytes(), key, 0, salt).unwrap();
        let opened = sender.open(&sealed).unwrap();
        prop_assert_eq!(opened.content(), content.as_bytes());
        prop_assert_eq!(opened.key, key);
    }

    #[test]
    fn a_bit_flipped_anywhere_in_what_is_signed_is_refused(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let (body, query) = sealed(TEXT);
        let start = body.find("<Encrypt><![CDATA[").unwrap() + 18;
        let end = body.find("]]></Encrypt>").unwrap();
        let mut flipped = body.clone().into_bytes();
        flipped[start + at.index(end - start)] ^= 1 << bit;
        let received = call(shared(), "POST", &query, &flipped);
        prop_assert!(matches!(received, Received::Refused(_)));
    }
}

#[test]
fn a_bit_flipped_anywhere_in_the_query_is_refused() {
    let (body, query) = sealed(TEXT);
    // `signature`, `openid` and `encrypt_type` do not authenticate a sealed message.
    for name in ["timestamp=", "nonce=", "msg_signature="] {
        let start = query.find(name).unwrap();
        let end = query[start..]
            .find('&')
            .map_or(query.len(), |length| start + length);
        for at in start..end {
            for bit in 0..7 {
                let mut flipped = query.clone().into_bytes();
                flipped[at] ^= 1 << bit;
                let Ok(flipped) = String::from_utf8(flipped) else {
                    continue;
                };
                let received = post(shared(), &flipped, &body);
                assert!(matches!(received, Received::Refused(_)), "{flipped}");
            }
        }
    }
}

fn shared() -> &'static wxcore::gateway::Gateway {
    static GATEWAY: std::sync::OnceLock<wxcore::gateway::Gateway> = std::sync::OnceLock::new();
    GATEWAY.get_or_init(|| gateway("official", "{}"))
}
