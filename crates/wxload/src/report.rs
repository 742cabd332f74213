//! Latencies, counts, slip and cost.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::leg::{LegReport, LegTally};
use crate::spec::Leg;

/// Above this share of late messages a result says nothing of the gateway.
const TRUSTED_SLIP: f64 = 0.01;
/// A message that the player takes up later than this after its time has slipped.
pub(crate) const LATE_NS: u64 = 1_000_000;
const LONGEST_US: u64 = 120_000_000;

/// Latencies, from the intended time of each call to the end of its answer.
pub(crate) struct Latencies(Option<Histogram<u64>>);

impl Latencies {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_max(LONGEST_US, 3).ok())
    }

    pub(crate) fn add(&mut self, nanos: u64) {
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(nanos / 1000);
        }
    }

    pub(crate) fn summary(&self) -> Option<Latency> {
        let histogram = self.0.as_ref().filter(|histogram| !histogram.is_empty())?;
        #[expect(clippy::cast_precision_loss, reason = "two minutes in µs fit")]
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Some(Latency {
            count: histogram.len(),
            mean: histogram.mean() / 1000.0,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
        })
    }

    /// All of it: each latency that was seen, in microseconds to three digits, and how often.
    pub(crate) fn recorded(&self) -> Vec<(u64, u64)> {
        self.0.as_ref().map_or_else(Vec::new, |histogram| {
            let seen = histogram.iter_recorded();
            seen.map(|one| (one.value_iterated_to(), one.count_at_value()))
                .collect()
        })
    }
}

/// A distribution, in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    /// Of how many calls.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// Nine in ten are faster.
    pub p90: f64,
    /// 99 in 100 are.
    pub p99: f64,
    /// 999 in 1000 are.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

/// What happened, by count.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counts {
    /// Messages whose time came, each counted once.
    pub messages: u64,
    /// Of these, payments.
    pub payments: u64,
    /// Acknowledged at last.
    pub acknowledged: u64,
    /// Tries beyond the first for want of an acknowledgement.
    pub tried_again: u64,
    /// Never acknowledged, in three tries.
    pub given_up: u64,
    /// Sent a second time although acknowledged.
    pub repeats: u64,
    /// Of these, answered with the same bytes as the first time.
    pub repeats_alike: u64,
    /// Of these, answered with others.
    pub repeats_unlike: u64,
    /// Forged calls.
    pub forged: u64,
    /// Of these, refused.
    pub kept_out: u64,
    /// Of these, acknowledged: must be 0.
    pub let_in: u64,
    /// Answers of 5xx to messages: WeChat tries again.
    pub refused: u64,
    /// Other answers that are no acknowledgement: must be 0.
    pub denied: u64,
    /// Calls without an answer in time.
    pub unanswered: u64,
    /// Calls whose connection was lost or could not be made.
    pub broken: u64,
}

/// How late the player itself was.
#[derive(Clone, Debug, Serialize)]
pub struct Slip {
    /// Share of the messages that it took up more than a millisecond after their time.
    pub share: f64,
    /// The latest, in milliseconds.
    pub worst: f64,
    /// Whether so few were late that the latencies are the gateway's.
    pub trusted: bool,
}

/// What was made before the start.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ahead {
    /// Payments that were signed.
    pub payments: u64,
    /// How long that took.
    pub seconds: f64,
}

/// What a run has shown.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Messages that the legs have.
    pub planned: u64,
    /// Whether it was ended before its time.
    pub stopped: bool,
    /// From the start to the last answer.
    pub seconds: f64,
    /// What happened.
    pub counts: Counts,
    /// Of first tries that were acknowledged.
    pub latency: Option<Latency>,
    /// The whole distribution: microseconds, to three digits, and how often, from the fastest on.
    pub recorded: Vec<(u64, u64)>,
    /// The same by leg.
    pub legs: Vec<LegReport>,
    /// Of messages that were sent again after an acknowledgement.
    pub repeats: Option<Latency>,
    /// Of answers that refuse a message with 5xx.
    pub refusals: Option<Latency>,
    /// Of forged calls that were kept out.
    pub forged: Option<Latency>,
    /// How late the player was.
    pub slip: Slip,
    /// What was made before the start.
    pub ahead: Ahead,
    /// CPU seconds of the player while it sent; what was made before is not in it.
    pub cpu: f64,
    /// The same for each call, in microseconds.
    pub cpu_per_call: f64,
}

/// What is known of a run once it has ended.
pub(crate) struct Ran {
    pub(crate) planned: u64,
    pub(crate) stopped: bool,
    pub(crate) seconds: f64,
    pub(crate) cpu: f64,
    pub(crate) ahead: Ahead,
}

/// What a run gathers.
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) calls: u64,
    all: Latencies,
    legs: Vec<LegTally>,
    pub(crate) repeats: Latencies,
    refusals: Latencies,
    pub(crate) forged: Latencies,
    late: u64,
    worst: u64,
}

impl Tally {
    pub(crate) fn new(legs: usize, parts: usize) -> Self {
        Self {
            counts: Counts::default(),
            calls: 0,
            all: Latencies::new(),
            legs: std::iter::repeat_with(|| LegTally::new(parts))
                .take(legs)
                .collect(),
            repeats: Latencies::new(),
            refusals: Latencies::new(),
            forged: Latencies::new(),
            late: 0,
            worst: 0,
        }
    }

    /// Notes that the time of a message has come.
    pub(crate) fn sent(&mut self, leg: usize, part: usize) {
        self.counts.messages += 1;
        if let Some(leg) = self.legs.get_mut(leg) {
            leg.sent(part);
        }
    }

    /// Notes by how much the player was late for a call.
    pub(crate) fn taken_up(&mut self, late_by: u64) {
        self.calls += 1;
        self.late += u64::from(late_by > LATE_NS);
        self.worst = self.worst.max(late_by);
    }

    /// Notes the latency of an acknowledged first try.
    pub(crate) fn acknowledged(&mut self, leg: usize, part: usize, nanos: u64) {
        self.all.add(nanos);
        if let Some(leg) = self.legs.get_mut(leg) {
            leg.acknowledged(part, nanos);
        }
    }

    /// Notes the latency of an answer of 5xx.
    pub(crate) fn refused(&mut self, leg: usize, nanos: u64) {
        self.refusals.add(nanos);
        if let Some(leg) = self.legs.get_mut(leg) {
            leg.refused(nanos);
        }
    }

    /// The 99th percentile so far, in milliseconds.
    pub(crate) fn p99(&self) -> f64 {
        self.all.summary().map_or(0.0, |latency| latency.p99)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts and times of a run")]
    pub(crate) fn report(&self, legs: &[Leg], run: &Ran) -> Report {
        let calls = self.calls.max(1) as f64;
        let share = self.late as f64 / calls;
        let seen = self.legs.iter().zip(legs);
        Report {
            planned: run.planned,
            stopped: run.stopped,
            seconds: run.seconds,
            counts: self.counts.clone(),
            latency: self.all.summary(),
            recorded: self.all.recorded(),
            legs: seen.map(|(seen, leg)| seen.report(leg)).collect(),
            repeats: self.repeats.summary(),
            refusals: self.refusals.summary(),
            forged: self.forged.summary(),
            slip: Slip {
                share,
                worst: self.worst as f64 / 1e6,
                trusted: share <= TRUSTED_SLIP,
            },
            ahead: run.ahead,
            cpu: run.cpu,
            cpu_per_call: run.cpu * 1e6 / calls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ahead, LATE_NS, Ran, Tally};

    fn trusted(late: u64, calls: u64) -> bool {
        let mut tally = Tally::new(0, 0);
        for call in 0..calls {
            tally.taken_up(LATE_NS + u64::from(call < late));
        }
        let ran = Ran {
            planned: calls,
            stopped: false,
            seconds: 1.0,
            cpu: 0.0,
            ahead: Ahead {
                payments: 0,
                seconds: 0.0,
            },
        };
        tally.report(&[], &ran).slip.trusted
    }

    #[test]
    fn a_player_that_is_late_for_one_in_a_hundred_is_believed_and_no_more() {
        assert!(trusted(0, 1000) && trusted(10, 1000));
        assert!(!trusted(11, 1000) && !trusted(1000, 1000));
    }
}
