//! When the messages are due: the legs of a rate, as times.

use crate::spec::Leg;

/// Yields the time of each call, in nanoseconds since the start, and the leg it falls into.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    legs: Vec<Leg>,
    leg: usize,
    /// Seconds since the start at which the current leg began.
    began: f64,
    /// How many calls there were until then.
    before: u64,
    /// How many of the current leg's calls are behind.
    sent: u64,
}

impl Schedule {
    pub(crate) const fn new(legs: Vec<Leg>) -> Self {
        Self {
            legs,
            leg: 0,
            began: 0.0,
            before: 0,
            sent: 0,
        }
    }

    /// How many calls all legs have.
    pub(crate) fn planned(&self) -> u64 {
        self.until(self.legs.len())
    }

    /// Seconds of all legs.
    pub(crate) fn seconds(&self) -> f64 {
        self.legs.iter().map(|leg| leg.seconds).sum()
    }

    /// Seconds since the start at which the call of that number is due, about; the end for those
    /// beyond.
    pub(crate) fn due(&self, number: f64) -> f64 {
        let (mut began, mut before) = (0.0, 0.0);
        for leg in &self.legs {
            let within = number - before;
            if within < area(leg) {
                return began + reached(leg, within);
            }
            began += leg.seconds;
            before += area(leg);
        }
        began
    }

    /// How many calls there are before a leg begins: rounded once, not leg by leg.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of messages, from 0"
    )]
    fn until(&self, leg: usize) -> u64 {
        let areas = self.legs.iter().take(leg).map(area);
        areas.sum::<f64>().round() as u64
    }
}

impl Iterator for Schedule {
    type Item = (u64, usize);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let leg = *self.legs.get(self.leg)?;
            if self.before + self.sent < self.until(self.leg + 1) {
                let due = self.began + due_within(&leg, self.sent);
                self.sent += 1;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "seconds of a run, from 0"
                )]
                return Some(((due * 1e9) as u64, self.leg));
            }
            self.began += leg.seconds;
            self.before += self.sent;
            self.sent = 0;
            self.leg += 1;
        }
    }
}

fn area(leg: &Leg) -> f64 {
    f64::midpoint(leg.rate, leg.to.unwrap_or(leg.rate)) * leg.seconds
}

/// Seconds into a leg at which its message `n` is due.
#[expect(
    clippy::cast_precision_loss,
    reason = "a run has fewer than 2^53 messages"
)]
fn due_within(leg: &Leg, n: u64) -> f64 {
    reached(leg, n as f64)
}

/// Seconds into a leg at which the area under its rate reaches `n`.
fn reached(leg: &Leg, n: f64) -> f64 {
    let first = leg.rate;
    let slope = (leg.to.unwrap_or(first) - first) / leg.seconds;
    if slope == 0.0 {
        return n / first;
    }
    // first·t + slope·t²/2 = n
    let root = (first * first + 2.0 * slope * n).max(0.0).sqrt();
    ((root - first) / slope).min(leg.seconds)
}

#[cfg(test)]
mod tests {
    use super::Schedule;
    use crate::spec::Leg;

    const SECOND: u64 = 1_000_000_000;

    fn leg(seconds: f64, rate: f64, to: Option<f64>) -> Leg {
        Leg { seconds, rate, to }
    }

    #[test]
    fn an_even_rate_is_evenly_spaced() {
        let times: Vec<_> = Schedule::new(vec![leg(1.0, 4.0, None)]).collect();
        assert_eq!(times, [0, 1, 2, 3].map(|n| (n * SECOND / 4, 0)));
    }

    #[test]
    fn a_ramp_has_as_many_messages_as_its_mean_rate_and_most_of_them_late() {
        let times: Vec<_> = Schedule::new(vec![leg(10.0, 0.0, Some(100.0))]).collect();
        assert_eq!(times.len(), 500);
        assert!(times.is_sorted());
        let in_the_first_half = times.iter().filter(|(due, _)| *due < 5 * SECOND).count();
        assert_eq!(in_the_first_half, 125);
    }

    #[test]
    fn legs_follow_each_other_and_are_named() {
        let legs = vec![
            leg(1.0, 2.0, None),
            leg(2.0, 0.0, None),
            leg(1.0, 1.0, None),
        ];
        let times: Vec<_> = Schedule::new(legs).collect();
        assert_eq!(times, [(0, 0), (SECOND / 2, 0), (3 * SECOND, 2)]);
    }

    #[test]
    fn when_a_call_is_due_is_told_without_going_through_those_before_it() {
        let legs = vec![
            leg(1.0, 2.0, None),
            leg(2.0, 0.0, None),
            leg(10.0, 0.0, Some(100.0)),
        ];
        let schedule = Schedule::new(legs);
        for number in [0_u32, 1, 3, 77, 501] {
            let (due, _) = schedule.clone().nth(number as usize).unwrap();
            let told = schedule.due(f64::from(number));
            #[expect(clippy::cast_precision_loss, reason = "seconds of a test")]
            let seconds = due as f64 / 1e9;
            assert!((told - seconds).abs() < 1e-6, "{number}: {told}, {seconds}");
        }
        assert!((schedule.due(1e9) - 13.0).abs() < 1e-9);
    }

    #[test]
    fn no_call_is_lost_to_rounding() {
        let schedule = Schedule::new(vec![leg(0.1, 24.0, None); 10]);
        assert_eq!((schedule.planned(), schedule.count()), (24, 24));
    }
}
