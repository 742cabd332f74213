//! Stage 2 for pushes: who sent this. What leaves here is authenticated, or was a URL check.

use std::borrow::Cow;

use simdutf8::basic::from_utf8;

use crate::account::{Format, Mode, PushAccount};
use crate::fields::{Fields, Node};
use crate::json::{self, JsonError};
use crate::reject::Reject;
use crate::request::{Query, Request};
use crate::xml::{self, Limits, XmlError};

/// A request whose sender knows the account's token.
#[derive(Debug)]
pub enum Verified<'a> {
    /// A URL verification; the answer is its echo.
    Echo(Cow<'a, str>),
    /// A URL verification whose encrypted echo has to be opened first (WeCom).
    SealedEcho(Cow<'a, str>),
    /// A plain message: the signature does not cover it.
    Plain(&'a str),
    /// The ciphertext of a message.
    Sealed(Cow<'a, str>),
}

/// What a reply has to repeat.
#[derive(Debug, Default)]
pub struct Signed<'a> {
    /// The request's nonce.
    pub nonce: Cow<'a, str>,
    /// The request's timestamp.
    pub timestamp: Cow<'a, str>,
}

/// Checks the signature that the account's kind and mode call for; the request chooses nothing (G5).
///
/// # Errors
/// A [`Reject`] of the stages `request` or `verify`.
pub fn verify<'a>(
    account: &PushAccount,
    request: &Request<'a>,
    query: &Query<'a>,
) -> Result<Verified<'a>, Reject> {
    match request.method {
        "GET" => verify_url(account, request, query),
        "POST" if account.mode == Mode::Plain => verify_plain(account, request, query),
        "POST" => verify_sealed(account, request, query),
        _ => Err(Reject::Method),
    }
}

fn verify_url<'a>(
    account: &PushAccount,
    request: &Request<'_>,
    query: &Query<'a>,
) -> Result<Verified<'a>, Reject> {
    let timestamp = query.timestamp(account.max_age, request.now)?;
    let (nonce, echo) = (query.nonce()?, query.echostr()?);
    if account.kind.seals_echo() {
        account
            .envelope
            .check_sealed(timestamp, nonce, echo, query.msg_signature()?)?;
        return Ok(Verified::SealedEcho(Cow::Owned(echo.to_owned())));
    }
    account
        .envelope
        .check_plain(timestamp, nonce, query.signature()?)?;
    Ok(Verified::Echo(Cow::Owned(echo.to_owned())))
}

fn verify_plain<'a>(
    account: &PushAccount,
    request: &Request<'a>,
    query: &Query<'_>,
) -> Result<Verified<'a>, Reject> {
    let timestamp = query.timestamp(account.max_age, request.now)?;
    account
        .envelope
        .check_plain(timestamp, query.nonce()?, query.signature()?)?;
    from_utf8(request.body)
        .map(Verified::Plain)
        .map_err(|_| Reject::BadEnvelope)
}

fn verify_sealed<'a>(
    account: &PushAccount,
    request: &Request<'a>,
    query: &Query<'_>,
) -> Result<Verified<'a>, Reject> {
    let timestamp = query.timestamp(account.max_age, request.now)?;
    let (nonce, signature) = (query.nonce()?, query.msg_signature()?);
    let beside_plain = account.mode == Mode::Compatible;
    let ciphertext = ciphertext(request.body, account.format, beside_plain)?;
    account
        .envelope
        .check_sealed(timestamp, nonce, &ciphertext, signature)?;
    Ok(Verified::Sealed(ciphertext))
}

/// The text of `Encrypt` in `body`, trimmed. `beside_plain` says that other fields may stand there.
///
/// # Errors
/// [`Reject::BadEnvelope`], [`Reject::DuplicateField`], or [`Reject::PlainBody`] if there is none.
pub fn ciphertext(body: &[u8], format: Format, beside_plain: bool) -> Result<Cow<'_, str>, Reject> {
    let text = from_utf8(body).map_err(|_| Reject::BadEnvelope)?;
    let fields = envelope_fields(text, format, beside_plain)?;
    let node = match format {
        Format::Json => fields.get("Encrypt").or_else(|| fields.get("encrypt")),
        Format::Xml => fields.get("Encrypt"),
    };
    match node {
        Some(Node::Text(Cow::Borrowed(text))) => Ok(Cow::Borrowed(text.trim())),
        Some(Node::Text(Cow::Owned(text))) => Ok(Cow::Owned(text.trim().to_owned())),
        Some(Node::List(_)) => Err(Reject::DuplicateField),
        Some(_) => Err(Reject::BadEnvelope),
        None => Err(Reject::PlainBody),
    }
}

fn envelope_fields(text: &str, format: Format, beside_plain: bool) -> Result<Fields<'_>, Reject> {
    match format {
        Format::Json => json::parse(text).map_err(|error| match error {
            JsonError::DuplicateKey => Reject::DuplicateField,
            JsonError::Malformed => Reject::BadEnvelope,
        }),
        Format::Xml => {
            // Compatible mode carries the plain message beside the ciphertext, nesting and all.
            let limits = if beside_plain {
                Limits::MESSAGE
            } else {
                Limits::ENVELOPE
            };
            xml::parse(text, limits).map_err(|error| match error {
                XmlError::Duplicate => Reject::DuplicateField,
                XmlError::Malformed => Reject::BadEnvelope,
                // A whole message where an envelope belongs: someone tries without encryption.
                XmlError::TooMuch if text.contains("<Encrypt") => Reject::BadEnvelope,
                XmlError::TooMuch => Reject::PlainBody,
            })
        }
    }
}
