//! A message into the journal's bytes; what the disk makes of them is measured by `journal.rs`.

use std::hint::black_box;

use crate::criterion::{Criterion, Throughput};
use wxcore::gateway::Received;
use wxcore::journal::entry::{Destinations, Entry};
use wxcore::journal::frame::{Kind, begin, read, stamp};

use super::messages::{NOW, SIZES, Sealed, gateway};

const EPOCH: u32 = 7;

/// The event as an entry, in a frame, with its checksum; and read back, as a delivery does.
pub fn record(criterion: &mut Criterion) {
    let gateway = gateway();
    let mut group = criterion.benchmark_group("record");
    for (size, message) in SIZES {
        let sealed = Sealed::new(message);
        let Received::Event(delivery) = gateway.receive("shop", None, &sealed.request()) else {
            panic!("it is an event");
        };
        let entry = entry(&delivery.id, &delivery.key, &delivery.event);
        let mut frame = Vec::new();
        write(&mut frame, &entry);
        assert_eq!(back(&frame), Some(entry));
        let mut flipped = frame.clone();
        *flipped.last_mut().expect("it has bytes") ^= 1;
        assert_eq!(back(&flipped), None);

        let mut out = Vec::with_capacity(frame.len());
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function(format!("write, {size}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                write(&mut out, black_box(&entry));
                out.len()
            });
        });
        group.bench_function(format!("read, {size}"), |bencher| {
            bencher.iter(|| back(black_box(&frame)).is_some());
        });
    }
    group.finish();
}

fn entry<'a>(id: &'a str, key: &'a str, event: &'a [u8]) -> Entry<'a> {
    Entry {
        id,
        account: "shop",
        type_name: "wechat.official.text",
        key,
        subject: Some(key),
        accepted: NOW,
        lifetime: 60_000,
        destinations: Destinations::Indexes(&[0]),
        wait: false,
        event,
    }
}

fn write(out: &mut Vec<u8>, entry: &Entry<'_>) {
    begin(out, Kind::Message, 1, 0, |out| entry.encode(out));
    stamp(out, EPOCH);
}

fn back(frame: &[u8]) -> Option<Entry<'_>> {
    read(frame, EPOCH).and_then(|frame| Entry::decode(frame.payload))
}
