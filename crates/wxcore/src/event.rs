//! What a service receives: CloudEvents 1.0, structured JSON.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::crypto::digest::write_hex;
use crate::json::{write_escaped, write_str};
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
    /// As [`type_name`] puts it together.
    pub type_name: &'a str,
    /// The user, or Pay's order.
    pub subject: Option<&'a str>,
    /// When it happened, as the sender says.
    pub time: UnixMillis,
    /// The routing key.
    pub key: &'a str,
    /// Set where a notice names a merchant that the account does not list.
    pub mismatch: bool,
}

/// The CloudEvents `type`: `wechat.{kind}.{name}`, in lower case.
pub fn type_name(kind: &str, name: &str) -> String {
    ["wechat", kind, name].join(".")
}

impl Head<'_> {
    /// The whole event; `data` appends one JSON value.
    pub fn write(&self, size: usize, data: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::with_capacity(size + 512);
        out.extend_from_slice(b"{\"specversion\":\"1.0\"");
        attribute(&mut out, b",\"id\":", self.id);
        out.extend_from_slice(b",\"source\":\"/wxgate/");
        write_escaped(&mut out, self.account);
        out.push(b'"');
        attribute(&mut out, b",\"type\":", self.type_name);
        if let Some(subject) = self.subject {
            attribute(&mut out, b",\"subject\":", subject);
        }
        out.extend_from_slice(b",\"time\":\"");
        self.time.write_rfc3339(&mut out);
        out.push(b'"');
        attribute(&mut out, b",\"partitionkey\":", self.key);
        write_traceparent(&mut out, self.id);
        if let Some(authorizer) = self.authorizer {
            attribute(&mut out, b",\"authorizer\":", authorizer);
        }
        if self.mismatch {
            attribute(&mut out, b",\"mismatch\":", "mchid");
        }
        out.extend_from_slice(b",\"datacontenttype\":\"application/json\",\"data\":");
        data(&mut out);
        out.push(b'}');
        out
    }
}

fn attribute(out: &mut Vec<u8>, name: &[u8], value: &str) {
    out.extend_from_slice(name);
    write_str(out, value);
}

/// From the id, so that every try of one message belongs to one trace.
fn write_traceparent(out: &mut Vec<u8>, id: &str) {
    let (trace, span) = (
        xxh3_128(id.as_bytes()).max(1),
        xxh3_64(id.as_bytes()).max(1),
    );
    out.extend_from_slice(b",\"traceparent\":\"00-");
    write_hex(out, &trace.to_be_bytes());
    out.push(b'-');
    write_hex(out, &span.to_be_bytes());
    out.extend_from_slice(b"-01\"");
}
