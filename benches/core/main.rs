//! What each stage costs. `make bench-core`, or `make bench-core BENCH_ARGS='xml'` for one of them.
//!
//! To add one: a file named as the module it measures, with one function of the same name, listed
//! below: primitives, then stages in the order of the pipeline, then the whole. In it
//! 1. the input is a message as WeChat sends it, from `messages.rs`, so that rows compare;
//! 2. the answer is asserted before anything is timed: a wrong answer must not look fast;
//! 3. `group.throughput` says the bytes, for everything whose cost grows with them;
//! 4. a rival stands beside it where there is one, under `rival/NAME`, doing the same work.
//!
//! `make bench-check` runs each once without timing; CI does that, so benches cannot rot.

use criterion::{criterion_group, criterion_main};

mod messages;

mod sha1;

mod base64;

mod aes;

mod xml;

mod json;

mod request;

mod verify;

mod open;

mod parse;

mod route;

mod limit;

mod reply;

mod pay;

mod gateway;

criterion_group!(
    benches,
    sha1::sha1,
    base64::base64,
    aes::aes,
    xml::xml,
    json::json,
    request::request,
    verify::verify,
    open::open,
    parse::parse,
    route::route,
    limit::limit,
    reply::reply,
    pay::pay,
    gateway::gateway,
);
criterion_main!(benches);
