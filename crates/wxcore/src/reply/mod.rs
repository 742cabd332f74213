//! Stage 8: the bytes that go back.

mod passive;

use crate::account::{Format, Kind, PushAccount};
use crate::parse::Message;
use crate::time::UnixMillis;
use crate::xml;

pub use passive::ReplyError;

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200, or what a [`crate::reject::Reject`] says.
    pub status: u16,
    /// The media type.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

const TEXT: &str = "text/plain; charset=utf-8";
const XML: &str = "application/xml; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

/// The body of every refusal, whatever the cause (G5). WeChat Pay asks for these very words.
pub const REFUSAL: &[u8] = "{\"code\":\"FAIL\",\"message\":\"失败\"}".as_bytes();

impl Answer {
    /// 200 with plain text: `success`, or an echo. Never HTML: an echo is a stranger's text.
    pub fn text(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            content_type: TEXT,
            body: body.into(),
        }
    }

    /// 200 with JSON.
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            content_type: JSON,
            body: body.into(),
        }
    }

    /// 200 with XML.
    pub fn xml(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            content_type: XML,
            body: body.into(),
        }
    }

    /// A refusal: the same bytes for every cause.
    pub fn refusal(status: u16) -> Self {
        Self {
            status,
            content_type: JSON,
            body: REFUSAL.to_vec(),
        }
    }
}

/// What stops the sender's retries (protocol, section 0).
pub fn acknowledgement(account: &PushAccount, message: &Message<'_>) -> Answer {
    if message
        .event()
        .is_some_and(|event| event.starts_with("xpay_"))
    {
        return match account.format {
            Format::Json => Answer::json(&br#"{"ErrCode":0,"ErrMsg":"success"}"#[..]),
            // "Errcode" is how the page spells it in XML (protocol 8.4).
            Format::Xml => Answer::xml(
                &b"<xml><Errcode>0</Errcode><ErrMsg><![CDATA[success]]></ErrMsg></xml>"[..],
            ),
        };
    }
    match account.kind {
        Kind::Wecom => Answer::text(""),
        _ => Answer::text("success"),
    }
}

/// What a reply to a push has to know of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyTo {
    /// Index of the account.
    pub account: usize,
    /// The message's `FromUserName`: who gets the reply.
    pub user: String,
    /// The message's `ToUserName`: who sends it.
    pub own: String,
    /// The request's nonce, which the envelope repeats.
    pub nonce: String,
    /// Indexes of key and receive id that opened the message; `None` for a plain one.
    pub keys: Option<(usize, usize)>,
}

/// Turns a service's answer into the reply that goes to WeChat, sealed if the message was.
///
/// `spec` is `{"type": "text", "content": …}` and its like, ready XML, or, for an account whose
/// format is JSON, ready JSON. Empty or `success` means no reply: `None`.
///
/// # Errors
/// [`ReplyError`] if it is none of these.
pub fn reply(
    account: &PushAccount,
    to: &ReplyTo,
    spec: &[u8],
    now: UnixMillis,
    random: [u8; 16],
) -> Result<Option<Answer>, ReplyError> {
    let Some(plain) = passive::write(account.format, to, spec, now)? else {
        return Ok(None);
    };
    let Some((key, receive_id)) = to.keys else {
        return Ok(Some(match account.format {
            Format::Xml => Answer::xml(plain),
            Format::Json => Answer::json(plain),
        }));
    };
    let ciphertext = account
        .envelope
        .seal(&plain, key, receive_id, random)
        .ok_or(ReplyError::TooLarge)?;
    let timestamp = now.seconds().to_string();
    let signature = account
        .envelope
        .sign_sealed(&timestamp, &to.nonce, &ciphertext);
    let sealed = SealedReply {
        ciphertext,
        signature,
        timestamp,
        nonce: &to.nonce,
    };
    Ok(Some(match (account.format, account.kind) {
        (Format::Xml, _) => Answer::xml(sealed.xml()),
        (Format::Json, Kind::Wecom) => Answer::json(sealed.robot_json()),
        (Format::Json, _) => Answer::json(sealed.json()),
    }))
}

/// Takes a service's answer as it is, for senders whose answers have no envelope: Pay v2's XML, a
/// partner's JSON. `None` if it says nothing.
///
/// # Errors
/// [`ReplyError::WrongFormat`].
pub fn verbatim(format: Format, spec: &[u8]) -> Result<Option<Answer>, ReplyError> {
    let spec = spec.trim_ascii();
    match (format, spec.first()) {
        (_, None) => Ok(None),
        (Format::Xml, Some(b'<')) => Ok(Some(Answer::xml(spec))),
        (Format::Json, Some(b'{')) => Ok(Some(Answer::json(spec))),
        _ => Err(ReplyError::WrongFormat),
    }
}

/// An encrypted reply before it is written (protocol 1.5).
#[derive(Debug)]
pub struct SealedReply<'a> {
    /// Base64.
    pub ciphertext: String,
    /// Over token, timestamp, nonce and ciphertext.
    pub signature: String,
    /// Seconds, as text.
    pub timestamp: String,
    /// The request's.
    pub nonce: &'a str,
}

impl SealedReply<'_> {
    /// As vector `mp-encrypted-reply-xml-wechatpy` has it.
    pub fn xml(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.ciphertext.len() + 256);
        for (open, text, close) in [
            ("<xml>\n<Encrypt>", self.ciphertext.as_str(), "</Encrypt>\n"),
            (
                "<MsgSignature>",
                self.signature.as_str(),
                "</MsgSignature>\n",
            ),
        ] {
            out.extend_from_slice(open.as_bytes());
            xml::cdata(&mut out, text);
            out.extend_from_slice(close.as_bytes());
        }
        out.extend_from_slice(
            format!("<TimeStamp>{}</TimeStamp>\n<Nonce>", self.timestamp).as_bytes(),
        );
        xml::cdata(&mut out, self.nonce);
        out.extend_from_slice(b"</Nonce>\n</xml>");
        out
    }

    /// As vector `mp-safe-reply-json-official` has it: time a number, nonce a string.
    pub fn json(&self) -> Vec<u8> {
        self.json_with(["Encrypt", "MsgSignature", "TimeStamp", "Nonce"])
    }

    /// A WeCom robot's, all lower case.
    pub fn robot_json(&self) -> Vec<u8> {
        self.json_with(["encrypt", "msgsignature", "timestamp", "nonce"])
    }

    fn json_with(&self, [encrypt, signature, timestamp, nonce]: [&str; 4]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.ciphertext.len() + 256);
        out.extend_from_slice(format!("{{\"{encrypt}\":\"{}\"", self.ciphertext).as_bytes());
        out.extend_from_slice(format!(",\"{signature}\":\"{}\"", self.signature).as_bytes());
        out.extend_from_slice(
            format!(",\"{timestamp}\":{},\"{nonce}\":", self.timestamp).as_bytes(),
        );
        crate::json::write_str(&mut out, self.nonce);
        out.push(b'}');
        out
    }
}
