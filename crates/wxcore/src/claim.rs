//! The identity of a message: equal for every try of it, different for every other message.
//!
//! Exact, never probabilistic. Never the ciphertext, the nonce or the signature: they change from
//! try to try.

use crate::crypto::digest;
use crate::json;
use crate::parse::Message;
use crate::verify::Signed;

/// Fields that count the tries, so that two tries of one event differ in them (protocol: xpay).
const COUNTERS: [&str; 1] = ["RetryTimes"];

/// The identity of a push within its account.
///
/// `m:` a message's own id; `s:` a robot's stream refresh, a repeat that is meant; `e:` sender, time
/// and a digest of the decrypted fields, since two different events may share a second.
pub fn push_id(message: &Message<'_>, signed: &Signed<'_>) -> String {
    let kind = message.msg_type();
    match (kind.as_deref(), message.msg_id()) {
        (Some("stream"), Some(id)) => format!("s:{id}:{}:{}", signed.timestamp, signed.nonce),
        (Some("event") | None, _) | (_, None) => event_id(message),
        (Some(_), Some(id)) => format!("m:{id}"),
    }
}

fn event_id(message: &Message<'_>) -> String {
    let mut canonical = Vec::with_capacity(message.raw.len());
    json::write_members(&mut canonical, message.fields.members(), |name| {
        !COUNTERS.contains(&name)
    });
    let sender = message.sender().unwrap_or_default();
    let seconds = message.time().map_or(0, crate::time::UnixMillis::seconds);
    format!("e:{sender}:{seconds}:{}", short_digest(&canonical))
}

/// 128 bits of SHA-256, in hex.
pub fn short_digest(bytes: &[u8]) -> String {
    let full = digest::sha256(&[bytes]);
    digest::hex(full.first_chunk::<16>().map_or(&[][..], |half| half))
}
