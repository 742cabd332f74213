//! Notices of WeChat Pay APIv3, beside the RSA that they cannot do without.

use std::hint::black_box;

use crate::criterion::{Criterion, Throughput};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use wxcore::crypto::base64;
use wxcore::crypto::rsa::PrivateKey;
use wxcore::dialect::pay::{NoticeDraft, PayHeaders, PaySender, PayVerifier, SealedNotice, Signer};

use super::messages::NOW;

const SERIAL: &str = "PUB_KEY_ID_0114232134912410000000000000";
const APIV3_KEY: &str = "0123456789abcdef0123456789abcdef";
const NONCE: &str = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS";
/// A transaction as WeChat Pay describes it, about 500 bytes.
const TRANSACTION: &str = r#"{"mchid":"1900000001","appid":"wxba5fad812f8e6fb9","out_trade_no":"20842-1","transaction_id":"4200002123202411231234567890","trade_type":"JSAPI","trade_state":"SUCCESS","trade_state_desc":"支付成功","bank_type":"OTHERS","attach":"","success_time":"2024-04-26T14:20:45+08:00","payer":{"openid":"oMgHVjngRipVsoxg6TuX3vz6glDg"},"amount":{"total":9900,"payer_total":9900,"currency":"CNY","payer_currency":"CNY"}}"#;

/// A payment under RSA-2048: the signature, and the resource that it covers.
pub fn pay(criterion: &mut Criterion) {
    let (private, public) = keys();
    let notice = sealed(&private);
    let platform = [(SERIAL.to_owned(), public.clone())];
    let verifier = PayVerifier::new(&platform, &[APIV3_KEY.to_owned()]).expect("it compiles");
    let headers = headers(&notice);
    verifier
        .verify(&headers, &notice.body, NOW)
        .expect("it is signed");
    let opened = verifier.open(&notice.body).expect("it opens");
    assert_eq!(opened.resource, TRANSACTION.as_bytes());
    let rival = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der(&public)).expect("a key");
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

/// A pair of RSA-2048 that the vectors publish: private, then public.
fn keys() -> (String, String) {
    let text = include_str!("../../../tests/vectors/vectors.json");
    let document: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
    let input = |id: &str, name: &str| {
        let mut vectors = document["vectors"].as_array().into_iter().flatten();
        let vector = vectors.find(|vector| vector["id"] == id);
        let input = vector.and_then(|vector| vector["inputs"][name].as_str());
        input.expect("there is such a vector").to_owned()
    };
    (
        input("pay-v3-rsa-sign-go", "private_key_pem"),
        input("pay-v3-pubkey-verify-go", "public_key_pem"),
    )
}

fn sealed(private: &str) -> SealedNotice {
    let key = PrivateKey::from_pem(private).expect("it is a key");
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

/// What stands between the lines of a PEM.
fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    base64::decode(lines.collect::<String>().as_bytes()).expect("it is base64")
}
