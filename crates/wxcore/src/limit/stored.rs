//! A message as its event tells of it: for rules that are asked long after it came.

use std::borrow::Cow;

use crate::fields::Fields;
use crate::json;
use crate::route::Facts;

/// Where the fields of a message stand in its event; APIv2 puts what it opened in its own place.
const PLACES: [&str; 3] = ["data.", "data.req_info.", "data.event_ciphertext."];
/// Where they stand in an event of APIv3.
const RESOURCE: [&str; 1] = ["data.resource."];
const USERS: [&str; 4] = [
    "payer.openid",
    "payer.sp_openid",
    "payer.sub_openid",
    "openid",
];

/// The facts of a CloudEvent that was written by [`crate::event::Head::write`].
pub(crate) struct StoredFacts<'a> {
    event: Fields<'a>,
    account: String,
    kind: &'static str,
}

impl<'a> StoredFacts<'a> {
    /// Reads an event; `None` if it is not one of ours.
    pub(crate) fn read(event: &'a [u8]) -> Option<Self> {
        let event = json::parse(std::str::from_utf8(event).ok()?).ok()?;
        let account = event.text("source")?.strip_prefix("/wxgate/")?.to_owned();
        let kind = kind_of(event.text("type")?.split('.').nth(1)?)?;
        Some(Self {
            event,
            account,
            kind,
        })
    }

    /// For a platform: the account on whose behalf.
    pub(crate) fn authorizer(&self) -> Option<Cow<'_, str>> {
        self.event.text("authorizer")
    }

    fn is_notice(&self) -> bool {
        matches!(self.kind, "pay" | "pay_v2" | "partner")
    }

    fn find(&self, path: &str) -> Option<Cow<'_, str>> {
        let places = match (self.kind, path) {
            ("pay", "event_type") => &PLACES[..],
            ("pay", _) => &RESOURCE[..],
            _ => &PLACES[..],
        };
        places
            .iter()
            .find_map(|place| self.event.path(&[place, path].concat()))
    }
}

fn kind_of(name: &str) -> Option<&'static str> {
    use crate::account::Kind;
    let kinds = [
        Kind::Official,
        Kind::Miniprogram,
        Kind::Wecom,
        Kind::WecomSuite,
        Kind::Component,
        Kind::Pay,
        Kind::PayV2,
        Kind::Partner,
    ];
    kinds.into_iter().map(Kind::name).find(|kind| *kind == name)
}

impl Facts for StoredFacts<'_> {
    fn account(&self) -> &str {
        &self.account
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn field(&self, path: &str) -> Option<Cow<'_, str>> {
        match path {
            "MsgType" => self.find("MsgType").or_else(|| self.find("msgtype")),
            "Event" => self.find("Event").or_else(|| self.find("event.eventtype")),
            "Content" => self.find("Content").or_else(|| self.find("text.content")),
            path => self.find(path),
        }
    }

    fn openid(&self) -> Option<Cow<'_, str>> {
        if self.is_notice() {
            USERS.iter().find_map(|path| self.find(path))
        } else {
            self.event.text("subject")
        }
    }
}
