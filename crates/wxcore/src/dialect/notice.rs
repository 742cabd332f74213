//! What notices that are not pushes have in common on their way to an event.

use std::borrow::Cow;

use crate::account::Kind;
use crate::admit;
use crate::event::{self, Head};
use crate::fields::Fields;
use crate::gateway::{Delivery, Received, Rules};
use crate::priority::Priority;
use crate::reject::Reject;
use crate::reply::{Answer, ReplyTo};
use crate::request::Request;
use crate::route::facts::PAYERS;
use crate::route::{Facts, HashKeys};
use crate::time::UnixMillis;

/// A verified and opened notice.
pub(crate) struct Notice<'a> {
    /// The account's name.
    pub(crate) account: &'a str,
    /// The account's kind.
    pub(crate) kind: Kind,
    /// The end of the CloudEvents type.
    pub(crate) name: String,
    /// Its identity within the account.
    pub(crate) id: String,
    /// What it is about.
    pub(crate) subject: Option<String>,
    /// When it happened.
    pub(crate) time: UnixMillis,
    /// What routing may ask of it.
    pub(crate) fields: Fields<'a>,
    /// `event_type`, which stands outside the fields.
    pub(crate) event_type: Option<String>,
    /// The event's `data`: one JSON value.
    pub(crate) data: Vec<u8>,
    /// Whether it names another merchant than the account does.
    pub(crate) mismatch: bool,
}

/// What goes back.
pub(crate) struct Outcome {
    /// Once it is handed over.
    pub(crate) ack: Answer,
    /// Set if a destination's answer may take the place of the acknowledgement.
    pub(crate) reply: Option<ReplyTo>,
    /// A nonce that must be new.
    pub(crate) nonce: Option<(String, UnixMillis)>,
}

impl Notice<'_> {
    /// Routes it and writes the event.
    pub(crate) fn deliver(
        self,
        outcome: Outcome,
        request: &Request<'_>,
        rules: &Rules,
    ) -> Result<Received, Reject> {
        let id = format!("{}:{}", self.account, self.id);
        let key = self.subject.clone().unwrap_or_else(|| id.clone());
        let keys = HashKeys {
            routing: &key,
            account: self.account,
            id: &id,
            tick: request.now.0,
        };
        let (destinations, limits) = rules.apply(&self, keys, request, None)?;
        let type_name = event::type_name(self.kind.name(), &self.name);
        let head = Head {
            id: &id,
            account: self.account,
            authorizer: None,
            type_name: &type_name,
            subject: self.subject.as_deref(),
            time: self.time,
            key: &key,
            mismatch: self.mismatch,
        };
        let event = head.write(self.data.len(), |out| out.extend_from_slice(&self.data));
        Ok(Received::Event(Box::new(Delivery {
            event,
            type_name,
            destinations,
            ack: outcome.ack,
            prescribed: None,
            reply: outcome.reply,
            nonce: outcome.nonce,
            lifetime: admit::PAY_LIFETIME_MS,
            limits,
            authorizer: None,
            priority: Priority::of_notice(self.kind, &self.name),
            key,
            id,
        })))
    }
}

impl Facts for Notice<'_> {
    fn account(&self) -> &str {
        self.account
    }

    fn kind(&self) -> &'static str {
        self.kind.name()
    }

    fn field(&self, path: &str) -> Option<Cow<'_, str>> {
        match path {
            "event_type" => self.event_type.as_deref().map(Cow::Borrowed),
            path => self.fields.path(path),
        }
    }

    fn openid(&self) -> Option<Cow<'_, str>> {
        PAYERS.into_iter().find_map(|path| self.fields.path(path))
    }
}
