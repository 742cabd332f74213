//! What one process remembers of its limits: exact, bounded, and nothing that does not matter any more.

use std::collections::HashMap;

use super::gcra::{Decision, Gcra};
use super::rules::Limit;

/// A full table is searched for what has expired no more often than this, in microseconds.
const SWEEP_EVERY: i64 = 100_000;
/// How long who meets a full `concurrency` is told to stay away, in microseconds.
const BUSY_FOR: i64 = 1_000_000;
/// Keys for which no search is worth its while.
const FEW: usize = 1024;

/// Why a message may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The first rule in the order of the file that denies it.
    pub rule: usize,
    /// After how many microseconds all of them would let it pass, as far as is known.
    pub retry_after: i64,
}

/// The limits of one process.
///
/// A key is kept until its TAT is past: from then on it is like one that was never seen. When
/// `capacity` keys are alive, further ones share one place for each rule: they pass no faster than
/// one key would, and are counted as `crowded`.
#[derive(Debug)]
pub struct Limiter {
    tats: HashMap<Box<[u8]>, i64>,
    open: HashMap<Box<[u8]>, u32>,
    capacity: usize,
    parts: u32,
    sweep_at: usize,
    swept: i64,
    crowded: u64,
}

impl Limiter {
    /// Remembers at most `capacity` keys. `parts` is how many limiters share each limit.
    pub fn new(capacity: usize, parts: u32) -> Self {
        Self {
            tats: HashMap::new(),
            open: HashMap::new(),
            capacity: capacity.max(1),
            parts: parts.max(1),
            sweep_at: FEW.min(capacity.max(1)),
            swept: i64::MIN,
            crowded: 0,
        }
    }

    /// Lets a message pass all of its limits, or none: then nothing is used up.
    ///
    /// # Errors
    /// [`Denied`], with the first rule that denies it.
    pub fn admit(&mut self, limits: &[Limit], now: i64) -> Result<(), Denied> {
        if let [only] = limits
            && let (Some(gcra), None) = (only.rate, only.concurrency)
        {
            // The usual case, in one look at the table.
            let rule = only.rule;
            return self
                .acquire(&only.key, gcra, now, 1)
                .map_err(|retry_after| Denied { rule, retry_after });
        }
        self.make_room(now);
        let mut denied: Option<Denied> = None;
        for limit in limits {
            if let Some(wait) = self.wait_for(limit, now) {
                let first = denied.get_or_insert(Denied {
                    rule: limit.rule,
                    retry_after: 0,
                });
                first.retry_after = first.retry_after.max(wait);
            }
        }
        if let Some(denied) = denied {
            return Err(denied);
        }
        for limit in limits {
            if let Some(gcra) = limit.rate {
                self.take(&limit.key, gcra, now, 1);
            }
            self.occupy(limit);
        }
        Ok(())
    }

    /// Has a message take its places under limits of concurrency, all or none. Whether its rates let
    /// it pass is decided elsewhere.
    ///
    /// # Errors
    /// [`Denied`], with the first rule that has no place.
    pub fn hold(&mut self, limits: &[Limit]) -> Result<(), Denied> {
        if let Some(full) = limits.iter().find(|one| self.is_full(one)) {
            return Err(Denied {
                rule: full.rule,
                retry_after: BUSY_FOR,
            });
        }
        for limit in limits {
            self.occupy(limit);
        }
        Ok(())
    }

    /// Notes that rates let a message pass elsewhere, for when this limiter has to decide alone.
    pub fn note(&mut self, limits: &[Limit], now: i64) {
        self.make_room(now);
        for limit in limits {
            if let Some(gcra) = limit.rate {
                let noted = gcra.divided(self.parts).note(self.tat(&limit.key), now);
                self.put(&limit.key, noted);
            }
        }
    }

    /// Frees the places that a message has under limits of concurrency.
    pub fn leave(&mut self, limits: &[Limit]) {
        for limit in limits.iter().filter(|one| one.concurrency.is_some()) {
            if let Some(count) = self.open.get_mut(&*limit.key) {
                *count -= 1;
                if *count == 0 {
                    self.open.remove(&*limit.key);
                }
            }
        }
    }

    /// Lets `cost` messages of one key pass, all or none; the wait in microseconds, else.
    ///
    /// # Errors
    /// After how many microseconds they would pass.
    pub fn acquire(&mut self, key: &[u8], gcra: Gcra, now: i64, cost: u32) -> Result<(), i64> {
        self.make_room(now);
        let gcra = gcra.divided(self.parts);
        if let Some(tat) = self.tats.get_mut(key) {
            return match gcra.decide(Some(*tat), now, cost) {
                Decision::Denied(wait) => Err(wait),
                Decision::Admitted(next) => {
                    *tat = next;
                    Ok(())
                }
            };
        }
        match gcra.decide(self.tat(key), now, cost) {
            Decision::Denied(wait) => Err(wait),
            Decision::Admitted(next) => {
                self.put(key, next);
                Ok(())
            }
        }
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.tats.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.tats.is_empty()
    }

    /// How many decisions had to be made for several keys together, for want of room.
    pub fn crowded(&self) -> u64 {
        self.crowded
    }

    fn wait_for(&self, limit: &Limit, now: i64) -> Option<i64> {
        let full = self.is_full(limit);
        let rate = limit.rate.map(|gcra| self.look(&limit.key, gcra, now, 1));
        match rate {
            Some(Decision::Denied(wait)) => Some(if full { wait.max(BUSY_FOR) } else { wait }),
            _ => full.then_some(BUSY_FOR),
        }
    }

    fn is_full(&self, limit: &Limit) -> bool {
        // Each process's own: there is nothing to divide.
        limit
            .concurrency
            .is_some_and(|most| self.open.get(&*limit.key).is_some_and(|open| *open >= most))
    }

    fn occupy(&mut self, limit: &Limit) {
        if limit.concurrency.is_some() {
            *self.open.entry(limit.key.as_slice().into()).or_default() += 1;
        }
    }

    fn look(&self, key: &[u8], gcra: Gcra, now: i64, cost: u32) -> Decision {
        gcra.divided(self.parts).decide(self.tat(key), now, cost)
    }

    fn tat(&self, key: &[u8]) -> Option<i64> {
        let known = self.tats.get(key).copied();
        let crowd =
            || (self.tats.len() >= self.capacity).then(|| self.tats.get(crowd_of(key)).copied());
        known.or_else(|| crowd().flatten())
    }

    fn take(&mut self, key: &[u8], gcra: Gcra, now: i64, cost: u32) {
        if let Decision::Admitted(tat) = self.look(key, gcra, now, cost) {
            self.put(key, tat);
        }
    }

    fn put(&mut self, key: &[u8], tat: i64) {
        if let Some(known) = self.tats.get_mut(key) {
            *known = tat;
            return;
        }
        if self.tats.len() < self.capacity {
            self.tats.insert(key.into(), tat);
        } else {
            self.crowded += 1;
            self.tats.insert(crowd_of(key).into(), tat);
        }
    }

    /// Drops what has expired. Searched only once the table has doubled since the last time, or, if it
    /// is full, some time has passed: so a key costs the same however many there are.
    fn make_room(&mut self, now: i64) {
        let too_soon = now >= self.swept && now.saturating_sub(self.swept) < SWEEP_EVERY;
        let full = self.tats.len() >= self.capacity;
        if self.tats.len() < self.sweep_at || (full && too_soon) {
            return;
        }
        self.swept = now;
        self.tats.retain(|_, tat| *tat > now);
        self.sweep_at = (self.tats.len() * 2).max(FEW).min(self.capacity);
    }
}

/// The place that keys of one rule share when there is no room: the rule's name alone.
fn crowd_of(key: &[u8]) -> &[u8] {
    let end = key.iter().position(|byte| *byte == 0).unwrap_or(0);
    key.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Denied, Limiter};
    use crate::limit::gcra::Gcra;
    use crate::limit::rules::Limit;

    fn limit(rule: usize, key: &str, rate: Option<(i64, u32)>, concurrency: Option<u32>) -> Limit {
        Limit {
            key: format!("rule{rule}\0{key}").into_bytes(),
            rate: rate.and_then(|(interval, burst)| Gcra::new(interval, burst)),
            concurrency,
            rule,
        }
    }

    #[test]
    fn keys_are_limited_each_by_itself() {
        let mut limiter = Limiter::new(100, 1);
        let (one, other) = (
            limit(0, "a", Some((1_000, 1)), None),
            limit(0, "b", Some((1_000, 1)), None),
        );
        assert_eq!(limiter.admit(std::slice::from_ref(&one), 0), Ok(()));
        assert!(limiter.admit(&[one], 999).is_err());
        assert_eq!(limiter.admit(&[other], 999), Ok(()));
    }

    #[test]
    fn what_one_rule_denies_uses_up_nothing_of_the_others() {
        let mut limiter = Limiter::new(100, 1);
        let wide = limit(0, "all", Some((1, 2)), None);
        let narrow = limit(1, "user", Some((1_000, 1)), None);
        let both = [wide.clone(), narrow];
        assert_eq!(limiter.admit(&both, 0), Ok(()));
        for _ in 0..10 {
            let denied = Denied {
                rule: 1,
                retry_after: 1_000,
            };
            assert_eq!(limiter.admit(&both, 0), Err(denied));
        }
        assert_eq!(limiter.admit(&[wide], 0), Ok(()));
    }

    #[test]
    fn the_first_rule_that_denies_is_named_and_the_longest_wait_told() {
        let mut limiter = Limiter::new(100, 1);
        let both = [
            limit(3, "x", Some((10, 1)), None),
            limit(5, "x", Some((500, 1)), None),
        ];
        assert_eq!(limiter.admit(&both, 0), Ok(()));
        assert_eq!(
            limiter.admit(&both, 0),
            Err(Denied {
                rule: 3,
                retry_after: 500
            })
        );
    }

    #[test]
    fn so_many_are_open_at_once_and_no_more() {
        let mut limiter = Limiter::new(100, 1);
        let limits = [limit(0, "x", None, Some(2))];
        assert!(limiter.admit(&limits, 0).is_ok() && limiter.admit(&limits, 0).is_ok());
        assert_eq!(
            limiter.admit(&limits, 0),
            Err(Denied {
                rule: 0,
                retry_after: 1_000_000
            })
        );
        limiter.leave(&limits);
        assert_eq!(limiter.admit(&limits, 0), Ok(()));
        limiter.leave(&limits);
        limiter.leave(&limits);
        limiter.leave(&limits);
        assert!(limiter.open.is_empty());
    }

    #[test]
    fn what_passed_elsewhere_is_known_when_this_one_is_alone() {
        let mut limiter = Limiter::new(100, 1);
        let limits = [limit(0, "x", Some((1_000, 3)), None)];
        limiter.note(&limits, 0);
        limiter.note(&limits, 0);
        assert_eq!(limiter.admit(&limits, 0), Ok(()));
        assert!(limiter.admit(&limits, 0).is_err());
        limiter.note(&limits, 0);
        limiter.note(&limits, 0);
        assert_eq!(limiter.len(), 1);
    }

    #[test]
    fn places_are_held_all_or_none_and_no_rate_is_asked() {
        let mut limiter = Limiter::new(100, 1);
        let (wide, narrow) = (
            limit(0, "x", Some((1_000, 1)), Some(3)),
            limit(1, "x", None, Some(1)),
        );
        let both = [wide.clone(), narrow.clone()];
        assert_eq!(limiter.hold(&both), Ok(()));
        let full = Denied {
            rule: 1,
            retry_after: 1_000_000,
        };
        for _ in 0..5 {
            assert_eq!(limiter.hold(&both), Err(full));
        }
        assert!(limiter.is_empty());
        let wide = [wide];
        assert!(limiter.hold(&wide).is_ok() && limiter.hold(&wide).is_ok());
        assert!(limiter.hold(&wide).is_err());
        limiter.leave(&wide);
        limiter.leave(&wide);
        limiter.leave(&both);
        assert!(limiter.open.is_empty());
        assert_eq!(limiter.admit(&both, 0), Ok(()));
    }

    #[test]
    fn parts_of_a_limit_admit_together_what_the_whole_would() {
        let mut nodes = [Limiter::new(100, 2), Limiter::new(100, 2)];
        let limits = [limit(0, "x", Some((1_000, 4)), Some(8))];
        let mut passed = 0;
        for now in (0..100_000).step_by(100) {
            for node in &mut nodes {
                passed += usize::from(node.admit(&limits, now).is_ok());
                node.leave(&limits);
            }
        }
        assert!((100..=104).contains(&passed), "{passed}");
    }

    #[test]
    fn what_has_expired_makes_room_and_memory_is_bounded() {
        let mut limiter = Limiter::new(2_000, 1);
        for n in 0..100_000_i64 {
            let limits = [limit(0, &n.to_string(), Some((10, 1)), None)];
            assert_eq!(limiter.admit(&limits, n), Ok(()));
        }
        assert!(limiter.len() <= 2_000, "{}", limiter.len());
        assert_eq!(limiter.crowded(), 0);
    }

    #[test]
    fn keys_without_room_share_a_place_and_never_pass_freely() {
        let mut limiter = Limiter::new(10, 1);
        let mut passed = 0;
        for n in 0..1_000 {
            passed += usize::from(
                limiter
                    .admit(&[limit(0, &n.to_string(), Some((1_000_000, 2)), None)], n)
                    .is_ok(),
            );
        }
        assert_eq!((passed, limiter.len(), limiter.crowded()), (12, 11, 2));
        // Once the first have expired, there is room again.
        let later = 10_000_000;
        assert_eq!(
            limiter.admit(&[limit(0, "new", Some((1_000_000, 2)), None)], later),
            Ok(())
        );
        assert_eq!(limiter.len(), 1);
    }
}
