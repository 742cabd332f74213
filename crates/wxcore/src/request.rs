//! What came in over HTTP, and the guards that need no secret.

use std::borrow::Cow;

use memchr::memchr;

use crate::clock;
use crate::reject::Reject;
use crate::time::UnixMillis;

/// Longer query strings are refused; WeCom's encrypted `echostr` needs some hundred bytes.
const MAX_QUERY: usize = 8 * 1024;

/// One HTTP request, body complete.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// In upper case.
    pub method: &'a str,
    /// The raw query string, without `?`.
    pub query: &'a str,
    /// Needed for Pay, where conditions ask for headers, and behind proxies if a limit counts by
    /// address; names in any case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The raw bytes: signatures cover them as they are.
    pub body: &'a [u8],
    /// When it arrived.
    pub now: UnixMillis,
    /// The address that sent it, with or without its port; needed if a limit counts by it.
    pub peer: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// What is left of a request once only its message is.
    pub const GONE: Request<'static> = Request {
        method: "",
        query: "",
        headers: &[],
        body: b"",
        now: UnixMillis(0),
        peer: None,
    };

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(one, _)| one.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }

    /// The first parameter of that name, decoded; for routes, which may ask for any.
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut pairs = self.query.split('&').map(|pair| cut(pair, b'='));
        let (_, value) = pairs.find(|(one, _)| decode(one).is_ok_and(|one| one == name))?;
        decode(value?).ok()
    }
}

/// The parameters that matter, decoded once. `+` stays `+`: a blank never meant one here.
#[derive(Debug, Default)]
pub struct Query<'a> {
    signature: Option<Cow<'a, str>>,
    msg_signature: Option<Cow<'a, str>>,
    timestamp: Option<Cow<'a, str>>,
    nonce: Option<Cow<'a, str>>,
    echostr: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    /// Reads a raw query string; unknown parameters are passed over unread.
    ///
    /// # Errors
    /// [`Reject::BadQuery`] and [`Reject::DuplicateParameter`].
    pub fn parse(raw: &'a str) -> Result<Self, Reject> {
        if raw.len() > MAX_QUERY {
            return Err(Reject::BadQuery);
        }
        let mut query = Self::default();
        // Looked for once: hardly any query has an escape.
        let escaped = memchr(b'%', raw.as_bytes()).is_some();
        let mut rest = Some(raw);
        while let Some(text) = rest {
            let (pair, more) = cut(text, b'&');
            rest = more;
            let Some((name, value)) = (if escaped { decoded(pair)? } else { plain(pair) }) else {
                continue;
            };
            let slot = query.slot(name);
            if slot.is_some() {
                return Err(Reject::DuplicateParameter);
            }
            *slot = Some(value);
        }
        Ok(query)
    }

    fn slot(&mut self, name: Name) -> &mut Option<Cow<'a, str>> {
        match name {
            Name::Signature => &mut self.signature,
            Name::MsgSignature => &mut self.msg_signature,
            Name::Timestamp => &mut self.timestamp,
            Name::Nonce => &mut self.nonce,
            Name::Echostr => &mut self.echostr,
        }
    }

    /// `signature`, over token, timestamp and nonce.
    ///
    /// # Errors
    /// [`Reject::MissingParameter`] if absent or empty; so for all of these.
    pub fn signature(&self) -> Result<&str, Reject> {
        present(self.signature.as_ref())
    }

    /// `msg_signature`, over the ciphertext too.
    ///
    /// # Errors
    /// [`Reject::MissingParameter`].
    pub fn msg_signature(&self) -> Result<&str, Reject> {
        present(self.msg_signature.as_ref())
    }

    /// `nonce`.
    ///
    /// # Errors
    /// [`Reject::MissingParameter`].
    pub fn nonce(&self) -> Result<&str, Reject> {
        present(self.nonce.as_ref())
    }

    /// `echostr`, of a URL verification.
    ///
    /// # Errors
    /// [`Reject::MissingParameter`].
    pub fn echostr(&self) -> Result<&str, Reject> {
        present(self.echostr.as_ref())
    }

    /// `timestamp`, checked against the clock.
    ///
    /// # Errors
    /// [`Reject::MissingParameter`], [`Reject::BadTimestamp`], [`Reject::Stale`], [`Reject::Future`].
    pub fn timestamp(&self, max_age: i64, now: UnixMillis) -> Result<&str, Reject> {
        let timestamp = present(self.timestamp.as_ref())?;
        clock::within(clock::seconds(timestamp)?, max_age, now)?;
        Ok(timestamp)
    }
}

/// A parameter that matters.
#[derive(Clone, Copy)]
enum Name {
    Signature,
    MsgSignature,
    Timestamp,
    Nonce,
    Echostr,
}

impl Name {
    /// The only one that begins so, and how it is written.
    const fn beginning(first: u8) -> Option<(Self, &'static str)> {
        Some(match first {
            b's' => (Self::Signature, "signature"),
            b'm' => (Self::MsgSignature, "msg_signature"),
            b't' => (Self::Timestamp, "timestamp"),
            b'n' => (Self::Nonce, "nonce"),
            b'e' => (Self::Echostr, "echostr"),
            _ => return None,
        })
    }
}

/// A pair without escapes, if its name matters; its `=` need not be looked for.
fn plain(pair: &str) -> Option<(Name, Cow<'_, str>)> {
    let (name, written) = Name::beginning(*pair.as_bytes().first()?)?;
    let rest = pair.strip_prefix(written)?;
    let value = if rest.is_empty() {
        rest
    } else {
        rest.strip_prefix('=')?
    };
    Some((name, Cow::Borrowed(value)))
}

/// The same for a pair that may have escapes.
fn decoded(pair: &str) -> Result<Option<(Name, Cow<'_, str>)>, Reject> {
    let (raw, value) = cut(pair, b'=');
    let text = decode(raw)?;
    let known = text.bytes().next().and_then(Name::beginning);
    match known.filter(|(_, written)| text == *written) {
        Some((name, _)) => Ok(Some((name, decode(value.unwrap_or_default())?))),
        None => Ok(None),
    }
}

fn present<'q>(value: Option<&'q Cow<'_, str>>) -> Result<&'q str, Reject> {
    value
        .map(|text| &**text)
        .filter(|text| !text.is_empty())
        .ok_or(Reject::MissingParameter)
}

/// What stands before the first `mark`, and what behind it, if there is one.
fn cut(text: &str, mark: u8) -> (&str, Option<&str>) {
    let halves = memchr(mark, text.as_bytes()).and_then(|at| text.split_at_checked(at));
    halves.map_or((text, None), |(head, tail)| (head, tail.get(1..)))
}

/// Percent-decodes; refuses what is not valid.
fn decode(raw: &str) -> Result<Cow<'_, str>, Reject> {
    let mut pieces = raw.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, tail) = piece.split_at_checked(2).ok_or(Reject::BadQuery)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Reject::BadQuery);
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| Reject::BadQuery)?);
        bytes.extend_from_slice(tail.as_bytes());
    }
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| Reject::BadQuery)
}

#[cfg(test)]
mod tests {
    use super::Query;
    use crate::reject::Reject;
    use crate::time::UnixMillis;

    const NOW: UnixMillis = UnixMillis::from_seconds(1_700_000_000);

    #[test]
    fn plus_stays_plus_and_escapes_are_strict() {
        let query = Query::parse("echostr=a+b%2B%2f%3D&nonce%5B%5D=1&x=%zz").unwrap();
        assert_eq!(query.echostr(), Ok("a+b+/="));
        assert_eq!(query.nonce(), Err(Reject::MissingParameter));
        for bad in [
            "nonce=%",
            "nonce=%4",
            "nonce=%4g",
            "nonce=%+4",
            "nonce=%ff",
            "%ff=1",
        ] {
            assert_eq!(Query::parse(bad).err(), Some(Reject::BadQuery), "{bad}");
        }
        assert_eq!(
            Query::parse(&"x".repeat(9000)).err(),
            Some(Reject::BadQuery)
        );
    }

    #[test]
    fn absent_empty_and_doubled_parameters_are_refused() {
        let query = Query::parse("signature=&timestamp=1700000000").unwrap();
        assert_eq!(query.signature(), Err(Reject::MissingParameter));
        assert_eq!(query.msg_signature(), Err(Reject::MissingParameter));
        assert_eq!(query.timestamp(300, NOW), Ok("1700000000"));
        for doubled in [
            "nonce=1&nonce=1",
            "signature=a&x&signature=",
            "nonce=1&%6eonce=2",
        ] {
            assert_eq!(
                Query::parse(doubled).err(),
                Some(Reject::DuplicateParameter),
                "{doubled}"
            );
        }
    }
}
