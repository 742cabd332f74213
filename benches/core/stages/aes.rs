//! AES-256-CBC with WeChat's padding, the key's schedule computed beforehand.

use std::hint::black_box;

use crate::criterion::{BatchSize, Criterion, Throughput};
use wxcore::crypto::aes::{CbcKey, unpad};

use super::messages::{IV, KEY, plaintext};

/// Opening and sealing one message.
pub fn aes(criterion: &mut Criterion) {
    let key = CbcKey::new(&KEY).expect("32 bytes are a key");
    let sealed = key.encrypt(&IV, plaintext(), 32).expect("it encrypts");
    let mut opened = sealed.clone();
    let opened = key.decrypt(&IV, &mut opened).expect("whole blocks");
    assert_eq!(unpad(opened, 32), Some(&plaintext()[..]));

    let mut group = criterion.benchmark_group("aes");
    group.throughput(Throughput::Bytes(sealed.len() as u64));
    group.bench_function("open", |bencher| {
        bencher.iter_batched_ref(
            || sealed.clone(),
            |data| {
                key.decrypt(&IV, black_box(data))
                    .and_then(|plain| unpad(plain, 32))
                    .map(<[u8]>::len)
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("seal", |bencher| {
        bencher.iter_batched(
            plaintext,
            |data| key.encrypt(&IV, black_box(data), 32),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}
