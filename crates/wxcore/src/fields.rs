//! A message's fields, in their order, borrowed from the plaintext wherever that is possible.

use std::borrow::Cow;

/// The children of an element or the members of an object, in their order.
pub type Members<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

/// One value of a message, however it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'a> {
    /// XML text, or a JSON string.
    Text(Cow<'a, str>),
    /// A JSON number that is a whole number.
    Integer(i64),
    /// A whole number beyond that.
    Large(u64),
    /// Any other JSON number.
    Float(f64),
    /// A JSON boolean.
    Bool(bool),
    /// JSON null.
    Null,
    /// A nested element or object.
    Map(Members<'a>),
    /// A repeated element or array.
    List(Vec<Node<'a>>),
}

/// The top level of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields<'a> {
    members: Members<'a>,
}

impl<'a> Fields<'a> {
    /// Wraps the members of the outermost element or object.
    pub(crate) const fn new(members: Members<'a>) -> Self {
        Self { members }
    }

    /// The members, in their order.
    pub fn members(&self) -> &[(Cow<'a, str>, Node<'a>)] {
        &self.members
    }

    /// The value of `name`, which stands at the top level.
    pub fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.members
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, node)| node)
    }

    /// The value of `name` alone.
    pub(crate) fn take(self, name: &str) -> Option<Node<'a>> {
        let mut members = self.members.into_iter();
        members.find_map(|(key, node)| (key == name).then_some(node))
    }

    /// The text of `name`, trimmed; numbers are written out. `None` if absent, empty or nested.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).and_then(Node::scalar)
    }

    /// The text at a dotted path, `a.b.c`.
    pub fn path(&self, path: &str) -> Option<Cow<'_, str>> {
        let mut names = path.split('.');
        let mut node = self.get(names.next()?)?;
        for name in names {
            node = node.member(name)?;
        }
        node.scalar()
    }
}

impl<'a> Node<'a> {
    /// The member `name` of a map.
    pub fn member(&self, name: &str) -> Option<&Node<'a>> {
        match self {
            Self::Map(members) => members
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    /// Trimmed text, or a number or boolean written out; `None` if empty or nested.
    pub fn scalar(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(text.trim())
                .filter(|text| !text.is_empty())
                .map(Cow::from),
            Self::Integer(number) => Some(number.to_string().into()),
            Self::Large(number) => Some(number.to_string().into()),
            Self::Float(number) => Some(number.to_string().into()),
            Self::Bool(value) => Some(if *value { "true" } else { "false" }.into()),
            Self::Null | Self::Map(_) | Self::List(_) => None,
        }
    }

    /// Text as it stands, numbers and booleans written out, nothing for the rest.
    pub fn scalar_verbatim(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            other => other.scalar().unwrap_or_default(),
        }
    }
}
