//! What routing may ask of a message and of its request.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::HashKeys;
use crate::request::Request;

/// What routing may ask of a message, whatever its dialect.
pub trait Facts {
    /// The account's name.
    fn account(&self) -> &str;
    /// The account's kind.
    fn kind(&self) -> &'static str;
    /// A field by dotted path; `MsgType`, `Event`, `Content` and the like under WeChat's names.
    fn field(&self, path: &str) -> Option<Cow<'_, str>>;
    /// The user.
    fn openid(&self) -> Option<Cow<'_, str>>;
}

/// Where notices name the user.
pub(crate) const PAYERS: [&str; 4] = [
    "payer.openid",
    "payer.sp_openid",
    "payer.sub_openid",
    "openid",
];

/// Fields that routes compare with names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    MsgType,
    Event,
    InfoType,
    ChangeType,
    EventType,
}

impl Named {
    const fn field(self) -> &'static str {
        match self {
            Self::MsgType => "MsgType",
            Self::Event => "Event",
            Self::InfoType => "InfoType",
            Self::ChangeType => "ChangeType",
            Self::EventType => "event_type",
        }
    }
}

/// A message's named fields, each looked up once however many routes ask for it.
pub(crate) struct Asked<'a> {
    pub(crate) facts: &'a dyn Facts,
    pub(super) keys: HashKeys<'a>,
    pub(super) request: &'a Request<'a>,
    named: [OnceCell<Option<Cow<'a, str>>>; 5],
}

impl<'a> Asked<'a> {
    pub(crate) fn new(facts: &'a dyn Facts, keys: HashKeys<'a>, request: &'a Request<'a>) -> Self {
        Self {
            facts,
            keys,
            request,
            named: Default::default(),
        }
    }

    pub(super) fn named(&self, name: Named) -> Option<&str> {
        let cell = self.named.get(name as usize)?;
        cell.get_or_init(|| self.facts.field(name.field()))
            .as_deref()
    }
}
