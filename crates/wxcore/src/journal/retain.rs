//! Which segments may go.

use super::ledger::{Ledger, Segment};
use super::options::Options;
use crate::time::UnixMillis;

/// Numbers of the segments of which nobody needs anything any more: all settled, their claims
/// expired or kept by the sidecar, and beyond what is to be retained. When `pressed` for space,
/// nothing is retained.
pub(crate) fn retirable(
    ledger: &Ledger,
    options: &Options,
    now: UnixMillis,
    pressed: bool,
) -> Vec<u64> {
    let mut kept = 0u64;
    let mut numbers = Vec::new();
    for segment in ledger.segments.iter().rev().filter(|one| settled(one, now)) {
        kept = kept.saturating_add(segment.size);
        let old = segment.newest.0.saturating_add(options.retain_ms) <= now.0;
        if pressed || old || kept > options.retain_bytes {
            numbers.push(segment.header.number);
        }
    }
    numbers.reverse();
    numbers
}

fn settled(segment: &Segment, now: UnixMillis) -> bool {
    segment.full && segment.unsettled == 0 && (segment.indexed || segment.claims_until <= now)
}
