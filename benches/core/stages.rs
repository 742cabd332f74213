//! The benches, and in which order they run: primitives, then stages in the order of the pipeline,
//! then the whole.

use crate::criterion::Criterion;

mod messages;

mod sha1;

mod base64;

mod aes;

mod xml;

mod json;

mod ring;

mod request;

mod verify;

mod open;

mod parse;

mod route;

mod limit;

mod admit;

mod record;

mod reply;

mod pay;

mod gateway;

/// Each of them once.
pub fn all(criterion: &mut Criterion) {
    for bench in [
        sha1::sha1,
        base64::base64,
        aes::aes,
        xml::xml,
        json::json,
        ring::ring,
        request::request,
        verify::verify,
        open::open,
        parse::parse,
        route::route,
        limit::limit,
        admit::admit,
        record::record,
        reply::reply,
        pay::pay,
        gateway::gateway,
        gateway::limits,
    ] {
        bench(criterion);
    }
}
