//! What a service receives: CloudEvents 1.0, structured JSON.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::json::write_str;
use crate::time::UnixMillis;

/// The attributes of an event; `data` is written by the dialect.
#[derive(Debug)]
pub struct Head<'a> {
    /// The idempotency key, unique over all accounts.
    pub id: &'a str,
    /// The account's name.
    pub account: &'a str,
    /// For a platform: the account on whose behalf.
    pub authorizer: Option<&'a str>,
    /// `wechat.{kind}.{name}`, in lower case.
    pub kind: &'static str,
    /// The end of the type.
    pub name: &'a str,
    /// The user, or Pay's order.
    pub subject: Option<&'a str>,
    /// When it happened, as the sender says.
    pub time: UnixMillis,
    /// The routing key.
    pub key: &'a str,
    /// Set where a notice names a merchant that the account does not list.
    pub mismatch: bool,
}

impl Head<'_> {
    /// The CloudEvents `type`.
    pub fn type_name(&self) -> String {
        format!("wechat.{}.{}", self.kind, self.name)
    }

    /// The whole event; `data` appends one JSON value.
    pub fn write(&self, size: usize, data: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::with_capacity(size + 512);
        out.extend_from_slice(b"{\"specversion\":\"1.0\"");
        attribute(&mut out, "id", self.id);
        attribute(&mut out, "source", &format!("/wxgate/{}", self.account));
        attribute(&mut out, "type", &self.type_name());
        if let Some(subject) = self.subject {
            attribute(&mut out, "subject", subject);
        }
        attribute(&mut out, "time", &self.time.rfc3339());
        attribute(&mut out, "partitionkey", self.key);
        attribute(&mut out, "traceparent", &traceparent(self.id));
        if let Some(authorizer) = self.authorizer {
            attribute(&mut out, "authorizer", authorizer);
        }
        if self.mismatch {
            attribute(&mut out, "mismatch", "mchid");
        }
        attribute(&mut out, "datacontenttype", "application/json");
        out.extend_from_slice(b",\"data\":");
        data(&mut out);
        out.push(b'}');
        out
    }
}

fn attribute(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    write_str(out, value);
}

/// From the id, so that every try of one message belongs to one trace.
fn traceparent(id: &str) -> String {
    let (trace, span) = (
        xxh3_128(id.as_bytes()).max(1),
        xxh3_64(id.as_bytes()).max(1),
    );
    format!("00-{trace:032x}-{span:016x}-01")
}
