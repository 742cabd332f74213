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

/// Appends the identity of a push within its account.
///
/// `m:` a message's own id; `s:` a robot's stream refresh, a repeat that is meant; `e:` sender, time
/// and a digest of the decrypted fields, since two different events may share a second.
pub fn write_push_id(out: &mut String, message: &Message<'_>, signed: &Signed<'_>) {
    let kind = message.msg_type();
    match (kind.as_deref(), message.msg_id()) {
        (Some("stream"), Some(id)) => {
            out.extend(["s:", &id, ":", &signed.timestamp, ":", &signed.nonce]);
        }
        (Some("event") | None, _) | (_, None) => write_event_id(out, message),
        (Some(_), Some(id)) => out.extend(["m:", &id]),
    }
}

fn write_event_id(out: &mut String, message: &Message<'_>) {
    let mut canonical = Vec::with_capacity(message.raw.len() + 64);
    json::write_members(&mut canonical, message.fields.members(), |name| {
        !COUNTERS.contains(&name)
    });
    let sender = message.sender().unwrap_or_default();
    let seconds = message.time().map_or(0, crate::time::UnixMillis::seconds);
    let (seconds, digest) = (seconds.to_string(), short_digest(&canonical));
    out.extend(["e:", &sender, ":", &seconds, ":", &digest]);
}

/// 128 bits of SHA-256, in hex.
pub fn short_digest(bytes: &[u8]) -> String {
    let full = digest::sha256(&[bytes]);
    digest::hex(full.first_chunk::<16>().map_or(&[][..], |half| half))
}
