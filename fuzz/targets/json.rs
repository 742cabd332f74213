//! Laws of `wxcore::json`: it never panics, and what it reads, writes and reads again is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wxcore::fields::{Fields, Node};
use wxcore::json;

fuzz_target!(|text: &str| {
    let Ok(fields) = json::parse(text) else {
        return;
    };
    let once = written(&fields);
    let again = json::parse(&once).expect("what is written is read");
    assert_eq!(again, fields, "written as {once}");
    assert_eq!(written(&again), once, "writing is stable");
});

fn written(fields: &Fields<'_>) -> String {
    let mut out = Vec::new();
    json::write_node(&mut out, &Node::Map(fields.members().to_vec()));
    String::from_utf8(out).expect("JSON is text")
}
