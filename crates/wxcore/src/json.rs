//! JSON in and out: `serde_json`'s parser with duplicate keys refused, and a writer for field trees.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::fields::{Fields, Members, Node};

/// Deeper JSON than this is refused; WeChat's deepest push has six levels.
pub const MAX_DEPTH: u8 = 32;

/// Why JSON was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// Not one JSON object, or too deep, or not UTF-8.
    Malformed,
    /// A key stands twice in one object.
    DuplicateKey,
}

const DUPLICATE: &str = "wxcore: duplicate key";

/// Parses one JSON object.
///
/// # Errors
/// [`JsonError`]: not an object, deeper than [`MAX_DEPTH`], or a key that stands twice anywhere.
pub fn parse(text: &str) -> Result<Fields<'_>, JsonError> {
    let mut input = serde_json::Deserializer::from_str(text);
    let node = Level(0)
        .deserialize(&mut input)
        .map_err(|error| classify(&error))?;
    input.end().map_err(|_| JsonError::Malformed)?;
    match node {
        Node::Map(members) => Ok(Fields::new(members)),
        _ => Err(JsonError::Malformed),
    }
}

fn classify(error: &serde_json::Error) -> JsonError {
    if error.to_string().starts_with(DUPLICATE) {
        JsonError::DuplicateKey
    } else {
        JsonError::Malformed
    }
}

/// Appends `node` as JSON. Text stays text: XML has no numbers.
pub fn write_node(out: &mut Vec<u8>, node: &Node<'_>) {
    match node {
        Node::Text(text) => write_str(out, text),
        Node::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Node::Large(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Node::Float(number) => match serde_json::Number::from_f64(*number) {
            Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
            None => out.extend_from_slice(b"null"),
        },
        Node::Bool(true) => out.extend_from_slice(b"true"),
        Node::Bool(false) => out.extend_from_slice(b"false"),
        Node::Null => out.extend_from_slice(b"null"),
        Node::Map(members) => write_members(out, members, |_| true),
        Node::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_node(out, item);
            }
            out.push(b']');
        }
    }
}

/// Appends the members that `keep` lets through, as an object.
pub fn write_members(
    out: &mut Vec<u8>,
    members: &[(Cow<'_, str>, Node<'_>)],
    keep: impl Fn(&str) -> bool,
) {
    out.push(b'{');
    let mut first = true;
    for (name, node) in members.iter().filter(|(name, _)| keep(name)) {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_str(out, name);
        out.push(b':');
        write_node(out, node);
    }
    out.push(b'}');
}

/// Appends `text` as a JSON string; non-ASCII stays as it is.
pub fn write_str(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    write_escaped(out, text);
    out.push(b'"');
}

/// Appends `text` as the inside of a JSON string, or of a part of one.
pub fn write_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let (plain, tail) = rest.split_at(plain_prefix(rest));
        out.extend_from_slice(plain);
        let Some((byte, after)) = tail.split_first() else {
            break;
        };
        write_escape(out, *byte);
        rest = after;
    }
}

/// How many bytes stand before the first that has to be escaped.
fn plain_prefix(bytes: &[u8]) -> usize {
    let wide = plain_chunks::<32>(bytes);
    let narrow = wide + plain_chunks::<8>(bytes.get(wide..).unwrap_or_default());
    let rest = bytes.get(narrow..).unwrap_or_default();
    narrow + rest.iter().take_while(|byte| is_plain(**byte)).count()
}

/// The length of the leading chunks that need no escape. The fold has no branch in it, so that a chunk
/// is compared at once: a third of the time of a long text.
fn plain_chunks<const N: usize>(bytes: &[u8]) -> usize {
    let all_plain = |chunk: &[u8; N]| {
        let bad = chunk
            .iter()
            .fold(0, |bad, byte| bad | u8::from(!is_plain(*byte)));
        bad == 0
    };
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().take_while(|chunk| all_plain(chunk)).count() * N
}

const fn is_plain(byte: u8) -> bool {
    !matches!(byte, 0..=0x1f | b'"' | b'\\')
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
    }
}

/// Deserializes a value at a depth.
struct Level(u8);

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Node<'de>, D::Error> {
        if self.0 > MAX_DEPTH {
            return Err(D::Error::custom("too deep"));
        }
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Node<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node<'de>, E> {
        Ok(i64::try_from(number).map_or(Node::Large(number), Node::Integer))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node<'de>, E> {
        Ok(Node::Integer(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node<'de>, E> {
        Ok(Node::Float(number))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(value))
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Level(self.0 + 1))? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node<'de>, A::Error> {
        let mut members: Members<'de> = Vec::with_capacity(8);
        while let Some(Key(name)) = entries.next_key()? {
            members.push((name, entries.next_value_seed(Level(self.0 + 1))?));
        }
        if has_duplicates(&members) {
            return Err(A::Error::custom(DUPLICATE));
        }
        Ok(Node::Map(members))
    }
}

/// An object's key, borrowed unless it holds escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        input.deserialize_str(Text)
    }
}

/// Pairwise while that is cheap, by sorting beyond, so that a large object costs n log n.
pub(crate) fn has_duplicates(members: &Members<'_>) -> bool {
    if members.len() <= 16 {
        let mut rest = members.as_slice();
        while let Some(((name, _), tail)) = rest.split_first() {
            if tail.iter().any(|(other, _)| other == name) {
                return true;
            }
            rest = tail;
        }
        return false;
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a == b))
}

#[cfg(test)]
mod tests {
    use super::{JsonError, parse, write_node};
    use crate::fields::Node;

    #[test]
    fn duplicate_keys_are_refused_at_any_depth() {
        assert_eq!(parse(r#"{"a":1,"a":2}"#), Err(JsonError::DuplicateKey));
        assert_eq!(
            parse(r#"{"b":{"a":1,"\u0061":2}}"#),
            Err(JsonError::DuplicateKey)
        );
        let many: String = (0..40).map(|n| format!("\"k{}\":1,", n % 39)).collect();
        assert_eq!(
            parse(&format!("{{{many}\"z\":1}}")),
            Err(JsonError::DuplicateKey)
        );
    }

    #[test]
    fn only_one_shallow_object_is_taken() {
        for text in [
            "",
            "[]",
            "1",
            "{} {}",
            "{\"a\":}",
            "{\"a\":\"\\ud800\"}",
            "{'a':1}",
        ] {
            assert_eq!(parse(text), Err(JsonError::Malformed), "{text}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(parse(&deep), Err(JsonError::Malformed));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = r#"{"a":"\u0001\"\\\n 你好 👍🏽","n":14000000000000000001,"l":[1,-2,null,true,1.5],"o":{}}"#;
        let fields = parse(text).unwrap();
        let mut out = Vec::new();
        write_node(&mut out, &Node::Map(fields.members().to_vec()));
        let again = String::from_utf8(out).unwrap();
        assert_eq!(parse(&again).unwrap(), fields);
    }

    #[test]
    fn numbers_and_text_read_alike() {
        let fields = parse(r#"{"a":"1620973045","b":1620973045,"c":{"d":" x "}}"#).unwrap();
        assert_eq!(fields.text("a"), fields.text("b"));
        assert_eq!(fields.path("c.d").as_deref(), Some("x"));
        assert_eq!(fields.path("c.e"), None);
    }
}
