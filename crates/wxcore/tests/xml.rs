//! The scanner against quick-xml: whatever it accepts, quick-xml accepts and reads alike.

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;
use wxcore::fields::Node;
use wxcore::xml::{Limits, parse};

/// Names and texts in document order, blanks between elements left out.
fn flatten(node: &Node<'_>, name: &str, out: &mut Vec<(String, String)>) {
    match node {
        Node::Map(members) => members
            .iter()
            .for_each(|(name, node)| flatten(node, name, out)),
        Node::List(items) => items.iter().for_each(|item| flatten(item, name, out)),
        other => out.push((name.to_owned(), other.scalar_verbatim().trim().to_owned())),
    }
}

fn reference(text: &str) -> Option<Vec<(String, String)>> {
    let mut reader = Reader::from_str(text);
    let (mut out, mut open, mut value, mut leaf) =
        (Vec::new(), Vec::<String>::new(), String::new(), false);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                open.push(tag.name().as_ref().to_owned());
                value.clear();
                leaf = true;
            }
            Event::Empty(tag) => {
                let name = tag.name().as_ref().to_owned();
                out.push((name, String::new()));
                leaf = false;
            }
            Event::Text(part) => value.push_str(part.as_ref()),
            Event::CData(part) => value.push_str(part.as_ref()),
            Event::GeneralRef(part) => value.push(resolve(part.as_ref())?),
            Event::End(_) => {
                let name = open.pop()?;
                if leaf {
                    out.push((name, value.trim().to_owned()));
                }
                leaf = false;
                value.clear();
            }
            Event::Eof => return open.is_empty().then_some(out),
            _ => {}
        }
    }
}

fn resolve(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let code = name.strip_prefix('#')?;
            let value = match code.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => code.parse().ok()?,
            };
            char::from_u32(value)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn accepted_by_us_means_read_alike_by_quick_xml(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "<a>", "</a>", "<b>", "</b>", "<c/>", "<a x='1'>", "text", " ", "\n", "&lt;", "&amp;",
            "&#20320;", "&#x1F44D;", "&nope;", "<![CDATA[", "]]>", "<![CDATA[ y ]]>", "<!--", "-->",
            "<?pi?>", "<!DOCTYPE a>", "<", ">", "&", "你好", "</ a>", "</a >", "<a", "\"", "=",
        ]), 0..24),
    ) {
        let text = format!("<a>{}</a>", pieces.concat());
        if let Ok(fields) = parse(&text, Limits::MESSAGE) {
            let mut ours = Vec::new();
            for (name, node) in fields.members() {
                flatten(node, name, &mut ours);
            }
            let theirs = reference(&text);
            prop_assert!(theirs.is_some(), "quick-xml refuses {}", text);
            let mut theirs = theirs.unwrap();
            if fields.members().is_empty() {
                prop_assert_eq!(theirs.len(), 1, "{}", text);
                return Ok(());
            }
            // Repetitions stand together in our tree.
            ours.sort();
            theirs.sort();
            prop_assert_eq!(ours, theirs, "{}", text);
        }
    }
}
