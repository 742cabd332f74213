//! Known answers for payment, signing and session data: published by WeChat or by others' suites, not made
//! by this crate. Each vector of each kind listed here is checked, and the count proves it.
#![expect(clippy::panic, reason = "a kind without a check is a failed test")]
#![expect(
    clippy::unwrap_used,
    reason = "a vector without the expected shape is a failed test"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "serde_json's index yields null, which then fails the test"
)]

use std::collections::BTreeMap;

use aes_gcm::aes::Aes128;
use serde_json::Value;
use wxcore::crypto::aes::{CbcKey, ecb_decrypt, unpad};
use wxcore::crypto::base64;
use wxcore::crypto::digest::{hex, md5, sha1};
use wxcore::crypto::gcm::{Aes256Key, GcmKey};
use wxcore::crypto::rsa::{PrivateKey, PublicKey};
use wxcore::crypto::x509::Certificate;
use wxcore::dialect::pay::{PayHeaders, PayVerifier, aead_open};
use wxcore::dialect::pay_v2::{SignType, open_refund, sign};
use wxcore::reject::Reject;
use wxcore::sign::api_security::{AnswerHeaders, ApiSecurity, Fresh};
use wxcore::sign::jsapi::{jsapi_signature, sorted_values_signature};
use wxcore::sign::pay_request::{Call, Merchant};
use wxcore::sign::session::{Watermark, open_encrypted_data, verify_raw_data};
use wxcore::sign::xpay::{hmac_base64, hmac_hex, pay_sig, user_signature};
use wxcore::time::UnixMillis;

/// Every kind checked here, with the number of its vectors.
const KINDS: [(&str, usize); 24] = [
    ("aes_cbc_pkcs7", 1),
    ("aes_ecb_pkcs7", 1),
    ("hmac_sha256_b64", 1),
    ("hmac_sha256_hex", 2),
    ("jsapi_signature", 2),
    ("md5_hex", 1),
    ("mini_encrypted_data", 3),
    ("mini_rawdata_signature", 2),
    ("pay_v2_refund_req_info", 2),
    ("pay_v2_sign", 5),
    ("pay_v3_aead_aes_gcm", 8),
    ("pay_v3_authorization", 3),
    ("pay_v3_notification", 3),
    ("pay_v3_paysign", 1),
    ("rsa_oaep_sha1_decrypt", 1),
    ("rsa_pss_sha256_verify", 1),
    ("rsa_sha256_sign", 2),
    ("rsa_sha256_verify", 7),
    ("secapi_request", 1),
    ("secapi_response", 1),
    ("sha1_hex", 1),
    ("sorted_values_sha1", 6),
    ("x509_serial", 1),
    ("xpay_signatures", 1),
];

/// The same, for builds with feature `sm`.
const SM_KINDS: [(&str, usize); 5] = [
    ("pay_v3_aead_sm4_gcm", 2),
    ("sm2_decrypt_asn1_c1c3c2", 1),
    ("sm2_sm3_verify", 2),
    ("sm3_hex", 1),
    ("sm4_gcm", 2),
];

/// One vector's inputs or expectations.
struct Part<'a>(&'a Value);

impl<'a> Part<'a> {
    fn has(&self, name: &str) -> bool {
        !self.0[name].is_null()
    }

    fn text(&self, name: &str) -> &'a str {
        self.0[name]
            .as_str()
            .unwrap_or_else(|| panic!("no text {name} in {}", self.0))
    }

    fn bytes(&self, name: &str) -> &'a [u8] {
        self.text(name).as_bytes()
    }

    fn base64(&self, name: &str) -> Vec<u8> {
        base64::decode(self.bytes(name)).unwrap()
    }

    /// A number, which some sources write as text.
    fn number(&self, name: &str) -> i64 {
        let value = &self.0[name];
        value
            .as_i64()
            .unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
    }

    fn flag(&self, name: &str) -> bool {
        self.0[name].as_bool().unwrap()
    }

    fn private_key(&self) -> PrivateKey {
        PrivateKey::from_pem(self.text("private_key_pem")).unwrap()
    }

    fn public_key(&self) -> PublicKey {
        for name in ["certificate_pem", "public_key_pem"] {
            if self.has(name) {
                return PublicKey::from_pem(self.text(name)).unwrap();
            }
        }
        self.private_key().public_key().unwrap()
    }
}

#[test]
fn every_vector_is_checked() {
    let document: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/vectors.json")).unwrap();
    let mut wanted: BTreeMap<&str, usize> = KINDS.into();
    if cfg!(feature = "sm") {
        wanted.extend(SM_KINDS);
    }
    let mut checked: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unverifiable = 0;
    for vector in document["vectors"].as_array().unwrap() {
        let kind = vector["kind"].as_str().unwrap();
        if !wanted.contains_key(kind) {
            continue;
        }
        if vector["unverifiable"] == true {
            unverifiable += 1;
            continue;
        }
        println!("{} {kind}", vector["id"]);
        check(kind, &Part(&vector["inputs"]), &Part(&vector["expected"]));
        *checked.entry(kind).or_default() += 1;
    }
    assert_eq!(checked, wanted);
    assert_eq!(
        unverifiable, 1,
        "the Authorization sample whose keys nobody has"
    );
}

fn check(kind: &str, given: &Part<'_>, expected: &Part<'_>) {
    match kind {
        "aes_cbc_pkcs7" => aes_cbc(given, expected),
        "aes_ecb_pkcs7" => aes_ecb(given, expected),
        "hmac_sha256_b64" => hmac_b64(given, expected),
        "hmac_sha256_hex" => hmac(given, expected),
        "jsapi_signature" => jsapi(given, expected),
        "md5_hex" => assert_eq!(hex(&md5(given.bytes("message"))), expected.text("hex")),
        "mini_encrypted_data" => mini_encrypted_data(given, expected),
        "mini_rawdata_signature" => mini_raw_data(given, expected),
        "pay_v2_refund_req_info" => refund(given, expected),
        "pay_v2_sign" => pay_v2_sign(given, expected),
        "pay_v3_aead_aes_gcm" => aead(given, expected),
        "pay_v3_authorization" => authorization(given, expected),
        "pay_v3_notification" => notification(given, expected),
        "pay_v3_paysign" => page_signature(given, expected),
        "rsa_oaep_sha1_decrypt" => oaep(given, expected),
        "rsa_pss_sha256_verify" => pss_verify(given, expected),
        "rsa_sha256_sign" => rsa_sign(given, expected),
        "rsa_sha256_verify" => rsa_verify(given, expected),
        "secapi_request" => secapi_request(given, expected),
        "secapi_response" => secapi_response(given, expected),
        "sha1_hex" => assert_eq!(hex(&sha1(&[given.bytes("message")])), expected.text("hex")),
        "sorted_values_sha1" => sorted_values(given, expected),
        "x509_serial" => x509_serial(given, expected),
        "xpay_signatures" => xpay(given, expected),
        _ => check_sm(kind, given, expected),
    }
}

#[cfg(not(feature = "sm"))]
fn check_sm(kind: &str, _: &Part<'_>, _: &Part<'_>) {
    panic!("no check for {kind}");
}

#[cfg(feature = "sm")]
fn check_sm(kind: &str, given: &Part<'_>, expected: &Part<'_>) {
    use wxcore::crypto::sm;
    match kind {
        "pay_v3_aead_sm4_gcm" => {
            opens(
                &sm::apiv3_key(given.bytes("apiv3_key")).unwrap(),
                given,
                expected,
            );
        }
        "sm4_gcm" => opens(
            &sm::Sm4Key::new(given.bytes("key")).unwrap(),
            given,
            expected,
        ),
        "sm3_hex" => {
            assert_eq!(
                hex(&sm::sm3(&[&given.base64("message_b64")])),
                expected.text("hex")
            );
        }
        "sm2_sm3_verify" => {
            let key = sm::PublicKey::from_pem(given.text("certificate_pem")).unwrap();
            let valid = key.verify(&[given.bytes("message")], &given.base64("signature"));
            assert_eq!(valid, expected.flag("valid"));
        }
        "sm2_decrypt_asn1_c1c3c2" => {
            let key = sm::PrivateKey::from_pem(given.text("private_key_pem")).unwrap();
            let plain = key.decrypt(&given.base64("ciphertext")).unwrap();
            assert_eq!(plain, expected.bytes("plaintext"));
        }
        _ => panic!("no check for {kind}"),
    }
}

fn aes_cbc(given: &Part<'_>, expected: &Part<'_>) {
    // This console key was published with spare bits set, as EncodingAESKeys are.
    let text = given.text("key_b64");
    let key = base64::decode_aes_key(text.trim_end_matches('=')).unwrap();
    let iv: [u8; 16] = given.base64("iv_b64").try_into().unwrap();
    let mut data = given.base64("ciphertext_b64");
    let block = u8::try_from(given.number("block")).unwrap();
    let key = CbcKey::new(&key).unwrap();
    let plain = unpad(key.decrypt(&iv, &mut data).unwrap(), block).unwrap();
    assert_eq!(plain, expected.bytes("plaintext"));
}

fn aes_ecb(given: &Part<'_>, expected: &Part<'_>) {
    let key: [u8; 32] = given.bytes("key").try_into().unwrap();
    let mut data = given.base64("ciphertext_b64");
    let plain = unpad(ecb_decrypt(&key, &mut data).unwrap(), 16).unwrap();
    assert_eq!(plain, expected.bytes("plaintext"));
}

fn hmac(given: &Part<'_>, expected: &Part<'_>) {
    assert_eq!(
        hmac_hex(given.text("key"), given.bytes("message")),
        expected.text("hex")
    );
}

fn hmac_b64(given: &Part<'_>, expected: &Part<'_>) {
    assert_eq!(
        hmac_base64(given.text("key"), given.bytes("message")),
        expected.text("b64")
    );
}

fn xpay(given: &Part<'_>, expected: &Part<'_>) {
    let body = given.bytes("post_body");
    let by_app = pay_sig(given.text("app_key"), given.text("uri"), body);
    assert_eq!(by_app, expected.text("pay_sig"));
    assert_eq!(
        user_signature(given.text("session_key"), body),
        expected.text("signature")
    );
}

fn jsapi(given: &Part<'_>, expected: &Part<'_>) {
    let signature = jsapi_signature(
        given.text("jsapi_ticket"),
        given.text("noncestr"),
        given.number("timestamp"),
        given.text("url"),
    );
    assert_eq!(signature, expected.text("signature"));
}

fn sorted_values(given: &Part<'_>, expected: &Part<'_>) {
    let values = given.0["values"].as_array().unwrap();
    let values: Vec<&str> = values.iter().map(|value| value.as_str().unwrap()).collect();
    assert_eq!(sorted_values_signature(&values), expected.text("signature"));
}

fn mini_raw_data(given: &Part<'_>, expected: &Part<'_>) {
    let (data, key) = (given.text("raw_data"), given.text("session_key"));
    let signature = expected.text("signature");
    assert!(verify_raw_data(data, key, signature));
    assert!(!verify_raw_data(&format!("{data} "), key, signature));
}

fn mini_encrypted_data(given: &Part<'_>, expected: &Part<'_>) {
    let plain = expected.0["plaintext"]
        .as_str()
        .unwrap_or(r#"{"watermark":{}}"#);
    let plain: Value = serde_json::from_str(plain).unwrap();
    let watermark = &plain["watermark"];
    let opened = open_encrypted_data(
        given.text("session_key"),
        given.text("iv"),
        given.text("encrypted_data"),
        &Watermark {
            appid: watermark["appid"].as_str().unwrap_or_default(),
            max_age: 60,
            now: UnixMillis::from_seconds(watermark["timestamp"].as_i64().unwrap_or_default()),
        },
    );
    if expected.has("error") {
        assert!(matches!(
            opened,
            Err(Reject::BadCiphertext | Reject::Undecryptable)
        ));
    } else {
        assert_eq!(opened.unwrap(), expected.bytes("plaintext"));
    }
}

fn pay_v2_sign(given: &Part<'_>, expected: &Part<'_>) {
    let params = given.0["params"].as_object().unwrap();
    let pairs = params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
    let kind = SignType::named(given.text("sign_type")).unwrap();
    assert_eq!(sign(pairs, given.text("key"), kind), expected.text("sign"));
}

fn refund(given: &Part<'_>, expected: &Part<'_>) {
    let plain = open_refund(given.text("key"), given.text("req_info")).unwrap();
    if expected.has("plaintext") {
        assert_eq!(plain, expected.text("plaintext"));
    }
    for piece in expected.0["contains"].as_array().into_iter().flatten() {
        assert!(plain.contains(piece.as_str().unwrap()), "{piece}");
    }
    assert!(expected.has("plaintext") || expected.has("contains"));
}

/// Others' test keys have 16 bytes: they show that the mode is right, and that such a key is refused.
fn aead(given: &Part<'_>, expected: &Part<'_>) {
    let opened = aead_open(
        given.bytes("key"),
        given.bytes("nonce"),
        given.bytes("associated_data"),
        given.bytes("ciphertext"),
    );
    if let Some(short) = GcmKey::<Aes128>::new(given.bytes("key")) {
        assert!(opened.is_err());
        return opens(&short, given, expected);
    }
    assert!(!expected.has("error"));
    assert_eq!(opened.unwrap(), expected.bytes("plaintext"));
}

fn opens<C>(key: &GcmKey<C>, given: &Part<'_>, expected: &Part<'_>)
where
    C: aes_gcm::aes::cipher::BlockSizeUser<BlockSize = aes_gcm::aes::cipher::consts::U16>
        + aes_gcm::aes::cipher::BlockCipherEncrypt
        + aes_gcm::KeyInit
        + Clone,
{
    let sealed = base64::decode(given.bytes("ciphertext")).unwrap_or_default();
    let plain = key.open(
        given.bytes("nonce"),
        given.bytes("associated_data"),
        &sealed,
    );
    if expected.has("error") {
        assert_eq!(plain, None);
    } else {
        assert_eq!(plain.unwrap(), expected.bytes("plaintext"));
    }
}

fn authorization(given: &Part<'_>, expected: &Part<'_>) {
    let merchant = Merchant::new("mchid", "serial", given.private_key());
    let call = Call {
        method: given.text("method"),
        path: given.text("url"),
        body: given.bytes("body"),
    };
    let timestamp = given.number("timestamp");
    let header = merchant
        .authorization(&call, given.text("nonce"), timestamp)
        .unwrap();
    let signature = format!(",signature=\"{}\",", expected.text("signature"));
    assert!(header.contains(&signature), "{header}");
}

fn page_signature(given: &Part<'_>, expected: &Part<'_>) {
    let merchant = Merchant::new("mchid", "serial", given.private_key());
    let prepay_id = given.text("package").strip_prefix("prepay_id=").unwrap();
    let (appid, nonce) = (given.text("appid"), given.text("nonce"));
    let timestamp = given.number("timestamp");
    let signature = merchant.page_signature(appid, prepay_id, nonce, timestamp);
    assert_eq!(signature.unwrap(), expected.text("paySign"));
}

fn notification(given: &Part<'_>, expected: &Part<'_>) {
    let certificate = given.text("certificate_pem");
    let serial = Certificate::from_pem(certificate).unwrap().serial;
    let platform = [(serial.clone(), certificate.to_owned())];
    // The published APIv3 key has 16 bytes and is refused; any other will do for the signature.
    assert!(PayVerifier::new(&platform, &[given.text("apiv3_key").to_owned()]).is_err());
    let verifier = PayVerifier::new(&platform, &["0".repeat(32)]).unwrap();
    let headers = given.0["headers"].as_object().unwrap();
    let pairs = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
    let headers = PayHeaders::read(pairs).unwrap();
    let now = UnixMillis::from_seconds(headers.timestamp.parse().unwrap());
    let body = given.text("body");
    let refusal = match (expected.flag("signature_valid"), headers.signature) {
        (true, _) => None,
        (false, probe) if probe.starts_with("WECHATPAY/SIGNTEST/") => Some(Reject::SignatureProbe),
        (false, _) => Some(Reject::BadSignature),
    };
    assert_eq!(
        verifier.verify(&headers, body.as_bytes(), now).err(),
        refusal
    );
    if expected.has("certificate_serial") {
        assert_eq!(serial, expected.text("certificate_serial"));
    }
    if expected.has("plaintext") {
        let body: Value = serde_json::from_str(body).unwrap();
        let key = GcmKey::<Aes128>::new(given.bytes("apiv3_key")).unwrap();
        opens(&key, &Part(&body["resource"]), expected);
    }
}

fn rsa_sign(given: &Part<'_>, expected: &Part<'_>) {
    let signature = given.private_key().sign(&[given.bytes("message")]).unwrap();
    assert_eq!(base64::encode(&signature), expected.text("signature"));
}

fn rsa_verify(given: &Part<'_>, expected: &Part<'_>) {
    let valid = given
        .public_key()
        .verify(&[given.bytes("message")], &given.base64("signature"));
    assert_eq!(valid, expected.flag("valid"));
}

fn pss_verify(given: &Part<'_>, expected: &Part<'_>) {
    let key = given.public_key();
    let valid = key.verify_pss(&[given.bytes("message")], &given.base64("signature"));
    assert_eq!(valid, expected.flag("valid"));
}

fn oaep(given: &Part<'_>, expected: &Part<'_>) {
    let plain = given
        .private_key()
        .decrypt_oaep(&given.base64("ciphertext"))
        .unwrap();
    assert_eq!(plain, expected.bytes("plaintext"));
}

fn x509_serial(given: &Part<'_>, expected: &Part<'_>) {
    let certificate = Certificate::from_pem(given.text("certificate_pem")).unwrap();
    assert_eq!(certificate.serial, expected.text("serial"));
}

fn security(given: &Part<'_>, private_key: PrivateKey) -> ApiSecurity {
    ApiSecurity {
        appid: given.text("appid").to_owned(),
        symmetric_number: given.text("sym_sn").to_owned(),
        symmetric_key: Aes256Key::new(&given.base64("sym_key_b64")).unwrap(),
        private_key,
        platform: Vec::new(),
    }
}

/// With the sample's own IV, nonce and time the sealed body comes out byte for byte.
fn secapi_request(given: &Part<'_>, expected: &Part<'_>) {
    let url = given.text("urlpath");
    let plain = expected.text("plaintext");
    let sealed: Value = serde_json::from_str(plain).unwrap();
    let (_, members) = plain.split_once("\"_timestamp\":1635927954,").unwrap();
    let envelope: Value = serde_json::from_str(given.text("postdata")).unwrap();
    let now = UnixMillis::from_seconds(given.number("timestamp"));
    let iv = Part(&envelope).base64("iv").try_into().unwrap();
    let fresh = Fresh {
        nonce: sealed["_n"].as_str().unwrap(),
        iv,
        now,
    };
    let security = security(given, given.private_key());
    let call = security.seal(url, &format!("{{{members}"), &fresh).unwrap();
    assert_eq!(call.body, given.text("postdata"));

    let text = format!("{url}\n{}\n1635927954\n{}", given.text("appid"), call.body);
    let key = given.public_key();
    assert!(
        key.verify_pss(&[text.as_bytes()], &expected.base64("signature")),
        "WeChat's"
    );
    let ours = base64::decode(call.headers[2].1.as_bytes()).unwrap();
    assert!(key.verify_pss(&[text.as_bytes()], &ours), "ours");
}

fn secapi_response(given: &Part<'_>, expected: &Part<'_>) {
    // Opening needs no key of our own; any will do.
    let unused = include_str!("../../../tests/vectors/vectors.json");
    let document: Value = serde_json::from_str(unused).unwrap();
    let vectors = document["vectors"].as_array().unwrap();
    let request = vectors
        .iter()
        .find(|vector| vector["kind"] == "secapi_request")
        .unwrap();
    let mut security = security(given, Part(&request["inputs"]).private_key());
    let serial = given.text("serial");
    security.platform = vec![(serial.to_owned(), given.public_key())];
    let timestamp = given.number("timestamp");
    let headers = AnswerHeaders {
        appid: given.text("appid"),
        timestamp: &timestamp.to_string(),
        current: (serial, given.text("signature")),
        deprecated: None,
    };
    let now = UnixMillis::from_seconds(timestamp);
    let opened = security.open(given.text("urlpath"), &headers, given.text("respdata"), now);
    assert_eq!(
        String::from_utf8(opened.unwrap()).unwrap(),
        expected.text("plaintext")
    );
}
