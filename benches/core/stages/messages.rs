//! The inputs: messages as WeChat sends them, and the requests that carry them.

use serde_json::{Value, json};
use wxcore::account::PushAccount;
use wxcore::config::Config;
use wxcore::envelope::Envelope;
use wxcore::gateway::{Account, Gateway};
use wxcore::request::Request;
use wxcore::time::UnixMillis;

/// A text message as the platform pushes it: a short Chinese question, 325 bytes.
pub const TEXT: &str = include_str!("../../messages/text.xml");

/// The same message as a mini-program configured for JSON gets it.
pub const JSON: &str = include_str!("../../messages/text.json");

/// A text message of 6 KB: a list of orders with complaints, Chinese and ASCII mixed.
pub const LONG: &str = include_str!("../../messages/long.xml");

/// Both sizes, by the names under which results list them.
pub const SIZES: [(&str, &str); 2] = [("325 B", TEXT), ("6 KB", LONG)];

/// When the requests arrive, and what they were signed with.
pub const NOW: UnixMillis = UnixMillis::from_seconds(1_714_112_445);
const TIMESTAMP: &str = "1714112445";
const NONCE: &str = "415670741";
const TOKEN: &str = "AAAAA";
pub const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const APPID: &str = "wxba5fad812f8e6fb9";

/// What WeChat encrypts: 16 random bytes, the length, the message, the receive id; 32-byte padding.
pub fn plaintext() -> Vec<u8> {
    let mut out = b"0123456789abcdef".to_vec();
    let length = u32::try_from(TEXT.len()).expect("a message is short");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(TEXT.as_bytes());
    out.extend_from_slice(APPID.as_bytes());
    out
}

/// The key that WeChat's console would show as a 43-character `EncodingAESKey`.
pub const KEY: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

/// Its first half, as WeChat has it.
pub const IV: [u8; 16] = *b"0123456789abcdef";

/// A sealed message on its way.
pub struct Sealed {
    pub ciphertext: String,
    pub query: String,
    pub body: String,
}

impl Sealed {
    pub fn new(message: &str) -> Self {
        let envelope = envelope();
        let ciphertext = envelope
            .seal(message.as_bytes(), 0, 0, IV)
            .expect("there is a key");
        let query = format!(
            "signature={}&timestamp={TIMESTAMP}&nonce={NONCE}&openid=oMgHVjngRipVsoxg6TuX3vz6glDg\
             &encrypt_type=aes&msg_signature={}",
            envelope.sign_plain(TIMESTAMP, NONCE),
            envelope.sign_sealed(TIMESTAMP, NONCE, &ciphertext),
        );
        let body = format!(
            "<xml>\n    <ToUserName><![CDATA[gh_e136c6e50636]]></ToUserName>\n    \
             <Encrypt><![CDATA[{ciphertext}]]></Encrypt>\n</xml>\n"
        );
        Self {
            ciphertext,
            query,
            body,
        }
    }

    pub fn request(&self) -> Request<'_> {
        Request {
            method: "POST",
            query: &self.query,
            headers: &[],
            body: self.body.as_bytes(),
            now: NOW,
            peer: None,
        }
    }

    /// What the signature covers, in the order in which it is hashed.
    pub fn signed(&self) -> [&[u8]; 4] {
        let mut parts = [
            TOKEN.as_bytes(),
            TIMESTAMP.as_bytes(),
            NONCE.as_bytes(),
            self.ciphertext.as_bytes(),
        ];
        parts.sort_unstable();
        parts
    }
}

pub fn envelope() -> Envelope {
    let [token, key, appid] = [TOKEN, AES_KEY, APPID].map(|text| [text.to_owned()]);
    Envelope::new(&token, &key, &appid).expect("they are usable")
}

/// One account in safe mode, with routes that pass the message on, and one that takes it.
pub fn config(passed: Vec<Value>) -> Config {
    let account = json!({
        "name": "shop", "kind": "official", "receive_ids": [APPID], "tokens": [TOKEN],
        "aes_keys": [AES_KEY], "mode": "safe", "format": "xml", "max_age": 86400,
    });
    let routes: Vec<_> = passed.into_iter().chain([json!({})]).collect();
    serde_json::from_value(json!({"accounts": [account], "routes": routes}))
        .expect("it has the shape")
}

type Passed = fn(usize) -> Value;

/// Routes that do not take the text message, by what they tell it from others.
pub const ROUTES: [(&str, Passed); 5] = [
    ("by account", |at| {
        when(json!({"account": format!("shop-{at}")}))
    }),
    ("by type", |at| when(json!({"type": format!("type_{at}")}))),
    ("by event", |at| {
        when(json!({"event": format!("menu_{at}")}))
    }),
    ("by content", |at| {
        when(json!({"type": "text", "content": format!("^指令{at}$")}))
    }),
    ("mixed", mixed),
];

/// Ten accounts with menus, keywords, media, and a canary each.
fn mixed(at: usize) -> Value {
    let account = match at % 10 {
        0 => "shop".to_owned(),
        other => format!("shop-{other}"),
    };
    match at / 10 % 5 {
        0 => when(json!({"account": account, "event": format!("menu_{at}")})),
        1 => when(json!({"account": account, "event": "click", "key": format!("^V{at}_")})),
        2 => when(json!({"account": account, "type": "text", "content": format!("退款|指令{at}")})),
        3 => when(json!({"account": account, "type": ["image", "voice", "video"]})),
        _ => when(json!({"account": account, "header": {"x-env": "canary"}})),
    }
}

fn when(conditions: Value) -> Value {
    json!({ "when": conditions })
}

pub fn gateway() -> Gateway {
    routed(Vec::new())
}

/// With routes that pass the message on before the one that takes it.
pub fn routed(passed: Vec<Value>) -> Gateway {
    Gateway::new(&config(passed)).expect("it compiles")
}

/// The same under limits for menu events, which pass the message by, and `matching` that count it.
pub fn limited(others: usize, matching: usize) -> Gateway {
    let limits = (0..others + matching).map(|at| {
        let when = if at < others {
            serde_json::json!({"event": format!("menu_{at}")})
        } else {
            serde_json::json!({})
        };
        let name = format!("limit-{at}");
        serde_json::json!({"name": name, "per": "openid", "rate": "100/s", "when": when})
    });
    let limits = serde_json::from_value(limits.collect()).expect("it has the shape");
    let config = Config {
        limits,
        ..config(Vec::new())
    };
    Gateway::new(&config).expect("it compiles")
}

pub fn account(gateway: &Gateway) -> &PushAccount {
    match gateway.account("shop") {
        Some((_, Account::Push(account))) => account,
        _ => panic!("there is one"),
    }
}
