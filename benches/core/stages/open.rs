//! From a ciphertext to the message.

use std::borrow::Cow;
use std::hint::black_box;

use crate::criterion::{Criterion, Throughput};
use wxcore::open::open as stage;
use wxcore::verify::Verified;

use super::messages::{SIZES, Sealed, account, gateway};

/// Base64, AES, padding, frame and receive id.
pub fn open(criterion: &mut Criterion) {
    let gateway = gateway();
    let account = account(&gateway);
    let mut group = criterion.benchmark_group("open");
    for (size, message) in SIZES {
        let Sealed { ciphertext, .. } = Sealed::new(message);
        let verified = || Verified::Sealed(Cow::Borrowed(black_box(&*ciphertext)));
        let opened = stage(account, verified()).expect("it opens");
        assert_eq!(opened.content(), message.as_bytes());

        group.throughput(Throughput::Bytes(ciphertext.len() as u64));
        group.bench_function(size, |bencher| {
            bencher.iter(|| stage(account, verified()).is_ok());
        });
    }
    group.finish();
}
