//! Stage 4 for pushes: a message's fields, and the few of them that routing and identity need.

use std::borrow::Cow;

use simdutf8::basic::from_utf8;

use crate::fields::{Fields, Node};
use crate::json::{self, JsonError};
use crate::reject::Reject;
use crate::time::UnixMillis;
use crate::xml::{self, Limits, XmlError};

/// Fields on which routing, identity or the reply depend; twice, they would be ambiguous.
const SINGLE: [&str; 12] = [
    "ToUserName",
    "FromUserName",
    "CreateTime",
    "MsgType",
    "MsgId",
    "Event",
    "EventKey",
    "InfoType",
    "AppId",
    "SuiteId",
    "AgentID",
    "Encrypt",
];

/// A message as its sender wrote it.
#[derive(Debug)]
pub struct Message<'a> {
    /// All fields, known or not.
    pub fields: Fields<'a>,
    /// The text they were read from.
    pub raw: &'a str,
    /// Whether that text is JSON, and so can be handed on as it is.
    pub is_json: bool,
}

/// Reads a message; the first non-blank character says whether it is XML or JSON.
///
/// # Errors
/// [`Reject::BadMessage`] and [`Reject::DuplicateField`].
pub fn parse(bytes: &[u8]) -> Result<Message<'_>, Reject> {
    let raw = from_utf8(bytes).map_err(|_| Reject::BadMessage)?;
    let is_json = raw.trim_start().starts_with('{');
    let fields = if is_json {
        json::parse(raw).map_err(|error| match error {
            JsonError::DuplicateKey => Reject::DuplicateField,
            JsonError::Malformed => Reject::BadMessage,
        })?
    } else {
        xml::parse(raw, Limits::MESSAGE).map_err(|error| match error {
            XmlError::Duplicate => Reject::DuplicateField,
            XmlError::Malformed | XmlError::TooMuch => Reject::BadMessage,
        })?
    };
    let doubled = |(name, node): &(Cow<'_, str>, Node<'_>)| {
        matches!(node, Node::List(_)) && SINGLE.contains(&&**name)
    };
    if fields.members().iter().any(doubled) {
        return Err(Reject::DuplicateField);
    }
    Ok(Message {
        fields,
        raw,
        is_json,
    })
}

impl Message<'_> {
    /// Whether this is an envelope rather than a message: an account pinned to plain got it.
    pub fn is_sealed(&self) -> bool {
        self.fields.get("Encrypt").is_some() && self.msg_type().is_none()
    }

    /// `MsgType`, in lower case; `msgtype` of a WeCom robot.
    pub fn msg_type(&self) -> Option<Cow<'_, str>> {
        let found = self
            .fields
            .text("MsgType")
            .or_else(|| self.fields.text("msgtype"))?;
        Some(lower_case(found))
    }

    /// `Event`, in lower case; `event.eventtype` of a WeCom robot.
    pub fn event(&self) -> Option<Cow<'_, str>> {
        let found = self
            .fields
            .text("Event")
            .or_else(|| self.fields.get("event")?.member("eventtype")?.scalar())?;
        Some(lower_case(found))
    }

    /// `InfoType`, in lower case: what platforms and suites are told.
    pub fn info_type(&self) -> Option<Cow<'_, str>> {
        self.fields.text("InfoType").map(lower_case)
    }

    /// The user it is about: the buyer rather than the system where both are named.
    pub fn openid(&self) -> Option<Cow<'_, str>> {
        let fields = &self.fields;
        fields
            .text("OpenId")
            .or_else(|| fields.text("OpenID"))
            .or_else(|| fields.text("FromUserName"))
            .or_else(|| fields.path("from.userid"))
    }

    /// Who sent it, for the identity of messages without an id.
    pub fn sender(&self) -> Option<Cow<'_, str>> {
        let fields = &self.fields;
        let names = ["FromUserName", "SuiteId", "AppId", "aibotid"];
        names.into_iter().find_map(|name| fields.text(name))
    }

    /// The message's id, which events do not have.
    pub fn msg_id(&self) -> Option<Cow<'_, str>> {
        self.fields
            .text("MsgId")
            .or_else(|| self.fields.text("msgid"))
    }

    /// `CreateTime` or `TimeStamp`, which WeChat gives in seconds.
    pub fn time(&self) -> Option<UnixMillis> {
        let text = self
            .fields
            .text("CreateTime")
            .or_else(|| self.fields.text("TimeStamp"))?;
        let seconds: i64 = text.parse().ok()?;
        (0..100_000_000_000)
            .contains(&seconds)
            .then(|| UnixMillis::from_seconds(seconds))
    }

    /// A field by dotted path; those that some senders write otherwise under their usual names.
    pub fn field(&self, path: &str) -> Option<Cow<'_, str>> {
        match path {
            "MsgType" => self.msg_type(),
            "Event" => self.event(),
            "Content" => {
                let fields = &self.fields;
                fields
                    .text("Content")
                    .or_else(|| fields.path("text.content"))
            }
            path => self.fields.path(path),
        }
    }

    /// The message type as the end of a CloudEvents `type`.
    pub fn type_name(&self) -> Cow<'_, str> {
        match (self.info_type(), self.event(), self.msg_type()) {
            (Some(info), _, _) => info,
            (None, Some(event), kind) if kind.as_deref().is_none_or(|kind| kind == "event") => {
                Cow::Owned(["event", &event].join("."))
            }
            (None, _, Some(kind)) => kind,
            (None, _, None) => Cow::Borrowed("unknown"),
        }
    }

    /// Appends the fields as one JSON object: verbatim if they came as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        if self.is_json {
            out.extend_from_slice(self.raw.trim().as_bytes());
        } else {
            json::write_members(out, self.fields.members(), |_| true);
        }
    }
}

/// Most names are in lower case as they come.
pub(crate) fn lower_case(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        text
    }
}
