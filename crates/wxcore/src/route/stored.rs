//! A message of which only its event is left, asked as it was when it came in.

use std::borrow::Cow;

use super::facts::PAYERS;
use super::{Facts, HashKeys};
use crate::account::Kind;
use crate::fields::{Fields, Node};
use crate::json;
use crate::parse::Message;

/// A CloudEvent of this gateway, read back.
pub struct StoredEvent<'a> {
    id: String,
    account: String,
    kind: Kind,
    type_name: String,
    key: String,
    authorizer: Option<String>,
    message: Message<'a>,
}

impl<'a> StoredEvent<'a> {
    /// Reads an event; `None` if it is not one of ours.
    pub fn read(event: &'a [u8]) -> Option<Self> {
        let event = json::parse(std::str::from_utf8(event).ok()?).ok()?;
        let text = |name: &str| event.text(name).map(Cow::into_owned);
        let type_name = text("type")?;
        let kind = type_name.split('.').nth(1);
        let kind = Kind::ALL.into_iter().find(|one| Some(one.name()) == kind)?;
        let id = text("id")?;
        let key = text("partitionkey").unwrap_or_else(|| id.clone());
        let account = text("source")?.strip_prefix("/wxgate/")?.to_owned();
        let authorizer = text("authorizer");
        let Node::Map(data) = event.take("data")? else {
            return None;
        };
        let message = Message {
            fields: Fields::new(data),
            raw: "",
            is_json: true,
        };
        Some(Self {
            id,
            account,
            kind,
            type_name,
            key,
            authorizer,
            message,
        })
    }

    /// What it may be hashed by.
    pub fn keys(&self) -> HashKeys<'_> {
        HashKeys {
            routing: &self.key,
            account: &self.account,
            id: &self.id,
            tick: 0,
        }
    }

    /// For a platform: the account on whose behalf.
    pub fn authorizer(&self) -> Option<&str> {
        self.authorizer.as_deref()
    }

    /// Its CloudEvents type.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// A field of a notice: the data of an event holds more than what routes look at.
    fn of_notice(&self, path: &str) -> Option<Cow<'_, str>> {
        let fields = &self.message.fields;
        if path == "event_type" {
            let named = matches!(self.kind, Kind::Pay | Kind::PayV2);
            return named.then(|| fields.text(path)).flatten();
        }
        match self.kind {
            Kind::Pay => fields.path(&format!("resource.{path}")),
            Kind::PayV2 if matches!(fields.get("req_info"), Some(Node::Map(_))) => {
                fields.path(&format!("req_info.{path}"))
            }
            _ => fields.path(path),
        }
    }
}

impl Facts for StoredEvent<'_> {
    fn account(&self) -> &str {
        &self.account
    }

    fn kind(&self) -> &'static str {
        self.kind.name()
    }

    fn field(&self, path: &str) -> Option<Cow<'_, str>> {
        match self.kind {
            Kind::Pay | Kind::PayV2 | Kind::Partner => self.of_notice(path),
            _ => self.message.field(path),
        }
    }

    fn openid(&self) -> Option<Cow<'_, str>> {
        match self.kind {
            Kind::Pay | Kind::PayV2 | Kind::Partner => {
                PAYERS.into_iter().find_map(|path| self.of_notice(path))
            }
            _ => self.message.openid(),
        }
    }
}
