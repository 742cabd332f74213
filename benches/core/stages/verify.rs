//! The envelope and the signature over its ciphertext.

use std::hint::black_box;

use crate::criterion::{Criterion, Throughput};
use wxcore::request::Query;
use wxcore::verify::{Verified, verify as stage};

use super::messages::{SIZES, Sealed, account, gateway};

/// From a body to a ciphertext that its sender has signed.
pub fn verify(criterion: &mut Criterion) {
    let gateway = gateway();
    let account = account(&gateway);
    let mut group = criterion.benchmark_group("verify");
    for (size, message) in SIZES {
        let sealed = Sealed::new(message);
        let query = Query::parse(&sealed.query).expect("it parses");
        let Ok(Verified::Sealed(ciphertext)) = stage(account, &sealed.request(), &query) else {
            panic!("it is signed");
        };
        assert_eq!(*ciphertext, sealed.ciphertext);

        group.throughput(Throughput::Bytes(sealed.body.len() as u64));
        group.bench_function(size, |bencher| {
            bencher.iter(|| stage(account, black_box(&sealed.request()), &query).is_ok());
        });
    }
    group.finish();
}
