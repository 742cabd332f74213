//! A gateway with one account of a kind, and a sender that plays WeChat towards it.

use wxcore::config::Config;
use wxcore::envelope::Envelope;
use wxcore::gateway::{Delivery, Gateway, Received};
use wxcore::reject::Reject;
use wxcore::request::Request;
use wxcore::time::UnixMillis;

pub(crate) const NOW: UnixMillis = UnixMillis::from_seconds(1_714_112_445);
pub(crate) const TIMESTAMP: &str = "1714112445";
pub(crate) const NONCE: &str = "415670741";
pub(crate) const TOKEN: &str = "AAAAA";
pub(crate) const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
pub(crate) const OLD_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
pub(crate) const APPID: &str = "wxba5fad812f8e6fb9";
pub(crate) const TEXT: &str = "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oUser]]>\
    </FromUserName><CreateTime>1714112445</CreateTime><MsgType><![CDATA[text]]></MsgType>\
    <Content><![CDATA[你好 👍🏽]]></Content><MsgId>24000000000000001</MsgId></xml>";

/// A configuration with the account `shop`; `settings` overrides or adds members.
pub(crate) fn config(kind: &str, settings: &str) -> String {
    let mut account = serde_json::json!({
        "name": "shop", "kind": kind, "receive_ids": [APPID], "tokens": [TOKEN],
        "aes_keys": [KEY, OLD_KEY], "mode": "safe", "format": "xml", "max_age": 86400,
    });
    let more: serde_json::Value = serde_json::from_str(settings).unwrap();
    for (name, value) in more.as_object().unwrap() {
        account[name] = value.clone();
    }
    serde_json::json!({"accounts": [account], "routes": [{}]}).to_string()
}

pub(crate) fn gateway(kind: &str, settings: &str) -> Gateway {
    let config: Config = serde_json::from_str(&config(kind, settings)).unwrap();
    Gateway::new(&config).unwrap_or_else(|problems| panic!("{problems:?}"))
}

pub(crate) fn sender() -> Envelope {
    let id = [APPID.to_owned()];
    Envelope::new(
        &[TOKEN.to_owned()],
        &[KEY.to_owned(), OLD_KEY.to_owned()],
        &id,
    )
    .unwrap()
}

/// A sealed XML body and its query string.
pub(crate) fn sealed(message: &str) -> (String, String) {
    sealed_with(&sender(), 0, message)
}

pub(crate) fn sealed_with(sender: &Envelope, key: usize, message: &str) -> (String, String) {
    let ciphertext = sender
        .seal(message.as_bytes(), key, 0, *b"0123456789abcdef")
        .unwrap();
    let body = format!(
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[{ciphertext}]]></Encrypt></xml>"
    );
    (
        body,
        query(&sender.sign_sealed(TIMESTAMP, NONCE, &ciphertext)),
    )
}

pub(crate) fn query(msg_signature: &str) -> String {
    let signature = sender().sign_plain(TIMESTAMP, NONCE);
    format!(
        "signature={signature}&timestamp={TIMESTAMP}&nonce={NONCE}&openid=oUser\
         &encrypt_type=aes&msg_signature={msg_signature}"
    )
}

pub(crate) fn plain_query() -> String {
    let signature = sender().sign_plain(TIMESTAMP, NONCE);
    format!("signature={signature}&timestamp={TIMESTAMP}&nonce={NONCE}&openid=oUser")
}

pub(crate) fn call(gateway: &Gateway, method: &str, query: &str, body: &[u8]) -> Received {
    call_at(gateway, NOW, method, query, body)
}

pub(crate) fn call_at(
    gateway: &Gateway,
    now: UnixMillis,
    method: &str,
    query: &str,
    body: &[u8],
) -> Received {
    gateway.receive(
        "shop",
        None,
        &Request {
            method,
            query,
            headers: &[],
            body,
            now,
            peer: None,
        },
    )
}

pub(crate) fn post(gateway: &Gateway, query: &str, body: &str) -> Received {
    call(gateway, "POST", query, body.as_bytes())
}

pub(crate) fn refused(received: Received) -> Reject {
    match received {
        Received::Refused(reject) => reject,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) fn event(received: Received) -> Delivery {
    match received {
        Received::Event(delivery) => *delivery,
        other => panic!("not an event: {other:?}"),
    }
}

pub(crate) fn json(delivery: &Delivery) -> serde_json::Value {
    serde_json::from_slice(&delivery.event).unwrap()
}
