//! XML into fields.

use std::hint::black_box;

use crate::criterion::{Criterion, Throughput};
use quick_xml::events::Event;
use wxcore::xml::{Limits, parse};

use super::messages::TEXT;

/// One text message; the rival only walks the events and keeps nothing.
pub fn xml(criterion: &mut Criterion) {
    let fields = parse(TEXT, Limits::MESSAGE).expect("a message parses");
    assert_eq!(fields.text("MsgId").as_deref(), Some("24539081234567890"));
    assert_eq!(fields.members().len(), 6);
    assert_eq!(elements_by_quick_xml(TEXT), 7);

    let mut group = criterion.benchmark_group("xml");
    group.throughput(Throughput::Bytes(TEXT.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| parse(black_box(TEXT), Limits::MESSAGE).is_ok());
    });
    group.bench_function("rival/quick-xml events", |bencher| {
        bencher.iter(|| elements_by_quick_xml(black_box(TEXT)));
    });
    group.finish();
}

fn elements_by_quick_xml(text: &str) -> usize {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut elements = 0;
    loop {
        match reader.read_event().expect("a message parses") {
            Event::Eof => return elements,
            Event::Start(_) => elements += 1,
            _ => {}
        }
    }
}
