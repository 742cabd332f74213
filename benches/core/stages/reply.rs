//! From a service's answer to a sealed and signed reply.

use std::hint::black_box;

use crate::criterion::{Criterion, Throughput};
use wxcore::gateway::Received;

use super::messages::{IV, NOW, Sealed, TEXT, envelope, gateway};

/// A text reply of 200 bytes, written as XML, sealed and signed.
pub fn reply(criterion: &mut Criterion) {
    let gateway = gateway();
    let sealed = Sealed::new(TEXT);
    let Received::Event(delivery) = gateway.receive("shop", None, &sealed.request()) else {
        panic!("it is an event");
    };
    let to = delivery.reply.expect("a push can be answered");
    let words = "您好，订单今天下午发出，请留意短信。".repeat(4);
    let spec = serde_json::json!({"type": "text", "content": words}).to_string();
    let answer = |spec: &str| gateway.reply(&to, spec.as_bytes(), NOW, IV);
    let body = answer(&spec)
        .expect("it is a reply")
        .expect("it says something")
        .body;
    let body = String::from_utf8(body).expect("it is text");
    let ciphertext = body.split("<![CDATA[").nth(1).expect("Encrypt comes first");
    let ciphertext = ciphertext.split("]]>").next().expect("and ends");
    let opened = envelope().open(ciphertext).expect("its receiver opens it");
    assert!(String::from_utf8_lossy(opened.content()).contains(&words));

    let mut group = criterion.benchmark_group("reply");
    group.throughput(Throughput::Bytes(spec.len() as u64));
    group.bench_function("text", |bencher| {
        bencher.iter(|| answer(black_box(&spec)).is_ok());
    });
    group.finish();
}
