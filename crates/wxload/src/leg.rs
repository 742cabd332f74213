//! What one leg of the rate has shown.

use serde::Serialize;

use crate::report::{Latencies, Latency};
use crate::spec::Leg;

/// One leg of the rate.
#[derive(Clone, Debug, Serialize)]
pub struct LegReport {
    /// How long it was.
    pub seconds: f64,
    /// Messages a second at its start.
    pub rate: f64,
    /// Messages a second at its end.
    pub to: f64,
    /// Messages whose time fell into it.
    pub messages: u64,
    /// Of first tries that were acknowledged.
    pub latency: Option<Latency>,
    /// Of answers that refuse a message with 5xx.
    pub refusals: Option<Latency>,
    /// The parts of the mix, in its order.
    pub parts: Vec<PartCounts>,
}

/// One part of the mix.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct PartCounts {
    /// Messages whose time came.
    pub messages: u64,
    /// Of these, acknowledged at the first try.
    pub acknowledged: u64,
}

/// What a leg gathers.
pub(crate) struct LegTally {
    parts: Vec<PartCounts>,
    acknowledged: Latencies,
    refusals: Latencies,
}

impl LegTally {
    /// Of a mix of so many parts.
    pub(crate) fn new(parts: usize) -> Self {
        Self {
            parts: vec![PartCounts::default(); parts],
            acknowledged: Latencies::new(),
            refusals: Latencies::new(),
        }
    }

    /// Notes that the time of a message has come.
    pub(crate) fn sent(&mut self, part: usize) {
        if let Some(part) = self.parts.get_mut(part) {
            part.messages += 1;
        }
    }

    /// Notes the latency of an acknowledged first try.
    pub(crate) fn acknowledged(&mut self, part: usize, nanos: u64) {
        self.acknowledged.add(nanos);
        if let Some(part) = self.parts.get_mut(part) {
            part.acknowledged += 1;
        }
    }

    /// Notes the latency of a refusal.
    pub(crate) fn refused(&mut self, nanos: u64) {
        self.refusals.add(nanos);
    }

    pub(crate) fn report(&self, leg: &Leg) -> LegReport {
        LegReport {
            seconds: leg.seconds,
            rate: leg.rate,
            to: leg.to.unwrap_or(leg.rate),
            messages: self.parts.iter().map(|part| part.messages).sum(),
            latency: self.acknowledged.summary(),
            refusals: self.refusals.summary(),
            parts: self.parts.clone(),
        }
    }
}
