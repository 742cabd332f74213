//! What each stage costs. `make bench-core`, or `make bench-core BENCH_ARGS='xml'` for one of them.
//!
//! To add one: a file in `stages/` named as the module it measures, with one function of the same
//! name, listed in `stages.rs`. In it
//! 1. the input is a message as WeChat sends it, from `messages.rs`, so that rows compare;
//! 2. the answer is asserted before anything is timed: a wrong answer must not look fast;
//! 3. `group.throughput` says the bytes, for everything whose cost grows with them;
//! 4. a rival stands beside it where there is one, under `rival/NAME`, doing the same work.
//!
//! `make bench-check` runs each once without timing, and `make bench-count` counts the instructions of
//! each by `count.rs`; CI does both, so benches cannot rot and stages cannot grow unseen.

extern crate criterion;

use criterion::{criterion_group, criterion_main};

mod stages;

criterion_group!(benches, stages::all);
criterion_main!(benches);
