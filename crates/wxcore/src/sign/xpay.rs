//! HMAC signatures: virtual payment, session checks, and the pay tool of WeCom.
//!
//! A session key signs as the base64 text in which WeChat hands it out, never as its bytes.

use crate::crypto::base64;
use crate::crypto::constant_time;
use crate::crypto::digest::{hex, hmac_sha256};

/// HMAC-SHA256 in lower-case hex. `checksession` signs the empty message with the session key.
pub fn hmac_hex(key: &str, message: &[u8]) -> String {
    hex(&hmac_sha256(key.as_bytes(), &[message]))
}

/// HMAC-SHA256 in base64, as WeCom's pay tool wants it.
pub fn hmac_base64(key: &str, message: &[u8]) -> String {
    base64::encode(&hmac_sha256(key.as_bytes(), &[message]))
}

/// `pay_sig`: over the path, such as `/xpay/query_user_balance`, and the exact body; a query after the
/// path is left out. In a page the path is `requestVirtualPayment` and the body is `signData`. Sandbox
/// and production have other keys.
pub fn pay_sig(app_key: &str, uri: &str, body: &[u8]) -> String {
    let path = uri.split_once('?').map_or(uri, |(path, _)| path);
    signed(app_key, path, body)
}

fn signed(app_key: &str, name: &str, body: &[u8]) -> String {
    hex(&hmac_sha256(
        app_key.as_bytes(),
        &[name.as_bytes(), b"&", body],
    ))
}

/// `signature`: the user's state, over the exact body.
pub fn user_signature(session_key: &str, body: &[u8]) -> String {
    hmac_hex(session_key, body)
}

/// Whether `PayEventSig` of a mini game's push fits its event and the literal text of its `Payload`.
pub fn verify_pay_event(app_key: &str, event: &str, payload: &str, signature: &str) -> bool {
    let expected = signed(app_key, event, payload.as_bytes());
    constant_time::eq(expected.as_bytes(), signature.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{hmac_base64, hmac_hex, pay_sig, user_signature, verify_pay_event};

    #[test]
    fn an_events_signature_covers_its_name_and_literal_payload() {
        let signature = pay_sig("key", "xpay_goods_deliver_notify", b"{\"a\": 1}");
        let fits = |key, event, payload| verify_pay_event(key, event, payload, &signature);
        assert!(fits("key", "xpay_goods_deliver_notify", "{\"a\": 1}"));
        assert!(!fits("yek", "xpay_goods_deliver_notify", "{\"a\": 1}"));
        assert!(!fits("key", "xpay_coin_pay_notify", "{\"a\": 1}"));
        assert!(!fits("key", "xpay_goods_deliver_notify", "{\"a\":1}"));
        assert!(!verify_pay_event("key", "e", "{}", ""));
        assert!(!fits("key", "xpay_goods_deliver_notify?x", "{\"a\": 1}"));
    }

    #[test]
    fn a_query_is_not_signed() {
        let path = "/xpay/query_user_balance";
        let asked = format!("{path}?access_token=T&x=?");
        assert_eq!(pay_sig("key", &asked, b"b"), pay_sig("key", path, b"b"));
        assert_eq!(
            pay_sig("key", path, b"b"),
            hmac_hex("key", b"/xpay/query_user_balance&b")
        );
    }

    #[test]
    fn the_forms_agree() {
        assert_eq!(pay_sig("key", "u", b"b"), hmac_hex("key", b"u&b"));
        assert_eq!(user_signature("key", b"b"), hmac_hex("key", b"b"));
        assert_eq!(hmac_base64("key", b"b").len(), 44);
    }
}
