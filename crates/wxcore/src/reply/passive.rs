//! Passive replies (被动回复): a service's short JSON into WeChat's XML or JSON.

use std::borrow::Cow;

use super::ReplyTo;
use crate::account::Format;
use crate::fields::{Fields, Members, Node};
use crate::json;
use crate::time::UnixMillis;
use crate::xml::{self, Limits};

/// Why a service's answer cannot become a reply. The message counts as taken all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyError {
    /// Neither JSON, nor XML, nor empty.
    Unreadable,
    /// A `type` that WeChat has no reply for.
    UnknownType,
    /// A field that the type needs is absent.
    MissingField,
    /// Ready XML for a JSON account, or the reverse.
    WrongFormat,
    /// Cannot be sealed.
    TooLarge,
}

impl ReplyError {
    /// The stable code for logs and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "reply.unreadable",
            Self::UnknownType => "reply.unknown_type",
            Self::MissingField => "reply.missing_field",
            Self::WrongFormat => "reply.wrong_format",
            Self::TooLarge => "reply.too_large",
        }
    }
}

/// A reply type: the element that wraps its fields (or none), and the fields as the service names
/// them, as WeChat does, and whether they must be there.
struct Shape {
    name: &'static str,
    wrapper: Option<&'static str>,
    fields: &'static [(&'static str, &'static str, bool)],
}

const SHAPES: [Shape; 6] = [
    Shape {
        name: "text",
        wrapper: None,
        fields: &[("content", "Content", true)],
    },
    Shape {
        name: "image",
        wrapper: Some("Image"),
        fields: &[("media_id", "MediaId", true)],
    },
    Shape {
        name: "voice",
        wrapper: Some("Voice"),
        fields: &[("media_id", "MediaId", true)],
    },
    Shape {
        name: "video",
        wrapper: Some("Video"),
        fields: &[
            ("media_id", "MediaId", true),
            ("title", "Title", false),
            ("description", "Description", false),
        ],
    },
    Shape {
        name: "music",
        wrapper: Some("Music"),
        fields: &[
            ("title", "Title", false),
            ("description", "Description", false),
            ("music_url", "MusicUrl", false),
            ("hq_music_url", "HQMusicUrl", false),
            ("thumb_media_id", "ThumbMediaId", true),
        ],
    },
    Shape {
        name: "transfer_customer_service",
        wrapper: Some("TransInfo"),
        fields: &[("kf_account", "KfAccount", false)],
    },
];

const ARTICLE: [(&str, &str, bool); 4] = [
    ("title", "Title", true),
    ("description", "Description", false),
    ("pic_url", "PicUrl", false),
    ("url", "Url", false),
];

/// The unencrypted reply; `None` if there is nothing to say.
pub(super) fn write(
    format: Format,
    to: &ReplyTo,
    spec: &[u8],
    now: UnixMillis,
) -> Result<Option<Vec<u8>>, ReplyError> {
    let text = std::str::from_utf8(spec)
        .map_err(|_| ReplyError::Unreadable)?
        .trim();
    if text.is_empty() || text == "success" {
        return Ok(None);
    }
    if text.starts_with('<') {
        return ready_xml(format, text).map(Some);
    }
    let fields = json::parse(text).map_err(|_| ReplyError::Unreadable)?;
    let Some(kind) = fields.text("type") else {
        return match format {
            Format::Json => Ok(Some(text.as_bytes().to_vec())),
            Format::Xml => Err(ReplyError::WrongFormat),
        };
    };
    let mut members = head(to, &kind, now);
    members.extend(payload(&kind, &fields)?);
    let mut out = Vec::with_capacity(text.len() + 512);
    match format {
        Format::Json => json::write_members(&mut out, &members, |_| true),
        Format::Xml => {
            out.extend_from_slice(b"<xml>");
            write_xml(&mut out, &members);
            out.extend_from_slice(b"</xml>");
        }
    }
    Ok(Some(out))
}

fn ready_xml(format: Format, text: &str) -> Result<Vec<u8>, ReplyError> {
    if format != Format::Xml {
        return Err(ReplyError::WrongFormat);
    }
    xml::parse(text, Limits::MESSAGE).map_err(|_| ReplyError::Unreadable)?;
    Ok(text.as_bytes().to_vec())
}

fn member<'a>(name: &'a str, text: impl Into<Cow<'a, str>>) -> (Cow<'a, str>, Node<'a>) {
    (Cow::Borrowed(name), Node::Text(text.into()))
}

fn head<'a>(to: &'a ReplyTo, kind: &str, now: UnixMillis) -> Members<'a> {
    vec![
        member("ToUserName", to.user.as_str()),
        member("FromUserName", to.own.as_str()),
        (Cow::Borrowed("CreateTime"), Node::Integer(now.seconds())),
        member("MsgType", kind.to_owned()),
    ]
}

fn payload<'a>(kind: &str, fields: &'a Fields<'a>) -> Result<Members<'a>, ReplyError> {
    if kind == "news" {
        return news(fields);
    }
    let shape = SHAPES
        .iter()
        .find(|shape| shape.name == kind)
        .ok_or(ReplyError::UnknownType)?;
    let members = renamed(shape.fields, |name| fields.get(name))?;
    match shape.wrapper {
        None => Ok(members),
        Some(_) if members.is_empty() => Ok(members),
        Some(wrapper) => Ok(vec![(Cow::Borrowed(wrapper), Node::Map(members))]),
    }
}

fn news<'a>(fields: &'a Fields<'a>) -> Result<Members<'a>, ReplyError> {
    let articles = match fields.get("articles") {
        Some(Node::List(articles)) if !articles.is_empty() => articles,
        _ => return Err(ReplyError::MissingField),
    };
    let items: Result<Vec<Node<'a>>, ReplyError> = articles
        .iter()
        .map(|article| renamed(&ARTICLE, |name| article.member(name)).map(Node::Map))
        .collect();
    let items = items?;
    let list = vec![(Cow::Borrowed("item"), Node::List(items))];
    let count = i64::try_from(articles.len()).unwrap_or_default();
    Ok(vec![
        (Cow::Borrowed("ArticleCount"), Node::Integer(count)),
        (Cow::Borrowed("Articles"), Node::Map(list)),
    ])
}

/// Picks the fields that `shape` lists, under WeChat's names.
fn renamed<'a>(
    shape: &'static [(&'static str, &'static str, bool)],
    find: impl Fn(&str) -> Option<&'a Node<'a>>,
) -> Result<Members<'a>, ReplyError> {
    let mut members = Members::new();
    for (own, wechat, needed) in shape {
        match find(own) {
            Some(Node::Text(text)) => members.push(member(wechat, text.as_ref())),
            Some(_) => return Err(ReplyError::MissingField),
            None if *needed => return Err(ReplyError::MissingField),
            None => {}
        }
    }
    Ok(members)
}

/// Numbers bare, text as CDATA, lists as repeated elements.
fn write_xml(out: &mut Vec<u8>, members: &[(Cow<'_, str>, Node<'_>)]) {
    for (name, node) in members {
        let items = match node {
            Node::List(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        for item in items {
            out.extend_from_slice(format!("<{name}>").as_bytes());
            match item {
                Node::Map(inner) => write_xml(out, inner),
                Node::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
                other => xml::cdata(out, &other.scalar_verbatim()),
            }
            out.extend_from_slice(format!("</{name}>").as_bytes());
        }
    }
}
