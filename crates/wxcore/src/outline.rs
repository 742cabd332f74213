//! What is left of a parsed message once its borrow ends: where its texts lie in its bytes.

use std::borrow::Cow;
use std::ops::Range;

use simdutf8::basic::from_utf8;

use crate::fields::Node;
use crate::parse::Message;

/// The top-level members of a message, by their places in its bytes. Reading one text from it is
/// cheaper than parsing the message again, or than copying all of them beforehand.
#[derive(Debug)]
pub struct Outline {
    /// `None` if a name does not stand in the bytes as it reads: JSON may escape it.
    members: Option<Vec<Member>>,
}

#[derive(Debug)]
struct Member {
    name: Range<usize>,
    /// `None` for everything but text that reads as it stands.
    text: Option<Range<usize>>,
}

/// What an [`Outline`] knows of a name.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'b> {
    /// Its text, as it stands.
    Text(&'b str),
    /// Only parsing says: a number, a nested value, a list, escaped text.
    Unclear,
    /// There is no such member.
    Absent,
}

impl Outline {
    /// The outline of a message.
    pub fn of(message: &Message<'_>) -> Self {
        let whole = message.raw.as_bytes();
        let member = |(name, node): &(Cow<'_, str>, Node<'_>)| {
            let text = match node {
                Node::Text(text) => place(whole, text),
                _ => None,
            };
            place(whole, name).map(|name| Member { name, text })
        };
        Self {
            members: message.fields.members().iter().map(member).collect(),
        }
    }

    /// The member `name` of the message that was parsed from these `bytes`.
    pub fn find<'b>(&self, bytes: &'b [u8], name: &str) -> Found<'b> {
        let Some(members) = &self.members else {
            return Found::Unclear;
        };
        let named = |member: &&Member| bytes.get(member.name.clone()) == Some(name.as_bytes());
        match members.iter().find(named) {
            None => Found::Absent,
            Some(member) => text(bytes, member.text.as_ref()).map_or(Found::Unclear, Found::Text),
        }
    }
}

fn text<'b>(bytes: &'b [u8], place: Option<&Range<usize>>) -> Option<&'b str> {
    from_utf8(bytes.get(place?.clone())?).ok()
}

/// Where in `whole` a borrowed `part` of it stands; owned text lies elsewhere.
fn place(whole: &[u8], part: &str) -> Option<Range<usize>> {
    if part.is_empty() {
        return Some(0..0); // `<A/>` has its text from elsewhere
    }
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::{Found, Outline};
    use crate::fields::Node;
    use crate::parse::parse;

    fn agrees(text: &str) {
        let message = parse(text.as_bytes()).unwrap();
        let outline = Outline::of(&message);
        for (name, node) in message.fields.members() {
            match outline.find(text.as_bytes(), name) {
                Found::Text(found) => assert_eq!(node, &Node::Text(found.into()), "{name}"),
                Found::Unclear => {}
                Found::Absent => panic!("{name} is lost"),
            }
        }
    }

    #[test]
    fn what_it_finds_is_what_the_message_says() {
        let xml = "\u{feff}<xml>\n<A><![CDATA[你好]]></A><B> x </B><C/><D>&lt;</D>\
                   <E><F>1</F></E><G>1</G><G>2</G><H></H></xml>\n";
        agrees(xml);
        let outline = Outline::of(&parse(xml.as_bytes()).unwrap());
        let find = |name| outline.find(xml.as_bytes(), name);
        assert_eq!(find("A"), Found::Text("你好"));
        assert_eq!(find("B"), Found::Text(" x "));
        assert_eq!((find("C"), find("H")), (Found::Text(""), Found::Text("")));
        for unclear in ["D", "E", "G"] {
            assert_eq!(find(unclear), Found::Unclear, "{unclear}");
        }
        assert_eq!((find("F"), find("")), (Found::Absent, Found::Absent));
    }

    #[test]
    fn escapes_of_json_are_left_to_the_parser() {
        let json = r#"{"a":"你好","b":"\u4f60","c":1,"d":null,"e":""}"#;
        agrees(json);
        let outline = Outline::of(&parse(json.as_bytes()).unwrap());
        assert_eq!(outline.find(json.as_bytes(), "a"), Found::Text("你好"));
        assert_eq!(outline.find(json.as_bytes(), "b"), Found::Unclear);
        assert_eq!(outline.find(json.as_bytes(), "x"), Found::Absent);
        let escaped = r#"{"\u0061":"1"}"#;
        let outline = Outline::of(&parse(escaped.as_bytes()).unwrap());
        assert_eq!(outline.find(escaped.as_bytes(), "a"), Found::Unclear);
        assert_eq!(outline.find(escaped.as_bytes(), "x"), Found::Unclear);
    }
}
