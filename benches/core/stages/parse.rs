//! From a message's bytes to its fields.

use std::hint::black_box;

use crate::criterion::{Criterion, Throughput};
use wxcore::parse::parse as stage;

use super::messages::{JSON, LONG, TEXT};

/// The two sizes in XML, and the shorter one in JSON.
pub fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for (size, message) in [("325 B", TEXT), ("6 KB", LONG), ("325 B, as JSON", JSON)] {
        let parsed = stage(message.as_bytes()).expect("it parses");
        assert_eq!(parsed.msg_id().as_deref(), Some("24539081234567890"));
        let content = parsed.fields.text("Content").expect("it has one");
        assert!(content.starts_with(['你', '您']) && message.contains(&*content));

        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function(size, |bencher| {
            bencher.iter(|| stage(black_box(message.as_bytes())).is_ok());
        });
    }
    group.finish();
}
