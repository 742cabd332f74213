//! The push signature: SHA-1 over token, timestamp, nonce and ciphertext.

use std::hint::black_box;

use crate::criterion::{Criterion, Throughput};
use ::sha1::{Digest as _, Sha1};
use wxcore::crypto::digest;

/// A signature over a message of 1 KiB, written as hex.
pub fn sha1(criterion: &mut Criterion) {
    assert_eq!(
        &digest::hex40(digest::sha1(&[b"a", b"bc"])),
        b"a9993e364706816aba3e25717850c26c9cd0d89d"
    );
    let encrypt = [b'A'; 1024];
    let parts: [&[u8]; 4] = [b"1408091189", b"1320562132", &encrypt, b"token"];
    assert_eq!(digest::sha1(&parts), by_rustcrypto(&parts));
    let mut group = criterion.benchmark_group("sha1");
    group.throughput(Throughput::Bytes(1024));
    group.bench_function("signature, 1 KiB", |bencher| {
        bencher.iter(|| digest::hex40(digest::sha1(black_box(&parts))));
    });
    group.bench_function("rival/sha1 of RustCrypto", |bencher| {
        bencher.iter(|| digest::hex40(by_rustcrypto(black_box(&parts))));
    });
    group.finish();
}

fn by_rustcrypto(parts: &[&[u8]]) -> [u8; 20] {
    let mut context = Sha1::new();
    for part in parts {
        context.update(part);
    }
    context.finalize().into()
}
