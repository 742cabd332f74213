//! Stage 6: whether a message is new, in somebody's hands, or done (G2, G3, G4).
//!
//! `new → leased → done(answer)`. Exact, never probabilistic: a claim is kept under 128 bits of the
//! SHA-256 of the idempotency key. Memory is bounded by a number of claims and a number of bytes of
//! answers; what is dropped first is what would have expired first.

use std::collections::{BTreeMap, HashMap};

use crate::crypto::digest;
use crate::time::UnixMillis;

/// How long a push is remembered: WeChat tries three or four times within 20 s (protocol 1.6).
pub const PUSH_LIFETIME_MS: i64 = 60_000;
/// How long a payment is remembered: Pay's ladder ends after 24 h 4 min (protocol 4.4), virtual
/// payment's after 18 h 12 min.
pub const PAY_LIFETIME_MS: i64 = 25 * 3_600_000;
/// Expired claims removed with each new one: enough to keep up, too few to be felt.
const SWEEP: usize = 8;

/// What a claim is kept under.
pub type ClaimKey = [u8; 16];

/// The key of an idempotency key.
pub fn claim_key(id: &str) -> ClaimKey {
    let full = digest::sha256(&[id.as_bytes()]);
    full.first_chunk::<16>().copied().unwrap_or_default()
}

/// What is known of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// Nothing: it is the asker's now, who completes or abandons it.
    New,
    /// Somebody has it.
    Leased,
    /// It is done; with the answer, where the sender got more than an acknowledgement.
    Done(Option<&'a [u8]>),
}

#[derive(Debug)]
enum Slot {
    Leased,
    Done {
        until: UnixMillis,
        answer: Option<Box<[u8]>>,
    },
}

/// The claims of one process.
#[derive(Debug)]
pub struct Claims {
    slots: HashMap<ClaimKey, Slot>,
    /// Done claims by the second in which they expire.
    expiry: BTreeMap<i64, Vec<ClaimKey>>,
    capacity: usize,
    answer_capacity: usize,
    answer_bytes: usize,
    dropped: u64,
}

impl Claims {
    /// Remembers at most `capacity` messages and `answer_capacity` bytes of their answers.
    pub fn new(capacity: usize, answer_capacity: usize) -> Self {
        Self {
            slots: HashMap::new(),
            expiry: BTreeMap::new(),
            capacity,
            answer_capacity,
            answer_bytes: 0,
            dropped: 0,
        }
    }

    /// Asks for a message; if it is new, the asker has it from now on.
    pub fn claim(&mut self, key: ClaimKey, now: UnixMillis) -> Claim<'_> {
        self.sweep(now);
        if !self.is_known(&key, now) {
            self.slots.insert(key, Slot::Leased);
            return Claim::New;
        }
        match self.slots.get(&key) {
            Some(Slot::Done { answer, .. }) => Claim::Done(answer.as_deref()),
            Some(Slot::Leased) | None => Claim::Leased,
        }
    }

    /// The message is done until `until`; a later answer replaces the one before.
    pub fn complete(&mut self, key: ClaimKey, until: UnixMillis, answer: Option<&[u8]>) {
        let answer = answer.filter(|bytes| {
            let fits = self.answer_bytes + bytes.len() <= self.answer_capacity;
            self.dropped += u64::from(!fits);
            fits
        });
        self.answer_bytes += answer.map_or(0, <[u8]>::len);
        let slot = Slot::Done {
            until,
            answer: answer.map(Box::from),
        };
        let before = self.slots.insert(key, slot);
        self.forget(before.as_ref());
        self.expiry.entry(until.seconds()).or_default().push(key);
        while self.slots.len() > self.capacity && self.drop_next() {
            self.dropped += 1;
        }
    }

    /// Takes a message that is known to be unfinished, such as one found on disk at the start.
    pub fn lease(&mut self, key: ClaimKey) {
        let before = self.slots.insert(key, Slot::Leased);
        self.forget(before.as_ref());
    }

    /// The asker gives the message up: the next try is new.
    pub fn abandon(&mut self, key: &ClaimKey) {
        if matches!(self.slots.get(key), Some(Slot::Leased)) {
            self.slots.remove(key);
        }
    }

    /// How many messages are remembered.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many claims and answers were dropped before their time, for want of room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn is_known(&self, key: &ClaimKey, now: UnixMillis) -> bool {
        match self.slots.get(key) {
            None => false,
            Some(Slot::Leased) => true,
            Some(Slot::Done { until, .. }) => *until > now,
        }
    }

    fn sweep(&mut self, now: UnixMillis) {
        for _ in 0..SWEEP {
            match self.expiry.first_key_value() {
                Some((second, _)) if *second < now.seconds() => self.drop_next(),
                _ => return,
            };
        }
    }

    /// Drops the done claim that expires next; false if there is none.
    fn drop_next(&mut self) -> bool {
        let Some(mut bucket) = self.expiry.first_entry() else {
            return false;
        };
        let second = *bucket.key();
        let key = bucket.get_mut().pop();
        if bucket.get().is_empty() {
            bucket.remove();
        }
        // A claim completed twice stands in two buckets: only the later one counts.
        if let Some(key) = key
            && matches!(self.slots.get(&key), Some(Slot::Done { until, .. }) if until.seconds() == second)
        {
            let slot = self.slots.remove(&key);
            self.forget(slot.as_ref());
        }
        true
    }

    fn forget(&mut self, slot: Option<&Slot>) {
        if let Some(Slot::Done {
            answer: Some(answer),
            ..
        }) = slot
        {
            self.answer_bytes -= answer.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, Claims, claim_key};
    use crate::time::UnixMillis;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn after(ms: i64) -> UnixMillis {
        UnixMillis(NOW.0 + ms)
    }

    fn claims() -> Claims {
        Claims::new(1000, 1 << 20)
    }

    #[test]
    fn a_message_is_new_then_leased_then_done_then_new() {
        let (mut claims, key) = (claims(), claim_key("shop:m:1"));
        assert_eq!(claims.claim(key, NOW), Claim::New);
        assert_eq!(claims.claim(key, after(10)), Claim::Leased);
        claims.complete(key, after(60_000), Some(b"hello"));
        assert_eq!(
            claims.claim(key, after(59_999)),
            Claim::Done(Some(b"hello"))
        );
        assert_eq!(claims.claim(key, after(60_000)), Claim::New);
    }

    #[test]
    fn what_is_abandoned_is_new_and_what_is_done_cannot_be_abandoned() {
        let (mut claims, key) = (claims(), claim_key("shop:m:1"));
        claims.claim(key, NOW);
        claims.abandon(&key);
        assert_eq!(claims.claim(key, NOW), Claim::New);
        claims.complete(key, after(60_000), None);
        claims.abandon(&key);
        assert_eq!(claims.claim(key, NOW), Claim::Done(None));
    }

    #[test]
    fn what_is_found_unfinished_is_leased_until_it_is_done() {
        let (mut claims, key) = (claims(), claim_key("shop:m:1"));
        claims.complete(key, after(60_000), Some(b"as far as is known"));
        claims.lease(key);
        assert_eq!(claims.answer_bytes, 0);
        assert_eq!(claims.claim(key, NOW), Claim::Leased);
        claims.complete(key, after(60_000), Some(b"at last"));
        assert_eq!(claims.claim(key, NOW), Claim::Done(Some(b"at last")));
    }

    #[test]
    fn a_late_answer_replaces_none_and_keeps_the_longer_life() {
        let (mut claims, key) = (claims(), claim_key("shop:m:1"));
        claims.complete(key, after(1_000), None);
        claims.complete(key, after(60_000), Some(b"late"));
        // The first of the two buckets expires: it takes nothing along.
        claims.claim(claim_key("other"), after(5_000));
        assert_eq!(claims.claim(key, after(5_000)), Claim::Done(Some(b"late")));
    }

    #[test]
    fn memory_is_bounded_and_what_expires_first_goes_first() {
        let mut claims = Claims::new(10, 20);
        for n in 0..100_i64 {
            claims.complete(
                claim_key(&n.to_string()),
                after(1_000 * n),
                Some(b"0123456789"),
            );
        }
        assert_eq!(claims.len(), 10);
        assert!(claims.answer_bytes <= 20 && claims.dropped() >= 90);
        assert!(matches!(claims.claim(claim_key("99"), NOW), Claim::Done(_)));
        assert_eq!(claims.claim(claim_key("0"), NOW), Claim::New);
    }

    #[test]
    fn expired_claims_leave_by_themselves() {
        let mut claims = claims();
        for n in 0..500 {
            claims.complete(claim_key(&format!("a{n}")), after(1_000), Some(b"answer"));
        }
        for n in 0..500 {
            claims.claim(claim_key(&format!("b{n}")), after(60_000));
        }
        assert_eq!((claims.len(), claims.answer_bytes), (500, 0));
    }
}
