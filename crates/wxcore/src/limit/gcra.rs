//! The generic cell rate algorithm on whole microseconds, written down once for all stores.
//!
//! A key is kept as one number, its *theoretical arrival time* (TAT): when its next message would be
//! due if messages came exactly at the rate. A key without a TAT has one that is past. With the
//! interval `T` between two messages and the tolerance `τ = T × (burst − 1)`, at the time `now`:
//!
//! ```text
//! start = min(max(TAT, now), now + τ + T)
//! start − now > τ   denied, and may come again after start − now − τ
//! otherwise         admitted, and TAT = start + T
//! ```
//!
//! So within any span `d` of the clock at most `burst + d / T` messages pass. The `min` never acts
//! while the clock is steady, for no TAT is set later than `now + τ + T`. After the clock was set
//! back, or a rule made stricter, it has a key told one interval instead of the whole step; the TAT
//! stays, so that it is told so until the clock has caught up. Hence each store has a clock that is
//! never set back; and what was used up of a rule stays used up when it is made stricter.
//!
//! The numbers stay below 2⁵³, so that the Redis script, which counts in doubles, decides alike.

/// No interval is longer: thirty days.
pub const MAX_INTERVAL: i64 = 30 * 86_400 * 1_000_000;
/// No tolerance is longer: a year.
pub const MAX_TOLERANCE: i64 = 366 * 86_400 * 1_000_000;

/// A rate and its burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gcra {
    interval: i64,
    tolerance: i64,
}

/// What becomes of a message, and of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It passes; this is the key's TAT from now on.
    Admitted(i64),
    /// It does not; after so many microseconds it would. The key's TAT stays.
    Denied(i64),
}

impl Gcra {
    /// `burst` messages at once, then one for each `interval` (µs). `None` if either is out of range.
    pub fn new(interval: i64, burst: u32) -> Option<Self> {
        let more = i64::from(burst).checked_sub(1)?;
        Self::from_parts(interval, interval.checked_mul(more)?)
    }

    /// From an interval and a tolerance (µs). `None` if either is out of range.
    pub fn from_parts(interval: i64, tolerance: i64) -> Option<Self> {
        let fits =
            (1..=MAX_INTERVAL).contains(&interval) && (0..=MAX_TOLERANCE).contains(&tolerance);
        fits.then_some(Self {
            interval,
            tolerance,
        })
    }

    /// Microseconds from one message to the next.
    pub const fn interval(self) -> i64 {
        self.interval
    }

    /// How far ahead of the rate a key may be, in microseconds.
    pub const fn tolerance(self) -> i64 {
        self.tolerance
    }

    /// Decides on `cost` messages of a key, all or none. More than the burst never pass.
    pub fn decide(self, tat: Option<i64>, now: i64, cost: u32) -> Decision {
        let latest = now
            .saturating_add(self.tolerance)
            .saturating_add(self.interval);
        let start = tat.unwrap_or(now).clamp(now, latest);
        let cost = i64::from(cost.max(1));
        let last = start.saturating_add(self.interval.saturating_mul(cost - 1));
        let ahead = last.saturating_sub(now);
        if ahead > self.tolerance {
            Decision::Denied(ahead - self.tolerance)
        } else {
            Decision::Admitted(last.saturating_add(self.interval))
        }
    }

    /// The key's TAT after a message that somebody else let pass: never later than a burst ahead.
    pub fn note(self, tat: Option<i64>, now: i64) -> i64 {
        let latest = now
            .saturating_add(self.tolerance)
            .saturating_add(self.interval);
        let start = tat.unwrap_or(now).clamp(now, latest);
        start.saturating_add(self.interval).min(latest)
    }

    /// The same at `parts` of one share: as many of them together admit what one would. A burst
    /// smaller than their number becomes 1 for each.
    #[must_use]
    pub fn divided(self, parts: u32) -> Self {
        if parts <= 1 {
            return self;
        }
        let parts = i64::from(parts);
        let burst = (self.tolerance / self.interval + 1) / parts;
        let interval = self.interval.saturating_mul(parts).min(MAX_INTERVAL);
        let tolerance = interval.saturating_mul((burst - 1).max(0));
        Self {
            interval,
            tolerance: tolerance.min(MAX_TOLERANCE),
        }
    }

    /// The same, slower: the interval times `millionths`, rounded up. The tolerance stays, so that
    /// the burst shrinks along.
    #[must_use]
    pub fn slowed(self, millionths: i64) -> Self {
        let scaled = self.interval.saturating_mul(millionths);
        let interval = scaled.div_euclid(1_000_000) + i64::from(scaled.rem_euclid(1_000_000) > 0);
        Self {
            interval: interval.clamp(1, MAX_INTERVAL),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Decision, Gcra, MAX_INTERVAL, MAX_TOLERANCE};
    use proptest::prelude::*;

    /// Plays messages at these times; returns the times of those that passed.
    fn played(gcra: Gcra, times: &[i64]) -> Vec<i64> {
        let mut tat = None;
        let mut passed = Vec::new();
        for &now in times {
            if let Decision::Admitted(next) = gcra.decide(tat, now, 1) {
                tat = Some(next);
                passed.push(now);
            }
        }
        passed
    }

    #[test]
    fn a_burst_passes_and_then_one_for_each_interval() {
        let gcra = Gcra::new(1_000, 3).unwrap();
        let times: Vec<i64> = (0..10).map(|n| n * 500).collect();
        assert_eq!(
            played(gcra, &times),
            [0, 500, 1_000, 1_500, 2_000, 3_000, 4_000]
        );
    }

    #[test]
    fn who_waits_as_long_as_told_passes_and_not_a_microsecond_earlier() {
        let gcra = Gcra::new(1_000_000, 1).unwrap();
        let Decision::Admitted(tat) = gcra.decide(None, 7, 1) else {
            panic!("the first was denied")
        };
        let Decision::Denied(wait) = gcra.decide(Some(tat), 10, 1) else {
            panic!("the second was admitted")
        };
        assert_eq!(
            gcra.decide(Some(tat), 10 + wait - 1, 1),
            Decision::Denied(1)
        );
        assert!(matches!(
            gcra.decide(Some(tat), 10 + wait, 1),
            Decision::Admitted(_)
        ));
    }

    #[test]
    fn several_at_once_pass_together_or_not_at_all() {
        let gcra = Gcra::new(10, 5).unwrap();
        assert_eq!(gcra.decide(None, 0, 5), Decision::Admitted(50));
        assert_eq!(gcra.decide(None, 0, 6), Decision::Denied(10));
        assert_eq!(gcra.decide(Some(20), 0, 4), Decision::Denied(10));
    }

    #[test]
    fn what_others_let_pass_counts_and_costs_no_more_than_the_burst() {
        let gcra = Gcra::new(10, 3).unwrap();
        let noted = (0..100).fold(None, |tat, _| Some(gcra.note(tat, 0)));
        assert_eq!(gcra.decide(noted, 0, 1), Decision::Denied(10));
        assert_eq!(
            gcra.decide(Some(gcra.note(None, 0)), 0, 2),
            Decision::Admitted(30)
        );
    }

    #[test]
    fn what_is_out_of_range_is_no_limit() {
        assert_eq!(Gcra::new(0, 1), None);
        assert_eq!(Gcra::new(-5, 1), None);
        assert_eq!(Gcra::new(1, 0), None);
        assert_eq!(Gcra::new(MAX_INTERVAL + 1, 1), None);
        assert_eq!(Gcra::new(MAX_INTERVAL, u32::MAX), None);
        assert!(Gcra::from_parts(MAX_INTERVAL, MAX_TOLERANCE).is_some());
    }

    #[test]
    fn a_share_of_a_limit_is_no_more_than_its_part() {
        let gcra = Gcra::new(1_000, 10).unwrap();
        assert_eq!(gcra.divided(1), gcra);
        assert_eq!(gcra.divided(4), Gcra::new(4_000, 2).unwrap());
        assert_eq!(gcra.divided(100), Gcra::new(100_000, 1).unwrap());
    }

    fn limits() -> impl Strategy<Value = Gcra> {
        let usual = (1_i64..5_000, 1_u32..40);
        let any = (1..=MAX_INTERVAL, 1_u32..100);
        prop_oneof![4 => usual, 1 => any].prop_filter_map("out of range", |(interval, burst)| {
            Gcra::new(interval, burst)
        })
    }

    proptest! {
        /// The law of the page of guarantees, in every window and not only from the start.
        #[test]
        fn never_more_than_the_burst_and_the_rate_times_the_time(
            gcra in limits(),
            steps in prop::collection::vec(0_i64..3_000, 1..300),
        ) {
            let times: Vec<i64> = steps.iter().scan(0, |now, step| { *now += step; Some(*now) }).collect();
            let passed = played(gcra, &times);
            let burst = gcra.tolerance() / gcra.interval() + 1;
            for (first, &from) in passed.iter().enumerate() {
                for (last, &to) in passed.iter().enumerate().skip(first) {
                    let count = i64::try_from(last - first + 1).unwrap();
                    prop_assert!(count <= burst + (to - from) / gcra.interval());
                }
            }
        }

        /// Nor is anybody denied who keeps to the rate.
        #[test]
        fn who_keeps_to_the_rate_always_passes(gcra in limits(), jitter in prop::collection::vec(0_i64..1_000, 1..100)) {
            let mut now = 0;
            let times: Vec<i64> = jitter.iter().map(|more| { now += gcra.interval() + more; now }).collect();
            prop_assert_eq!(played(gcra, &times).len(), times.len());
        }

        /// Whatever is stored and whatever the clock says: no overflow, no absurd wait, a sane TAT.
        #[test]
        fn any_numbers_are_survived(
            interval in 1..=MAX_INTERVAL, tolerance in 0..=MAX_TOLERANCE,
            tat in prop::option::of(any::<i64>()), now in any::<i64>(), cost in any::<u32>(),
            parts in any::<u32>(), millionths in 1_000_000_i64..=3_000_000,
        ) {
            let gcra = Gcra::from_parts(interval, tolerance).unwrap();
            match gcra.decide(tat, now, cost) {
                Decision::Admitted(next) => prop_assert!(next >= now),
                Decision::Denied(wait) => prop_assert!(wait > 0),
            }
            if let Decision::Denied(wait) = gcra.decide(tat, now, 1) {
                prop_assert!(wait <= interval);
            }
            prop_assert!(gcra.divided(parts).interval() >= interval);
            prop_assert!(gcra.slowed(millionths).interval() >= interval.min(MAX_INTERVAL));
        }

        /// A clock that is set back gives nothing away, and nobody is told an absurd wait.
        #[test]
        fn a_clock_set_back_gives_nothing_away(gcra in limits(), back in 0_i64..100_000_000_000) {
            let mut tat = None;
            while let Decision::Admitted(next) = gcra.decide(tat, 0, 1) {
                tat = Some(next);
            }
            let Decision::Denied(wait) = gcra.decide(tat, -back, 1) else {
                return Err(TestCaseError::fail("the step gave something away"));
            };
            prop_assert!(wait <= gcra.interval());
        }
    }
}
