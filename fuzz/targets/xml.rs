//! Laws of `wxcore::xml`: it never panics, the narrow limits accept a subset of the wide ones, and
//! whatever it accepts quick-xml reads without error, with the same text in the same elements.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quick_xml::events::Event;
use wxcore::fields::{Fields, Node};
use wxcore::xml::{self, Limits};

fuzz_target!(|text: &str| {
    let narrow = xml::parse(text, Limits::ENVELOPE);
    match xml::parse(text, Limits::MESSAGE) {
        Ok(fields) => {
            assert!(narrow.is_err() || narrow.as_ref() == Ok(&fields));
            assert_eq!(leaves(&fields), leaves_by_quick_xml(text));
        }
        Err(_) => assert!(narrow.is_err(), "the envelope is the narrower format"),
    }
});

/// Every element without children, as `name=text`, sorted: our reader gathers what repeats, so the
/// document's order is not kept. Without blanks: those around CDATA are layout to us, text to XML.
fn leaves(fields: &Fields<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, node) in fields.members() {
        gather(name, node, &mut found);
    }
    found.sort();
    found
}

fn gather(name: &str, node: &Node<'_>, found: &mut Vec<String>) {
    match node {
        Node::Text(text) => found.push(leaf(name, text)),
        Node::Map(members) => members
            .iter()
            .for_each(|(name, node)| gather(name, node, found)),
        Node::List(items) => items.iter().for_each(|item| gather(name, item, found)),
        other => panic!("XML has no {other:?}"),
    }
}

fn leaf(name: &str, text: &str) -> String {
    format!("{name}={}", text.replace([' ', '\t', '\r', '\n'], ""))
}

/// An element that is open: its name, its text so far, whether it holds others.
struct Open {
    name: String,
    text: String,
    parent: bool,
}

fn leaves_by_quick_xml(text: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut open, mut found): (Vec<Open>, Vec<String>) = (Vec::new(), Vec::new());
    loop {
        match reader
            .read_event()
            .expect("what we accept quick-xml accepts")
        {
            Event::Eof => break,
            Event::Start(tag) => enter(&mut open, tag.name().as_ref()),
            Event::Empty(tag) => {
                enter(&mut open, tag.name().as_ref());
                leave(&mut open, &mut found);
            }
            Event::End(_) => leave(&mut open, &mut found),
            Event::Text(part) => append(&mut open, part.as_ref()),
            Event::CData(part) => append(&mut open, part.as_ref()),
            Event::GeneralRef(name) => {
                let text = quick_xml::escape::unescape(&format!("&{};", &*name))
                    .expect("only references that XML knows")
                    .into_owned();
                append(&mut open, &text);
            }
            Event::Decl(_) => {}
            other => panic!("we accept no {other:?}"),
        }
    }
    assert!(open.is_empty(), "every element is closed");
    found.sort();
    found
}

fn enter(open: &mut Vec<Open>, name: &str) {
    if let Some(parent) = open.last_mut() {
        parent.parent = true;
    }
    open.push(Open {
        name: name.to_owned(),
        text: String::new(),
        parent: false,
    });
}

fn leave(open: &mut Vec<Open>, found: &mut Vec<String>) {
    let closed = open.pop().expect("quick-xml checks the end tags");
    if !closed.parent && !open.is_empty() {
        found.push(leaf(&closed.name, &closed.text));
    }
}

fn append(open: &mut [Open], text: &str) {
    if let Some(innermost) = open.last_mut() {
        innermost.text.push_str(text);
    }
}
