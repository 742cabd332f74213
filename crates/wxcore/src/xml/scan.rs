//! A strict scanner: it accepts a subset of XML 1.0 and reads that subset as any XML parser does
//! (checked against quick-xml in `tests/xml.rs`).

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2};

use crate::fields::{Fields, Members, Node};

/// Bounds on what is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Levels of elements below the outermost.
    pub depth: u8,
    /// Elements in all.
    pub elements: u16,
    /// Whether start tags may carry attributes, which are checked and dropped.
    pub attributes: bool,
    /// Whether an element may stand twice beside itself; it then becomes a list.
    pub repeats: bool,
}

impl Limits {
    /// What is read before anything is authenticated: one level, no repetition, no attributes.
    pub const ENVELOPE: Self = Self {
        depth: 1,
        elements: 64,
        attributes: false,
        repeats: false,
    };
    /// A message. Unknown events pass through, so this is wide.
    pub const MESSAGE: Self = Self {
        depth: 32,
        elements: 10_000,
        attributes: true,
        repeats: true,
    };
}

/// Why XML was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XmlError {
    /// Not well-formed, or markup that WeChat never writes (DTD, comment, processing instruction).
    Malformed,
    /// An element stands twice where none may.
    Duplicate,
    /// Deeper or larger than [`Limits`] allow.
    TooMuch,
}

/// Distinct names beside each other; finding a repetition costs their square.
const MAX_SIBLINGS: usize = 512;

/// Parses a document and returns the children of its outermost element, whatever that is called.
///
/// # Errors
/// [`XmlError`] for anything outside the accepted subset.
pub fn parse(text: &str, limits: Limits) -> Result<Fields<'_>, XmlError> {
    if memchr(0, text.as_bytes()).is_some() {
        return Err(XmlError::Malformed);
    }
    let mut scanner = Scanner {
        text,
        at: 0,
        elements: 0,
        limits,
    };
    scanner.prolog()?;
    let mut members = Members::new();
    let content = scanner.outermost(&mut members)?;
    scanner.skip_blank();
    if scanner.at != text.len() {
        return Err(XmlError::Malformed);
    }
    if members.is_empty() && !content.trim().is_empty() {
        return Err(XmlError::Malformed);
    }
    Ok(Fields::new(members))
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    elements: u16,
    limits: Limits,
}

/// What a start tag was.
struct Tag<'a> {
    name: &'a str,
    empty: bool,
}

impl<'a> Scanner<'a> {
    /// Bytes, since each token is looked for at a place that earlier ones have made a boundary.
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, token: &[u8]) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn skip_blank(&mut self) {
        let blank = self.rest().iter().take_while(|byte| is_blank(**byte));
        self.at += blank.count();
    }

    /// The next `length` bytes as text.
    fn take(&mut self, length: usize) -> Result<&'a str, XmlError> {
        let end = self.at + length;
        let taken = self.text.get(self.at..end).ok_or(XmlError::Malformed)?;
        self.at = end;
        Ok(taken)
    }

    /// Everything up to `head` and `>`, which are consumed: `]]>` and `?>`.
    fn until(&mut self, head: &[u8]) -> Result<&'a str, XmlError> {
        let rest = self.rest();
        let ends = |at: &usize| rest.get(..*at).is_some_and(|before| before.ends_with(head));
        let end = memchr_iter(b'>', rest)
            .find(ends)
            .ok_or(XmlError::Malformed)?;
        let content = self.take(end - head.len())?;
        self.at += head.len() + 1;
        Ok(content)
    }

    fn prolog(&mut self) -> Result<(), XmlError> {
        self.eat("\u{feff}".as_bytes());
        if self.rest().starts_with(b"<?xml") {
            let declaration = self.until(b"?")?;
            let body = declaration.get(5..).unwrap_or_default();
            if !body.starts_with([' ', '\t', '\r', '\n']) || body.contains(['<', '>', '&']) {
                return Err(XmlError::Malformed);
            }
        }
        self.skip_blank();
        Ok(())
    }

    /// As [`Self::content`], of the element around all others.
    fn outermost(&mut self, members: &mut Members<'a>) -> Result<Cow<'a, str>, XmlError> {
        self.elements = 1;
        let tag = self.start_tag()?;
        if tag.empty {
            return Ok(Cow::Borrowed(""));
        }
        let text = self.content(0, members)?;
        self.end_tag(tag.name)?;
        Ok(text)
    }

    /// One element with all it holds, added to its `siblings`; the scanner stands at its `<`. Passing
    /// them in, rather than handing the node up, takes a third off a short message.
    fn element(&mut self, depth: u8, siblings: &mut Members<'a>) -> Result<(), XmlError> {
        self.elements += 1;
        if depth > self.limits.depth || self.elements > self.limits.elements {
            return Err(XmlError::TooMuch);
        }
        if let Some((name, text)) = self.leaf() {
            return self.place(siblings, name, || Node::Text(Cow::Borrowed(text)));
        }
        let tag = self.start_tag()?;
        if tag.empty {
            return self.place(siblings, tag.name, || Node::Text(Cow::Borrowed("")));
        }
        let mut members = Members::new();
        let text = self.content(depth, &mut members)?;
        self.end_tag(tag.name)?;
        let node = if members.is_empty() {
            Node::Text(text)
        } else {
            Node::Map(members)
        };
        self.place(siblings, tag.name, || node)
    }

    /// The name and the text of `<A><![CDATA[text]]></A>` or `<A>text</A>`, which nearly every element
    /// is; `None`, with nothing consumed, for all else. Halves the time of a short message. Slices are
    /// cut from the front, so that no step looks at the place of the one before it again: a seventh.
    fn leaf(&mut self) -> Option<(&'a str, &'a str)> {
        let rest = self.rest();
        let (name, inner) = plain_tag(rest)?;
        let (from, text, tail) = if let Some(section) = inner.strip_prefix(b"<![CDATA[") {
            let (text, tail) = section.split_at_checked(section_end(section)?)?;
            (section, text, tail.get(3..)?)
        } else {
            let (text, tail) = inner.split_at_checked(memchr(b'<', inner)?)?;
            if memchr2(b'&', b'>', text).is_some() {
                return None;
            }
            (inner, text, tail)
        };
        let closing = tail.strip_prefix(b"</")?.strip_prefix(name)?;
        let after = closing.strip_prefix(b">")?;
        let name = self.slice(self.at + 1, name.len())?;
        let text = self.slice(self.text.len() - from.len(), text.len())?;
        self.at = self.text.len() - after.len();
        Some((name, text))
    }

    fn slice(&self, start: usize, length: usize) -> Option<&'a str> {
        self.text.get(start..start + length)
    }

    fn start_tag(&mut self) -> Result<Tag<'a>, XmlError> {
        if !self.eat(b"<") {
            return Err(XmlError::Malformed);
        }
        let name = self.name()?;
        if self.eat(b">") {
            return Ok(Tag { name, empty: false });
        }
        loop {
            let before = self.at;
            self.skip_blank();
            if self.eat(b">") {
                return Ok(Tag { name, empty: false });
            }
            if self.eat(b"/>") {
                return Ok(Tag { name, empty: true });
            }
            if before == self.at || !self.limits.attributes {
                return Err(XmlError::Malformed);
            }
            self.attribute()?;
        }
    }

    fn end_tag(&mut self, name: &str) -> Result<(), XmlError> {
        if !(self.eat(b"</") && self.eat(name.as_bytes())) {
            return Err(XmlError::Malformed);
        }
        if self.eat(b">") {
            return Ok(());
        }
        self.skip_blank();
        if self.eat(b">") {
            Ok(())
        } else {
            Err(XmlError::Malformed)
        }
    }

    /// Checked for shape and dropped: WeChat gives attributes no meaning.
    fn attribute(&mut self) -> Result<(), XmlError> {
        self.name()?;
        self.skip_blank();
        if !self.eat(b"=") {
            return Err(XmlError::Malformed);
        }
        self.skip_blank();
        let quote = *self.rest().first().ok_or(XmlError::Malformed)?;
        if !matches!(quote, b'"' | b'\'') {
            return Err(XmlError::Malformed);
        }
        self.at += 1;
        let value = self.take(memchr(quote, self.rest()).ok_or(XmlError::Malformed)?)?;
        self.at += 1;
        if value.contains('<') || unescape(value).is_none() {
            return Err(XmlError::Malformed);
        }
        Ok(())
    }

    fn name(&mut self) -> Result<&'a str, XmlError> {
        let length = name_length(self.rest()).ok_or(XmlError::Malformed)?;
        self.take(length)
    }

    /// Text and CDATA, which it returns, or child elements with blanks between them, which it adds to
    /// `members`; ends before `</`.
    fn content(&mut self, depth: u8, members: &mut Members<'a>) -> Result<Cow<'a, str>, XmlError> {
        let mut text = Text::default();
        loop {
            if !members.is_empty() {
                self.skip_blank(); // layout; anything else there is refused below
            }
            if self.rest().first() != Some(&b'<') {
                let length = memchr(b'<', self.rest()).ok_or(XmlError::Malformed)?;
                text.plain(self.take(length)?)?;
            }
            match self.rest().get(1) {
                Some(b'/') => break,
                Some(b'!') if self.eat(b"<![CDATA[") => text.section(self.until(b"]]")?),
                Some(b'!' | b'?') | None => return Err(XmlError::Malformed),
                Some(_) => self.element(depth + 1, members)?,
            }
        }
        if members.is_empty() || text.is_blank() {
            Ok(text.finish())
        } else {
            Err(XmlError::Malformed)
        }
    }

    /// Adds a child; one that stands there already makes a list of both.
    fn place(
        &self,
        members: &mut Members<'a>,
        name: &'a str,
        node: impl FnOnce() -> Node<'a>,
    ) -> Result<(), XmlError> {
        if members.capacity() == 0 {
            members.reserve(8);
        }
        let Some((_, there)) = members.iter_mut().rev().find(|(other, _)| **other == *name) else {
            if members.len() == MAX_SIBLINGS {
                return Err(XmlError::TooMuch);
            }
            members.push((Cow::Borrowed(name), node()));
            return Ok(());
        };
        if !self.limits.repeats {
            return Err(XmlError::Duplicate);
        }
        if let Node::List(items) = there {
            items.push(node());
        } else {
            let first = std::mem::replace(there, Node::Null);
            *there = Node::List(vec![first, node()]);
        }
        Ok(())
    }
}

/// A start tag without blanks or attributes: its name, and what stands behind it.
fn plain_tag(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let bytes = bytes.strip_prefix(b"<")?;
    let (name, tail) = bytes.split_at_checked(name_length(bytes)?)?;
    Some((name, tail.strip_prefix(b">")?))
}

/// The length of the name at the head of `bytes`, if one stands there.
fn name_length(bytes: &[u8]) -> Option<usize> {
    let first = bytes.first()?;
    let other = |byte: &u8| NAME.get(usize::from(*byte)) != Some(&true);
    let length = bytes.iter().position(other).unwrap_or(bytes.len());
    (length > 0 && !matches!(first, b'0'..=b'9' | b'-' | b'.')).then_some(length)
}

/// Where the `]]>` of a CDATA section stands.
fn section_end(section: &[u8]) -> Option<usize> {
    let start = |at: usize| section.get(..at)?.strip_suffix(b"]]").map(<[u8]>::len);
    memchr_iter(b'>', section).find_map(start)
}

/// An element's text as it comes: blanks before the first and after the last CDATA section are
/// layout, not text.
#[derive(Default)]
struct Text<'a> {
    value: Option<Cow<'a, str>>,
    has_section: bool,
    /// Blanks after a section: text if there is more.
    after: &'a str,
}

impl<'a> Text<'a> {
    fn plain(&mut self, raw: &'a str) -> Result<(), XmlError> {
        if raw.bytes().all(is_blank) {
            if self.has_section {
                self.after = raw;
            } else {
                self.push(Cow::Borrowed(raw));
            }
            return Ok(());
        }
        if memchr(b'>', raw.as_bytes()).is_some() && raw.contains("]]>") {
            return Err(XmlError::Malformed);
        }
        self.push(unescape(raw).ok_or(XmlError::Malformed)?);
        Ok(())
    }

    fn section(&mut self, raw: &'a str) {
        if !self.has_section && self.is_blank() {
            self.value = None;
        }
        self.has_section = true;
        self.push(Cow::Borrowed(raw));
    }

    fn push(&mut self, more: Cow<'a, str>) {
        match &mut self.value {
            None => self.value = Some(more),
            Some(value) => {
                let value = value.to_mut();
                value.push_str(std::mem::take(&mut self.after));
                value.push_str(&more);
            }
        }
    }

    fn is_blank(&self) -> bool {
        self.value
            .as_ref()
            .is_none_or(|value| value.bytes().all(is_blank))
    }

    fn finish(self) -> Cow<'a, str> {
        self.value.unwrap_or_default()
    }
}

/// Resolves the five predefined references and numeric ones; `None` for any other.
fn unescape(raw: &str) -> Option<Cow<'_, str>> {
    if memchr(b'&', raw.as_bytes()).is_none() {
        return Some(Cow::Borrowed(raw));
    }
    let mut pieces = raw.split('&');
    let mut out = pieces.next()?.to_owned();
    for piece in pieces {
        let (name, tail) = piece.split_once(';')?;
        out.push(reference(name)?);
        out.push_str(tail);
    }
    Some(Cow::Owned(out))
}

fn reference(name: &str) -> Option<char> {
    let code = match name {
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "amp" => return Some('&'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let digits = code.strip_prefix('x').map_or((code, 10), |hex| (hex, 16));
    if !digits
        .0
        .starts_with(|first: char| first.is_ascii_hexdigit())
    {
        return None;
    }
    let value = u32::from_str_radix(digits.0, digits.1).ok()?;
    char::from_u32(value).filter(|found| !matches!(found, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'))
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// [`is_name`] of every byte: the names are a tenth of what a short message costs without it.
#[expect(clippy::indexing_slicing, reason = "checked when it is compiled")]
static NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = u8::MAX;
    while byte > 0 {
        table[byte as usize] = is_name(byte);
        byte -= 1;
    }
    table
};

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::{Limits, XmlError, parse};
    use crate::fields::Node;

    fn refused(text: &str) -> XmlError {
        parse(text, Limits::MESSAGE).unwrap_err()
    }

    #[test]
    fn text_cdata_references_and_layout() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\n<xml>\n <A><![CDATA[a]]]]><![CDATA[>b]]></A>\n\
                    <B>&lt;&#20320;&#x597d;&gt;</B><C/><D> x </D><E>\n<![CDATA[ y ]]>\n</E>\
                    <F>\n<![CDATA[a]]> <![CDATA[b]]>\n</F></xml>\n";
        let fields = parse(text, Limits::MESSAGE).unwrap();
        let read = |name: &str| match fields.get(name) {
            Some(Node::Text(text)) => text.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(read("A"), "a]]>b");
        assert_eq!(read("B"), "<你好>");
        assert_eq!(read("C"), "");
        assert_eq!(read("D"), " x ");
        assert_eq!(read("E"), " y ");
        assert_eq!(read("F"), "a b");
    }

    #[test]
    fn repetition_makes_a_list_where_it_may() {
        let text = "<xml><L><I>1</I><I>2</I><I>3</I></L></xml>";
        let fields = parse(text, Limits::MESSAGE).unwrap();
        let Some(Node::List(items)) = fields.get("L").and_then(|list| list.member("I")) else {
            panic!("no list");
        };
        assert_eq!(items.len(), 3);
        let twice = "<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>";
        assert_eq!(parse(twice, Limits::ENVELOPE), Err(XmlError::Duplicate));
    }

    #[test]
    fn hostile_markup_is_refused() {
        for text in [
            "",
            "<xml>",
            "<xml></xm>",
            "<xml></xml><xml></xml>",
            "<!DOCTYPE xml [<!ENTITY a \"b\">]><xml>&a;</xml>",
            "<xml>&a;</xml>",
            "<xml><!-- c --></xml>",
            "<xml><?php ?></xml>",
            "<?php ?><xml></xml>",
            "<xml><A>\0</A></xml>",
            "<xml><A>&#0;</A></xml>",
            "<xml><A>&#xD800;</A></xml>",
            "<xml><A>x<B/></A></xml>",
            "<xml><A>]]></A></xml>",
            "<xml><A b=\"<\"/></xml>",
            "<xml><A b=c/></xml>",
            "<xml><1/></xml>",
            "<xml>text</xml>",
            "<![CDATA[x]]>",
        ] {
            assert_eq!(refused(text), XmlError::Malformed, "{text}");
        }
    }

    #[test]
    fn limits_hold() {
        let deep = format!("{}{}", "<a>".repeat(1000), "</a>".repeat(1000));
        assert_eq!(refused(&deep), XmlError::TooMuch);
        let wide: String = (0..600).map(|n| format!("<n{n}/>")).collect();
        assert_eq!(refused(&format!("<xml>{wide}</xml>")), XmlError::TooMuch);
        let long = "<i/>".repeat(20_000);
        assert_eq!(refused(&format!("<xml>{long}</xml>")), XmlError::TooMuch);
        let nested = "<xml><Encrypt><a/></Encrypt></xml>";
        assert_eq!(parse(nested, Limits::ENVELOPE), Err(XmlError::TooMuch));
    }
}
