//! Notices of WeChat Pay APIv3, beside the RSA that they cannot do without.

use std::hint::black_box;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use criterion::{Criterion, Throughput};
use wxcore::crypto::base64;
use wxcore::crypto::rsa::PrivateKey;
use wxcore::dialect::pay::{NoticeDraft, PayHeaders, PaySender, PayVerifier, SealedNotice, Signer};

use crate::messages::NOW;

const SERIAL: &str = "PUB_KEY_ID_0114232134912410000000000000";
const APIV3_KEY: &str = "0123456789abcdef0123456789abcdef";
const NONCE: &str = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS";
/// A transaction as WeChat Pay describes it, about 500 bytes.
const TRANSACTION: &str = r#"{"mchid":"1900000001","appid":"wxba5fad812f8e6fb9","out_trade_no":"20842-1","transaction_id":"4200002123202411231234567890","trade_type":"JSAPI","trade_state":"SUCCESS","trade_state_desc":"支付成功","bank_type":"OTHERS","attach":"","success_time":"2024-04-26T14:20:45+08:00","payer":{"openid":"oMgHVjngRipVsoxg6TuX3vz6glDg"},"amount":{"total":9900,"payer_total":9900,"currency":"CNY","payer_currency":"CNY"}}"#;

/// A payment under RSA-2048: the signature, and the resource that it covers.
pub fn pay(criterion: &mut Criterion) {
    let keys = KeyPair::generate(KeySize::Rsa2048).expect("there is randomness");
    let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(keys.public_key()).expect("it has a form");
    let notice = sealed(&keys);
    let platform = [(SERIAL.to_owned(), pem("PUBLIC KEY", spki.as_ref()))];
    let verifier = PayVerifier::new(&platform, &[APIV3_KEY.to_owned()]).expect("it compiles");
    let headers = headers(&notice);
    verifier
        .verify(&headers, &notice.body, NOW)
        .expect("it is signed");
    let opened = verifier.open(&notice.body).expect("it opens");
    assert_eq!(opened.resource, TRANSACTION.as_bytes());
    let rival = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki.as_ref()).expect("a key");
    let (message, signature) = (signed(&notice), signature(&notice));
    rival
        .verify_sig(&message, &signature)
        .expect("it is signed");

    let mut group = criterion.benchmark_group("pay");
    group.throughput(Throughput::Elements(1));
    group.bench_function("rival/RSA-2048 of aws-lc-rs alone", |bencher| {
        bencher.iter(|| rival.verify_sig(black_box(&message), &signature).is_ok());
    });
    group.bench_function("verify", |bencher| {
        bencher.iter(|| {
            verifier
                .verify(&headers, black_box(&notice.body), NOW)
                .is_ok()
        });
    });
    group.bench_function("open", |bencher| {
        bencher.iter(|| verifier.open(black_box(&notice.body)).is_ok());
    });
    group.finish();
}

fn sealed(keys: &KeyPair) -> SealedNotice {
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(keys).expect("it has a form");
    let key = PrivateKey::from_pem(&pem("PRIVATE KEY", der.as_ref())).expect("it is a key");
    let draft = NoticeDraft {
        id: "EV-2018022511223320873",
        created: NOW,
        event_type: "TRANSACTION.SUCCESS",
        original_type: "transaction",
        summary: "支付成功",
        resource: TRANSACTION.as_bytes(),
        resource_nonce: "fdasflkja484",
    };
    let sender = PaySender::new(SERIAL, Signer::Rsa(key), APIV3_KEY).expect("32 characters");
    sender.seal(&draft, NOW, NONCE).expect("it seals")
}

fn headers(notice: &SealedNotice) -> PayHeaders<'_> {
    PayHeaders::read(
        notice
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str())),
    )
    .expect("they are complete")
}

/// What the signature covers.
fn signed(notice: &SealedNotice) -> Vec<u8> {
    let head = format!("{}\n{NONCE}\n", NOW.seconds());
    [head.as_bytes(), &notice.body, b"\n"].concat()
}

fn signature(notice: &SealedNotice) -> Vec<u8> {
    let named = |(name, _): &&(&str, String)| *name == "Wechatpay-Signature";
    let (_, value) = notice.headers.iter().find(named).expect("it is signed");
    base64::decode(value.as_bytes()).expect("it is base64")
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
