//! A merchant's signatures under WeChat Pay APIv3: for API calls, and for the page or app that pays.

use crate::crypto::base64;
use crate::crypto::rsa::PrivateKey;

/// A merchant that calls WeChat Pay.
#[derive(Debug)]
pub struct Merchant {
    mchid: String,
    serial: String,
    key: PrivateKey,
}

/// One API call.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// In upper case.
    pub method: &'a str,
    /// Path and query, as sent.
    pub path: &'a str,
    /// The exact body; empty for GET, the `meta` JSON alone for an upload.
    pub body: &'a [u8],
}

impl Merchant {
    /// `serial` is that of the merchant's own certificate, and goes out as it is.
    pub fn new(mchid: &str, serial: &str, key: PrivateKey) -> Self {
        Self {
            mchid: mchid.to_owned(),
            serial: serial.to_owned(),
            key,
        }
    }

    /// The value of the `Authorization` header.
    pub fn authorization(&self, call: &Call<'_>, nonce: &str, timestamp: i64) -> Option<String> {
        let head = format!("{}\n{}\n{timestamp}\n{nonce}\n", call.method, call.path);
        let signature = base64::encode(&self.key.sign(&[head.as_bytes(), call.body, b"\n"])?);
        let Self { mchid, serial, .. } = self;
        Some(format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{mchid}\",nonce_str=\"{nonce}\",signature=\"{signature}\",\
             timestamp=\"{timestamp}\",serial_no=\"{serial}\""
        ))
    }

    /// `paySign` for a page in WeChat and for a mini program; its `package` is `prepay_id=…`.
    pub fn page_signature(
        &self,
        appid: &str,
        prepay_id: &str,
        nonce: &str,
        timestamp: i64,
    ) -> Option<String> {
        let text = format!("{appid}\n{timestamp}\n{nonce}\nprepay_id={prepay_id}\n");
        self.key
            .sign(&[text.as_bytes()])
            .map(|signature| base64::encode(&signature))
    }

    /// `sign` for an app, which signs the bare prepay id.
    pub fn app_signature(
        &self,
        appid: &str,
        prepay_id: &str,
        nonce: &str,
        timestamp: i64,
    ) -> Option<String> {
        let text = format!("{appid}\n{timestamp}\n{nonce}\n{prepay_id}\n");
        self.key
            .sign(&[text.as_bytes()])
            .map(|signature| base64::encode(&signature))
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, Merchant};
    use crate::crypto::{base64, fixtures};

    fn merchant() -> Merchant {
        Merchant::new("1900009191", "0A1B", fixtures::private_key())
    }

    fn is_signed(text: &str, signature: &str) -> bool {
        let signature = base64::decode(signature.as_bytes()).unwrap();
        fixtures::certificate_key().verify(&[text.as_bytes()], &signature)
    }

    #[test]
    fn a_call_is_signed_with_its_exact_body() {
        let call = Call {
            method: "POST",
            path: "/v3/pay?a=1",
            body: b"{ }",
        };
        let header = merchant().authorization(&call, "n", 1_554_208_460).unwrap();
        let (before, rest) = header.split_once(",signature=\"").unwrap();
        let (signature, after) = rest.split_once('"').unwrap();
        assert_eq!(
            before,
            "WECHATPAY2-SHA256-RSA2048 mchid=\"1900009191\",nonce_str=\"n\""
        );
        assert_eq!(after, ",timestamp=\"1554208460\",serial_no=\"0A1B\"");
        assert!(is_signed(
            "POST\n/v3/pay?a=1\n1554208460\nn\n{ }\n",
            signature
        ));
    }

    #[test]
    fn pages_sign_the_package_and_apps_the_bare_id() {
        let page = merchant().page_signature("wx1", "up1", "n", 5).unwrap();
        let app = merchant().app_signature("wx1", "up1", "n", 5).unwrap();
        assert!(is_signed("wx1\n5\nn\nprepay_id=up1\n", &page));
        assert!(is_signed("wx1\n5\nn\nup1\n", &app));
        assert!(!is_signed("wx1\n5\nn\nup1\n", &page));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let shown = format!("{:?}", merchant());
        assert!(shown.contains("PrivateKey(…)"), "{shown}");
    }
}
