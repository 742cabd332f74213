//! Every known answer of the push protocols (`tests/vectors/vectors.json`).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;

use serde_json::Value;
use wxcore::crypto::{aes, base64};
use wxcore::envelope::Envelope;
use wxcore::reject::Reject;
use wxcore::reply::SealedReply;

const KINDS: [(&str, usize); 7] = [
    ("mp_signature", 5),
    ("mp_msg_signature", 4),
    ("mp_decrypt", 8),
    ("mp_encrypt", 4),
    ("mp_encrypted_reply", 2),
    ("wecom_verify_url", 6),
    ("encoding_aes_key", 5),
];

fn vectors() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/vectors.json"
    );
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    document["vectors"].as_array().unwrap().clone()
}

fn text<'v>(of: &'v Value, name: &str) -> &'v str {
    of[name].as_str().unwrap_or_default()
}

fn number_or_text(of: &Value, name: &str) -> String {
    of[name]
        .as_str()
        .map_or_else(|| of[name].to_string(), str::to_owned)
}

fn envelope(inputs: &Value, receive_id: &str) -> Envelope {
    let token = if inputs["token"].is_null() {
        "unused"
    } else {
        text(inputs, "token")
    };
    let keys: Vec<String> = inputs["encoding_aes_key"]
        .as_str()
        .map(str::to_owned)
        .into_iter()
        .collect();
    Envelope::new(&[token.to_owned()], &keys, &[receive_id.to_owned()]).unwrap()
}

#[test]
fn every_push_vector_holds() {
    let mut checked = BTreeMap::new();
    for vector in vectors() {
        let (kind, inputs, expected) = (
            text(&vector, "kind"),
            &vector["inputs"],
            &vector["expected"],
        );
        let holds = match kind {
            "mp_signature" => signature(inputs, expected),
            "mp_msg_signature" => msg_signature(inputs, expected),
            "mp_decrypt" => decrypt(inputs, expected),
            "mp_encrypt" => encrypt(inputs, expected),
            "mp_encrypted_reply" => encrypted_reply(inputs, expected),
            "wecom_verify_url" => verify_url(inputs, expected),
            "encoding_aes_key" => aes_key(inputs, expected),
            _ => continue,
        };
        assert!(holds, "{}", text(&vector, "id"));
        *checked.entry(kind.to_owned()).or_insert(0) += 1;
    }
    let wanted: BTreeMap<String, usize> = KINDS
        .iter()
        .map(|(kind, count)| ((*kind).to_owned(), *count))
        .collect();
    assert_eq!(checked, wanted);
}

#[test]
fn padding_vectors_hold() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len() / 2)
            .map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap())
            .collect()
    };
    let padding: Vec<Value> = vectors()
        .into_iter()
        .filter(|v| text(v, "kind") == "pkcs7_block32")
        .collect();
    assert_eq!(padding.len(), 2);
    for vector in padding {
        let padded = hex(text(&vector["expected"], "padded_hex"));
        let data = hex(text(&vector["inputs"], "data_hex"));
        assert_eq!(aes::unpad(&padded, 32), Some(&data[..]));
        assert_eq!(padded.len() % 32, 0);
    }
}

fn signature(inputs: &Value, expected: &Value) -> bool {
    let given = inputs["signature"]
        .as_str()
        .or_else(|| expected["signature"].as_str())
        .unwrap();
    let valid = expected["valid"].as_bool().unwrap_or(true);
    let checked = envelope(inputs, "any").check_plain(
        text(inputs, "timestamp"),
        text(inputs, "nonce"),
        given,
    );
    checked.is_ok() == valid
}

fn msg_signature(inputs: &Value, expected: &Value) -> bool {
    let given = text(expected, "msg_signature");
    let (timestamp, nonce) = (text(inputs, "timestamp"), text(inputs, "nonce"));
    let envelope = envelope(inputs, "any");
    envelope
        .check_sealed(timestamp, nonce, text(inputs, "encrypt"), given)
        .is_ok()
        && envelope.check_sealed(timestamp, "other", text(inputs, "encrypt"), given)
            == Err(Reject::BadSignature)
}

fn decrypt(inputs: &Value, expected: &Value) -> bool {
    let receive_id = expected["receive_id"]
        .as_str()
        .or_else(|| inputs["receive_id"].as_str())
        .unwrap_or("any");
    let opened = envelope(inputs, receive_id).open(text(inputs, "encrypt"));
    match (expected["error"].as_str(), opened) {
        (Some("receive_id_mismatch"), Err(reject)) => reject == Reject::WrongReceiveId,
        (Some(_), Err(reject)) => reject != Reject::WrongReceiveId,
        (None, Ok(plain)) => {
            let content = std::str::from_utf8(plain.content()).unwrap();
            let parts = expected["msg_contains"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            expected["msg"].as_str().is_none_or(|msg| msg == content)
                && parts
                    .iter()
                    .all(|part| content.contains(part.as_str().unwrap()))
        }
        _ => false,
    }
}

fn encrypt(inputs: &Value, expected: &Value) -> bool {
    let random: [u8; 16] = text(inputs, "random").as_bytes().try_into().unwrap();
    let envelope = envelope(inputs, text(inputs, "receive_id"));
    let sealed = envelope
        .seal(text(inputs, "msg").as_bytes(), 0, 0, random)
        .unwrap();
    let opened = envelope.open(&sealed).unwrap();
    sealed == text(expected, "encrypt") && opened.content() == text(inputs, "msg").as_bytes()
}

fn encrypted_reply(inputs: &Value, expected: &Value) -> bool {
    let random: [u8; 16] = text(inputs, "random").as_bytes().try_into().unwrap();
    let envelope = envelope(inputs, text(inputs, "receive_id"));
    let ciphertext = envelope
        .seal(text(inputs, "msg").as_bytes(), 0, 0, random)
        .unwrap();
    let (timestamp, nonce) = (number_or_text(inputs, "timestamp"), text(inputs, "nonce"));
    let signature = envelope.sign_sealed(&timestamp, nonce, &ciphertext);
    assert_eq!(ciphertext, text(expected, "encrypt"));
    assert_eq!(signature, text(expected, "msg_signature"));
    let reply = SealedReply {
        ciphertext,
        signature,
        timestamp,
        nonce,
    };
    if text(inputs, "format") == "xml" {
        return reply.xml() == text(expected, "body").as_bytes();
    }
    let (ours, theirs): (Value, Value) = (
        serde_json::from_slice(&reply.json()).unwrap(),
        match &expected["body_json"] {
            Value::String(body) => serde_json::from_str(body).unwrap(),
            body => body.clone(),
        },
    );
    ours == theirs
}

fn verify_url(inputs: &Value, expected: &Value) -> bool {
    let receive_id = expected["receive_id"].as_str().unwrap_or("any");
    let envelope = envelope(inputs, receive_id);
    let echo = text(inputs, "echostr");
    let checked = envelope.check_sealed(
        text(inputs, "timestamp"),
        text(inputs, "nonce"),
        echo,
        text(inputs, "msg_signature"),
    );
    if expected["valid"].as_bool() == Some(false) {
        return checked == Err(Reject::BadSignature);
    }
    checked.is_ok() && envelope.open(echo).unwrap().content() == text(expected, "reply").as_bytes()
}

fn aes_key(inputs: &Value, expected: &Value) -> bool {
    let key = base64::decode_aes_key(text(inputs, "encoding_aes_key")).unwrap();
    wxcore::crypto::digest::hex(&key) == text(expected, "key_hex")
        && wxcore::crypto::digest::hex(&key[..16]) == text(expected, "iv_hex")
}
