//! What conditions and hashes may look at.

use std::borrow::Cow;

use super::facts::Asked;

/// One value of a message or of the request that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// `openid`: the routing key, which is the user where there is one.
    Openid,
    /// `account`: its name.
    Account,
    /// `key`: the idempotency key.
    Key,
    /// `field:NAME`: a field by dotted name.
    Field(String),
    /// `header:NAME`: a header of the request. Nobody has signed it.
    Header(String),
    /// `query:NAME`: a parameter of the callback's address. Nobody has signed it.
    Query(String),
}

/// How a term is written, for those who wrote it otherwise.
pub const GRAMMAR: &str = "expected openid, account, key, field:NAME, header:NAME or query:NAME";

impl Term {
    /// Reads a term as the configuration writes it.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => match text {
                "openid" => Some(Self::Openid),
                "account" => Some(Self::Account),
                "key" => Some(Self::Key),
                _ => None,
            },
            Some((_, name)) if !is_name(name) => None,
            Some(("field", name)) => Some(Self::Field(name.to_owned())),
            Some(("header", name)) => Some(Self::Header(name.to_owned())),
            Some(("query", name)) => Some(Self::Query(name.to_owned())),
            Some(_) => None,
        }
    }

    /// Whether it can still be told when only the message is left, not its request.
    pub const fn is_kept(&self) -> bool {
        !matches!(self, Self::Header(_) | Self::Query(_))
    }

    /// The value; `None` if there is none, or if it is empty.
    pub(super) fn value<'a>(&self, asked: &Asked<'a>) -> Option<Cow<'a, str>> {
        match self {
            Self::Openid => Some(asked.keys.routing.into()),
            Self::Account => Some(asked.keys.account.into()),
            Self::Key => Some(asked.keys.id.into()),
            Self::Field(path) => asked.facts.field(path),
            Self::Header(name) => asked.request.header(name).map(Cow::Borrowed),
            Self::Query(name) => asked.request.parameter(name),
        }
        .filter(|value| !value.is_empty())
    }
}

/// What hashes may join terms by, and blanks, cannot be in a name.
fn is_name(name: &str) -> bool {
    let odd = |one: char| one == '+' || one.is_whitespace() || one.is_control();
    !name.is_empty() && !name.contains(odd)
}
