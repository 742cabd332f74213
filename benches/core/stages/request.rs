//! The query string of a push.

use std::hint::black_box;

use crate::criterion::{Criterion, Throughput};
use wxcore::request::Query;

use super::messages::{Sealed, TEXT};

/// Six parameters, of which four are kept.
pub fn request(criterion: &mut Criterion) {
    let Sealed { query, .. } = Sealed::new(TEXT);
    assert_eq!(
        Query::parse(&query).expect("it parses").nonce(),
        Ok("415670741")
    );

    let mut group = criterion.benchmark_group("request");
    group.throughput(Throughput::Bytes(query.len() as u64));
    group.bench_function("query", |bencher| {
        bencher.iter(|| Query::parse(black_box(&query)).is_ok());
    });
    group.finish();
}
