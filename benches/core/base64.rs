//! The ciphertext's base64, in and out.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use wxcore::crypto::base64 as codec;

/// Decoding and encoding 1 KiB of bytes.
pub fn base64(criterion: &mut Criterion) {
    let bytes: Vec<u8> = (0..=255).cycle().take(1024).collect();
    let text = codec::encode(&bytes);
    assert_eq!(codec::decode(text.as_bytes()), Some(bytes.clone()));
    let mut group = criterion.benchmark_group("base64");
    group.throughput(Throughput::Bytes(1024));
    group.bench_function("decode, 1 KiB", |bencher| {
        bencher.iter(|| codec::decode(black_box(text.as_bytes())));
    });
    group.bench_function("encode, 1 KiB", |bencher| {
        bencher.iter(|| codec::encode(black_box(&bytes)));
    });
    group.finish();
}
