//! Laws of `wxcore::request::Query`: it never panics, and what it reads was there once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wxcore::request::Query;
use wxcore::time::UnixMillis;

fuzz_target!(|raw: &str| {
    let Ok(query) = Query::parse(raw) else {
        return;
    };
    let now = UnixMillis::from_seconds(1_700_000_000);
    let read = [
        query.signature(),
        query.msg_signature(),
        query.nonce(),
        query.echostr(),
    ];
    for value in read.into_iter().flatten() {
        assert!(!value.is_empty() && value.len() <= raw.len());
    }
    if let Ok(timestamp) = query.timestamp(300, now) {
        let seconds: i64 = timestamp.parse().expect("digits");
        assert!((now.seconds() - seconds).abs() < 300);
    }
});
