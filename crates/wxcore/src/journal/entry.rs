//! Entries: a message as the journal keeps it, the payload of a frame of kind `Message`.
//!
//! | field | form |
//! |---|---|
//! | flags | `u8`: bit 0 = somebody waits for the reply, bit 1 = there is a subject |
//! | accepted | `i64`, milliseconds since 1970 |
//! | lifetime | `i64`, milliseconds for which its claim lives after acceptance |
//! | destinations | count `u16`, then that many `u16` |
//! | id, account, `type_name`, key | each a length (LEB128) and UTF-8 |
//! | subject | the same, if flag bit 1 is set |
//! | event | the rest |

use super::varint;
use crate::time::UnixMillis;

const WAIT: u8 = 1;
const SUBJECT: u8 = 2;

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The idempotency key.
    pub id: &'a str,
    /// The account's name.
    pub account: &'a str,
    /// The CloudEvents type.
    pub type_name: &'a str,
    /// The routing key.
    pub key: &'a str,
    /// The user, or Pay's order.
    pub subject: Option<&'a str>,
    /// When it was accepted.
    pub accepted: UnixMillis,
    /// For how many milliseconds after that a retry is known as one.
    pub lifetime: i64,
    /// Where it goes.
    pub destinations: Destinations<'a>,
    /// Whether the sender waits for a reply.
    pub wait: bool,
    /// The CloudEvent, as JSON.
    pub event: &'a [u8],
}

/// Indexes of destinations, as given or as they lie in an entry.
#[derive(Clone, Copy, Debug)]
pub enum Destinations<'a> {
    /// As a caller has them.
    Indexes(&'a [u16]),
    /// Little endian, as an entry has them.
    Encoded(&'a [u8]),
}

impl<'a> Destinations<'a> {
    /// The indexes, in their order.
    pub fn iter(self) -> impl Iterator<Item = u16> + 'a {
        let (indexes, encoded) = match self {
            Self::Indexes(indexes) => (indexes, &[][..]),
            Self::Encoded(bytes) => (&[][..], bytes),
        };
        let decoded = encoded.chunks_exact(2).map(|pair| match pair {
            [low, high] => u16::from_le_bytes([*low, *high]),
            _ => 0,
        });
        indexes.iter().copied().chain(decoded)
    }

    fn len(self) -> usize {
        match self {
            Self::Indexes(indexes) => indexes.len(),
            Self::Encoded(bytes) => bytes.len() / 2,
        }
    }
}

impl PartialEq for Destinations<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Destinations<'_> {}

impl<'a> Entry<'a> {
    /// An upper bound of the bytes that [`encode`](Self::encode) appends.
    pub fn size(&self) -> usize {
        let texts = [self.id, self.account, self.type_name, self.key];
        let texts: usize = texts.iter().map(|text| text.len() + 5).sum();
        let subject = self.subject.map_or(0, |text| text.len() + 5);
        19 + 2 * self.destinations.len() + texts + subject + self.event.len()
    }

    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let wait = if self.wait { WAIT } else { 0 };
        let subject = if self.subject.is_some() { SUBJECT } else { 0 };
        out.push(wait | subject);
        out.extend_from_slice(&self.accepted.0.to_le_bytes());
        out.extend_from_slice(&self.lifetime.to_le_bytes());
        let count = u16::try_from(self.destinations.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&count.to_le_bytes());
        for index in self.destinations.iter().take(usize::from(count)) {
            out.extend_from_slice(&index.to_le_bytes());
        }
        for text in [self.id, self.account, self.type_name, self.key] {
            put_text(out, text);
        }
        if let Some(subject) = self.subject {
            put_text(out, subject);
        }
        out.extend_from_slice(self.event);
    }

    /// Reads a whole payload; `None` if it is not an entry.
    pub fn decode(mut bytes: &'a [u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let ([flags], head) = (varint::take_array(bytes)?, Head::take(bytes)?);
        if flags & !(WAIT | SUBJECT) != 0 {
            return None;
        }
        Some(Self {
            wait: flags & WAIT != 0,
            accepted: head.accepted,
            lifetime: head.lifetime,
            destinations: head.destinations,
            id: take_text(bytes)?,
            account: take_text(bytes)?,
            type_name: take_text(bytes)?,
            key: take_text(bytes)?,
            subject: match flags & SUBJECT {
                0 => None,
                _ => Some(take_text(bytes)?),
            },
            event: bytes,
        })
    }
}

/// The part of an entry that the journal itself needs: cheap to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) accepted: UnixMillis,
    pub(crate) lifetime: i64,
    pub(crate) destinations: Destinations<'a>,
}

impl<'a> Head<'a> {
    /// Reads it off the payload of a message.
    pub(crate) fn peek(payload: &'a [u8]) -> Option<Self> {
        Self::take(&mut payload.get(1..)?)
    }

    fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let accepted = UnixMillis(i64::from_le_bytes(varint::take_array(bytes)?));
        let lifetime = i64::from_le_bytes(varint::take_array(bytes)?);
        let count = u16::from_le_bytes(varint::take_array(bytes)?);
        let encoded = varint::take_bytes(bytes, 2 * u64::from(count))?;
        Some(Self {
            accepted,
            lifetime,
            destinations: Destinations::Encoded(encoded),
        })
    }

    /// Until when a retry of the message is known as one.
    pub(crate) fn expires(&self) -> UnixMillis {
        UnixMillis(self.accepted.0.saturating_add(self.lifetime))
    }
}

/// What a claim is kept under: the head of the id's SHA-256.
pub fn digest(id: &str) -> [u8; 16] {
    let mut out = [0; 16];
    let whole = crate::crypto::digest::sha256(&[id.as_bytes()]);
    for (to, from) in out.iter_mut().zip(whole) {
        *to = from;
    }
    out
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    varint::put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let len = varint::take(bytes)?;
    std::str::from_utf8(varint::take_bytes(bytes, len)?).ok()
}

#[cfg(test)]
mod tests {
    use super::{Destinations, Entry, Head, digest};
    use crate::time::UnixMillis;
    use proptest::prelude::*;

    #[test]
    fn a_digest_is_the_head_of_a_sha256() {
        let whole = crate::crypto::digest::sha256(&[b"shop:m:1"]);
        assert_eq!(digest("shop:m:1")[..], whole[..16]);
    }

    #[test]
    fn unknown_flags_are_refused() {
        let mut payload = vec![0; 23];
        assert!(Entry::decode(&payload).is_some());
        payload[0] = 4;
        assert_eq!(Entry::decode(&payload), None);
    }

    proptest! {
        #[test]
        fn decode_undoes_encode(
            texts in proptest::array::uniform4(".{0,40}"),
            subject in proptest::option::of(".{0,200}"),
            numbers in any::<(i64, i64)>(),
            destinations in proptest::collection::vec(any::<u16>(), 0..9),
            wait in any::<bool>(),
            event in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let entry = Entry {
                id: &texts[0], account: &texts[1], type_name: &texts[2], key: &texts[3],
                subject: subject.as_deref(), accepted: UnixMillis(numbers.0), lifetime: numbers.1,
                destinations: Destinations::Indexes(&destinations), wait, event: &event,
            };
            let mut payload = Vec::new();
            entry.encode(&mut payload);
            prop_assert!(payload.len() <= entry.size());
            prop_assert_eq!(Entry::decode(&payload), Some(entry));
            let head = Head::peek(&payload).unwrap();
            prop_assert_eq!(head.destinations, entry.destinations);
            prop_assert_eq!(head.accepted, entry.accepted);
        }

        #[test]
        fn no_bytes_make_decode_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(entry) = Entry::decode(&bytes) {
                let mut again = Vec::new();
                entry.encode(&mut again);
                prop_assert_eq!(Entry::decode(&again), Some(entry));
            }
        }
    }
}
