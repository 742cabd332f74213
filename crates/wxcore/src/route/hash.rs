//! What a message's node is chosen by.

use std::borrow::Cow;

use super::HashKeys;
use super::facts::Facts;
use super::term::Term;

/// `none`, or terms joined by `+`: `openid`, `account+field:ToUserName`.
///
/// A message that has none of the fields that are named goes by its routing key; if only some are
/// missing, they count as empty.
#[derive(Clone, Debug)]
pub struct Hash {
    text: String,
    by: By,
}

#[derive(Clone, Debug)]
enum By {
    Tick,
    Routing,
    Account,
    Key,
    Terms(Vec<Term>),
}

/// How one is written, for those who wrote it otherwise.
pub const GRAMMAR: &str =
    "expected none, or openid, account, key and field:NAME, several of them joined by +";

impl Hash {
    /// Reads an expression. Headers and parameters cannot be in one: they are gone when a message is
    /// read back from the journal.
    pub fn parse(text: &str) -> Option<Self> {
        let by = match text {
            "none" => By::Tick,
            "openid" => By::Routing,
            "account" => By::Account,
            "key" => By::Key,
            _ => {
                let terms = text.split('+').map(|term| Term::parse(term.trim()));
                let terms: Vec<Term> = terms.collect::<Option<_>>()?;
                By::Terms(terms).kept()?
            }
        };
        let text = text.to_owned();
        Some(Self { text, by })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it looks at the message's fields.
    pub const fn needs_fields(&self) -> bool {
        matches!(self.by, By::Terms(_))
    }

    /// The value that is hashed. `facts` may be absent where no field is needed.
    pub fn value<'a>(&self, facts: Option<&'a dyn Facts>, keys: &'a HashKeys<'a>) -> Cow<'a, [u8]> {
        match &self.by {
            By::Tick => keys.tick.to_le_bytes().to_vec().into(),
            By::Routing => keys.routing.as_bytes().into(),
            By::Account => keys.account.as_bytes().into(),
            By::Key => keys.id.as_bytes().into(),
            By::Terms(terms) => {
                joined(terms, facts, keys).unwrap_or(Cow::Borrowed(keys.routing.as_bytes()))
            }
        }
    }

    /// Whether a message has none of the fields, and so goes by its routing key.
    pub fn falls_back(&self, facts: &dyn Facts, keys: &HashKeys<'_>) -> bool {
        match &self.by {
            By::Terms(terms) => joined(terms, Some(facts), keys).is_none(),
            _ => false,
        }
    }
}

impl By {
    fn kept(self) -> Option<Self> {
        match &self {
            Self::Terms(terms) if !terms.iter().all(Term::is_kept) => None,
            _ => Some(self),
        }
    }
}

/// The values one behind the other, apart by a byte that no text has; `None` without any field.
fn joined<'a>(
    terms: &[Term],
    facts: Option<&'a dyn Facts>,
    keys: &HashKeys<'a>,
) -> Option<Cow<'a, [u8]>> {
    let value = |term: &Term| match term {
        Term::Openid => Some(Cow::Borrowed(keys.routing)),
        Term::Account => Some(Cow::Borrowed(keys.account)),
        Term::Key => Some(Cow::Borrowed(keys.id)),
        Term::Field(path) => facts.and_then(|facts| facts.field(path)),
        Term::Header(_) | Term::Query(_) => None,
    };
    let is_field = |term: &Term| matches!(term, Term::Field(_));
    let mut fields = terms.iter().filter(|term| is_field(term)).peekable();
    if fields.peek().is_some() && fields.all(|term| value(term).is_none()) {
        return None;
    }
    if let [only] = terms {
        return value(only).map(|text| match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        });
    }
    let mut all = Vec::with_capacity(64);
    for term in terms {
        all.extend_from_slice(value(term).unwrap_or_default().as_bytes());
        all.push(0xff);
    }
    Some(all.into())
}
