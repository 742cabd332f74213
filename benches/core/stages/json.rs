//! JSON into fields, and fields into JSON.

use std::hint::black_box;

use crate::criterion::{Criterion, Throughput};
use wxcore::fields::Node;
use wxcore::json::{parse, write_node};

use super::messages::JSON;

/// One text message; the rival takes duplicate keys and copies every string.
pub fn json(criterion: &mut Criterion) {
    let fields = parse(JSON).expect("a message parses");
    let node = Node::Map(fields.members().to_vec());
    assert_eq!(written(&node), JSON.as_bytes());
    let rival: serde_json::Value = serde_json::from_str(JSON).expect("it is JSON");
    assert_eq!(rival["CreateTime"], 1_714_112_445);

    let mut group = criterion.benchmark_group("json");
    group.throughput(Throughput::Bytes(JSON.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| parse(black_box(JSON)).is_ok())
    });
    group.bench_function("write", |bencher| {
        bencher.iter(|| written(black_box(&node)))
    });
    group.bench_function("rival/serde_json::Value", |bencher| {
        bencher.iter(|| serde_json::from_str::<serde_json::Value>(black_box(JSON)));
    });
    group.finish();
}

fn written(node: &Node<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(JSON.len());
    write_node(&mut out, node);
    out
}
