//! Stage 6: whether a message is new, in somebody's hands, or done (G2, G3, G4).
//!
//! `new → leased → done(answer)`. Exact, never probabilistic: a claim is kept under 128 bits of the
//! SHA-256 of the idempotency key. Memory is bounded by a number of claims and a number of bytes of
//! answers; what has been done for longest is dropped first, for it is the least likely to be tried
//! again. Not what would expire next: a day of payments would push out the messages of this minute.
//!
//! Done claims lie in generations that expire as a whole, so that a claim costs its key and nothing
//! else: a busy minute has hundreds of thousands of them.

pub mod shared;

use std::collections::{HashMap, HashSet};

use crate::crypto::digest;
use crate::time::UnixMillis;

/// How long a push is remembered: WeChat tries three or four times within 20 s (protocol 1.6).
pub const PUSH_LIFETIME_MS: i64 = 60_000;
/// How long a payment is remembered: Pay's ladder ends after 24 h 4 min (protocol 4.4), virtual
/// payment's after 18 h 12 min.
pub const PAY_LIFETIME_MS: i64 = 25 * 3_600_000;
/// Generations for the time that a claim lives: each expires a quarter of it late, at most.
const QUARTERS: i64 = 4;
/// One generation has at most this part of all claims, and so has what is dropped at once.
const SHARE: usize = 8;

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

/// When a claim was done that lives until then: what lives for much longer than a push is a payment.
///
/// One near its end is taken for a push. Nobody tries it again, and there are few.
fn born(until: UnixMillis, now: UnixMillis) -> UnixMillis {
    // `now` may be from somewhat before the claim was done.
    let is_push = until.0.saturating_sub(now.0) <= 10 * PUSH_LIFETIME_MS;
    let lifetime = if is_push {
        PUSH_LIFETIME_MS
    } else {
        PAY_LIFETIME_MS
    };
    UnixMillis(until.0.saturating_sub(lifetime))
}

/// Done claims that expire together.
#[derive(Debug)]
struct Generation {
    until: UnixMillis,
    /// When the last of them was done.
    youngest: UnixMillis,
    keys: HashSet<ClaimKey>,
}

/// The claims of one process.
#[derive(Debug)]
pub struct Claims {
    leased: HashSet<ClaimKey>,
    /// Done ones; a claim completed twice stands in the later generation only by its answer.
    done: Vec<Generation>,
    answers: HashMap<ClaimKey, Box<[u8]>>,
    capacity: usize,
    answer_capacity: usize,
    answer_bytes: usize,
    dropped: u64,
    now: UnixMillis,
}

impl Claims {
    /// Remembers at most `capacity` messages and `answer_capacity` bytes of their answers.
    pub fn new(capacity: usize, answer_capacity: usize, now: UnixMillis) -> Self {
        Self {
            leased: HashSet::new(),
            done: Vec::new(),
            answers: HashMap::new(),
            capacity,
            answer_capacity,
            answer_bytes: 0,
            dropped: 0,
            now,
        }
    }

    /// Asks for a message; if it is new, the asker has it from now on.
    pub fn claim(&mut self, key: ClaimKey, now: UnixMillis) -> Claim<'_> {
        self.now = self.now.max(now);
        self.expire();
        if self.leased.contains(&key) {
            return Claim::Leased;
        }
        if self.done.iter().any(|one| one.keys.contains(&key)) {
            return Claim::Done(self.answers.get(&key).map(|answer| &**answer));
        }
        self.leased.insert(key);
        Claim::New
    }

    /// The message is done until `until` at least; a later answer replaces the one before.
    pub fn complete(&mut self, key: ClaimKey, until: UnixMillis, answer: Option<&[u8]>) {
        self.leased.remove(&key);
        self.enter(key, until);
        self.forget(&key);
        if let Some(answer) = answer {
            self.keep(key, answer);
        }
        while self.len() > self.capacity
            && let Some(oldest) = self.oldest()
        {
            self.dropped += self.drop(oldest);
        }
    }

    /// Takes a message that is known to be unfinished, such as one found on disk at the start.
    pub fn lease(&mut self, key: ClaimKey) {
        for generation in &mut self.done {
            generation.keys.remove(&key);
        }
        self.forget(&key);
        self.leased.insert(key);
    }

    /// The asker gives the message up: the next try is new.
    pub fn abandon(&mut self, key: &ClaimKey) {
        self.leased.remove(key);
    }

    /// What is known of messages that are done: key, end of life, answer. Only those in one of
    /// `parts` equal parts of all keys, so that a store that has lost them can be told bit by bit.
    pub fn done(
        &self,
        part: usize,
        parts: usize,
    ) -> impl Iterator<Item = (ClaimKey, UnixMillis, Option<&[u8]>)> {
        let parts = parts.max(1);
        let wanted = move |key: &&ClaimKey| {
            let [first, second, ..] = **key;
            usize::from(u16::from_be_bytes([first, second])) % parts == part
        };
        self.done.iter().flat_map(move |one| {
            let keys = one.keys.iter().filter(wanted);
            keys.map(|key| {
                (
                    *key,
                    one.until,
                    self.answers.get(key).map(|answer| &**answer),
                )
            })
        })
    }

    /// How many messages are remembered.
    pub fn len(&self) -> usize {
        let done: usize = self.done.iter().map(|one| one.keys.len()).sum();
        self.leased.len() + done
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many claims and answers were dropped before their time, for want of room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Generations stand in the order in which they expire.
    fn enter(&mut self, key: ClaimKey, until: UnixMillis) {
        let born = born(until, self.now);
        let step = ((until.0 - self.now.0) / QUARTERS).max(1000);
        let most = self.capacity / SHARE;
        let fits = |one: &&mut Generation| {
            one.until >= until && one.until.0 - until.0 <= step && one.keys.len() < most
        };
        if let Some(generation) = self.done.iter_mut().find(fits) {
            generation.keys.insert(key);
            generation.youngest = generation.youngest.max(born);
            return;
        }
        let until = UnixMillis(until.0.saturating_add(step));
        let at = self.done.partition_point(|one| one.until < until);
        let generation = Generation {
            until,
            youngest: born,
            keys: HashSet::from([key]),
        };
        self.done.insert(at, generation);
    }

    fn expire(&mut self) {
        while self.done.first().is_some_and(|one| one.until <= self.now) {
            self.drop(0);
        }
    }

    /// The generation whose claims have all been done for longest.
    fn oldest(&self) -> Option<usize> {
        let generations = self.done.iter().enumerate();
        generations
            .min_by_key(|(_, one)| one.youngest)
            .map(|(at, _)| at)
    }

    /// Drops a generation; returns how many claims that were.
    fn drop(&mut self, at: usize) -> u64 {
        let first = self.done.remove(at);
        let lives = |key: &ClaimKey| self.done.iter().any(|one| one.keys.contains(key));
        if !self.answers.is_empty() {
            let mut gone = 0;
            self.answers.retain(|key, answer| {
                let stays = !first.keys.contains(key) || lives(key);
                gone += if stays { 0 } else { answer.len() };
                stays
            });
            self.answer_bytes -= gone;
        }
        first.keys.len() as u64
    }

    fn keep(&mut self, key: ClaimKey, answer: &[u8]) {
        if self.answer_bytes + answer.len() > self.answer_capacity {
            self.dropped += 1;
            return;
        }
        self.answer_bytes += answer.len();
        self.answers.insert(key, answer.into());
    }

    fn forget(&mut self, key: &ClaimKey) {
        if let Some(answer) = self.answers.remove(key) {
            self.answer_bytes -= answer.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, Claims, PAY_LIFETIME_MS, PUSH_LIFETIME_MS, claim_key};
    use crate::time::UnixMillis;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn after(ms: i64) -> UnixMillis {
        UnixMillis(NOW.0 + ms)
    }

    fn claims() -> Claims {
        Claims::new(1000, 1 << 20, NOW)
    }

    #[test]
    fn a_message_is_new_then_leased_then_done_then_new() {
        let (mut claims, key) = (claims(), claim_key("shop:m:1"));
        assert_eq!(claims.claim(key, NOW), Claim::New);
        assert_eq!(claims.claim(key, after(10)), Claim::Leased);
        claims.complete(key, after(60_000), Some(b"hello"));
        assert_eq!(
            claims.claim(key, after(60_000)),
            Claim::Done(Some(b"hello"))
        );
        assert_eq!(claims.claim(key, after(75_000)), Claim::New);
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
        // The first of its two generations expires: it takes nothing along.
        assert_eq!(claims.claim(key, after(5_000)), Claim::Done(Some(b"late")));
        assert_eq!(claims.done.len(), 1);
    }

    #[test]
    fn the_parts_together_are_all_that_is_done() {
        let mut claims = claims();
        for n in 0..100 {
            claims.complete(claim_key(&n.to_string()), after(60_000), None);
        }
        claims.complete(claim_key("7"), after(60_000), Some(b"seven"));
        claims.lease(claim_key("in hand"));
        let parts: Vec<Vec<_>> = (0..8).map(|part| claims.done(part, 8).collect()).collect();
        assert!(parts.iter().all(|part| part.len() < 40));
        let mut all: Vec<_> = parts.into_iter().flatten().collect();
        all.sort_unstable();
        all.dedup_by_key(|one| one.0);
        assert_eq!(all.len(), 100);
        let answered = all.iter().filter(|one| one.2 == Some(b"seven")).count();
        assert_eq!(answered, 1);
        assert!(all.iter().all(|one| one.1 >= after(60_000)));
        assert_eq!(claims.done(0, 0).count(), 100);
    }

    #[test]
    fn payments_and_pushes_side_by_side_need_few_generations() {
        let mut claims = Claims::new(1_000_000, 0, NOW);
        for n in 0..60 * 60 {
            let now = after(n * 1_000);
            claims.claim(claim_key(&format!("a{n}")), now);
            claims.complete(
                claim_key(&format!("a{n}")),
                UnixMillis(now.0 + PUSH_LIFETIME_MS),
                None,
            );
            claims.complete(
                claim_key(&format!("b{n}")),
                UnixMillis(now.0 + PAY_LIFETIME_MS),
                None,
            );
        }
        assert!(claims.done.len() <= 8, "{}", claims.done.len());
        assert!(claims.len() < 60 * 60 + 100, "{}", claims.len());
        assert!(claims.done.is_sorted_by_key(|one| one.until));
    }

    #[test]
    fn memory_is_bounded_and_what_was_done_first_goes_first() {
        let mut claims = Claims::new(10, 20, NOW);
        for n in 0..100_i64 {
            let until = after(5_000 * n);
            claims.complete(claim_key(&n.to_string()), until, Some(b"0123456789"));
        }
        assert!(claims.len() <= 10 && !claims.is_empty());
        assert!(claims.answer_bytes <= 20 && claims.dropped() >= 90);
        assert!(matches!(claims.claim(claim_key("99"), NOW), Claim::Done(_)));
        assert_eq!(claims.claim(claim_key("0"), NOW), Claim::New);
    }

    #[test]
    fn payments_make_room_for_pushes_and_pushes_for_payments() {
        let payment = |n: i64| claim_key(&format!("pay {n}"));
        let push = |n: i64| claim_key(&format!("push {n}"));
        let mut claims = Claims::new(1_000, 0, NOW);
        // A payment in ten, and so many of them within a minute that they alone would fill it.
        for n in 0..20_000 {
            let now = after(n);
            claims.claim(push(n), now);
            claims.complete(push(n), after(n + PUSH_LIFETIME_MS), None);
            if n % 10 == 0 {
                claims.complete(payment(n), after(n + PAY_LIFETIME_MS), None);
            }
        }
        let now = after(20_000);
        for n in 19_400..20_000 {
            assert_eq!(claims.claim(push(n), now), Claim::Done(None), "push {n}");
            if n % 10 == 0 {
                assert_eq!(claims.claim(payment(n), now), Claim::Done(None), "{n}");
            }
        }
        assert!(claims.len() <= 1_000);
        assert_eq!(claims.claim(payment(0), now), Claim::New);
    }

    #[test]
    fn what_a_start_restores_goes_by_its_age_too() {
        let mut claims = Claims::new(16, 0, NOW);
        let hour = 3_600_000;
        for n in 0..16 {
            let until = after(PAY_LIFETIME_MS - n * hour);
            claims.complete(claim_key(&format!("{n} h ago")), until, None);
        }
        claims.complete(claim_key("now"), after(PUSH_LIFETIME_MS), None);
        let is_known = |claims: &mut Claims, name: &str| {
            matches!(claims.claim(claim_key(name), NOW), Claim::Done(_))
        };
        assert!(!is_known(&mut claims, "15 h ago"));
        assert!(is_known(&mut claims, "0 h ago") && is_known(&mut claims, "now"));
    }

    #[test]
    fn expired_claims_leave_by_themselves_with_their_answers() {
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
