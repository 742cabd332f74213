//! The ciphertext's base64, in and out.

use std::hint::black_box;

use crate::criterion::{Criterion, Throughput};
use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use wxcore::crypto::base64 as codec;

/// Decoding and encoding 1 KiB of bytes; of 8 KiB, what is decoded after its signature was checked.
pub fn base64(criterion: &mut Criterion) {
    let bytes: Vec<u8> = (0..=255).cycle().take(1024).collect();
    let text = codec::encode(&bytes);
    assert_eq!(codec::decode(text.as_bytes()), Some(bytes.clone()));
    assert_eq!(STANDARD.encode(&bytes), text);
    assert_eq!(STANDARD.decode(&text).ok(), Some(bytes.clone()));
    let long = codec::encode(&bytes.repeat(8));
    let decoded = codec::decode_verified(long.as_bytes());
    assert_eq!(decoded, Some(bytes.repeat(8)));
    let mut group = criterion.benchmark_group("base64");
    group.throughput(Throughput::Bytes(1024));
    group.bench_function("decode, 1 KiB", |bencher| {
        bencher.iter(|| codec::decode(black_box(text.as_bytes())));
    });
    group.bench_function("encode, 1 KiB", |bencher| {
        bencher.iter(|| codec::encode(black_box(&bytes)));
    });
    group.bench_function("rival/base64, decode", |bencher| {
        bencher.iter(|| STANDARD.decode(black_box(&text)));
    });
    group.bench_function("rival/base64, encode", |bencher| {
        bencher.iter(|| STANDARD.encode(black_box(&bytes)));
    });
    group.throughput(Throughput::Bytes(8192));
    group.bench_function("decode verified, 8 KiB", |bencher| {
        bencher.iter(|| codec::decode_verified(black_box(long.as_bytes())));
    });
    group.finish();
}
