//! How nodes compete for a slot.
//!
//! A node's score is `-weight / ln(u)` with `u` uniform in (0, 1), from 53 bits of a hash. Of equal
//! weights the larger hash wins, so only the best of each weight needs its logarithm.

use std::cmp::Reverse;

use xxhash_rust::xxh3::xxh3_64;

use super::FEW;
use crate::config::ConfigError;

/// The nodes of one weight, in the order of their names: ties, which two nodes meet once in 2^53,
/// go to the lesser one.
#[derive(Clone, Debug)]
pub(super) struct Class {
    weight: f64,
    members: Vec<Member>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    seed: u64,
    index: u16,
    /// Its place among all names.
    rank: u16,
}

/// Somebody who competes.
#[derive(Clone, Copy)]
struct Bid {
    score: f64,
    member: Member,
}

impl Bid {
    fn beats(&self, other: &Self) -> bool {
        let order = self.score.total_cmp(&other.score);
        order.then(other.member.rank.cmp(&self.member.rank)).is_gt()
    }
}

/// Sorts nodes by weight; [`ConfigError`] if two share a name.
pub(super) fn classes(names: &[String], weights: &[f64]) -> Result<Vec<Class>, ConfigError> {
    let mut order: Vec<(&String, usize)> = names.iter().zip(0..).collect();
    order.sort_unstable();
    for pair in order.windows(2) {
        if let [(one, _), (two, at)] = pair
            && one == two
        {
            return Err(ConfigError::new(format!("nodes[{at}]"), "is named twice"));
        }
    }
    let mut found: Vec<Class> = Vec::new();
    for (rank, (name, index)) in (0..).zip(order) {
        let weight = weights.get(index).copied().unwrap_or(1.0);
        let member = Member {
            seed: xxh3_64(name.as_bytes()),
            index: u16::try_from(index).unwrap_or_default(),
            rank,
        };
        match found
            .iter_mut()
            .find(|class| class.weight.total_cmp(&weight).is_eq())
        {
            Some(class) => class.members.push(member),
            None => found.push(Class {
                weight,
                members: vec![member],
            }),
        }
    }
    Ok(found)
}

/// Who wins a slot. Where all weigh the same, hashes decide, and no logarithm is needed.
pub(super) fn winner(classes: &[Class], slot: u32) -> usize {
    if let [only] = classes {
        return only
            .best(slot)
            .map_or(0, |(_, member)| usize::from(member.index));
    }
    let mut best: Option<Bid> = None;
    for class in classes {
        let Some((bits, member)) = class.best(slot) else {
            continue;
        };
        let bid = class.bid(bits, member);
        if best.is_none_or(|best| bid.beats(&best)) {
            best = Some(bid);
        }
    }
    best.map_or(0, |bid| usize::from(bid.member.index))
}

/// The first [`FEW`] of a slot's ranking; of fewer nodes the rest is 0.
pub(super) fn first(classes: &[Class], slot: u32) -> [u16; FEW] {
    if let [only] = classes {
        return only
            .podium(slot)
            .map(|place| place.map_or(0, |(_, member)| member.index));
    }
    let mut podium: [Option<Bid>; FEW] = [None; FEW];
    for class in classes {
        for (bits, member) in class.podium(slot).into_iter().flatten() {
            enter(&mut podium, class.bid(bits, member), Bid::beats);
        }
    }
    podium.map(|bid| bid.map_or(0, |bid| bid.member.index))
}

/// Every node with its score, unsorted.
pub(super) fn scores(classes: &[Class], slot: u32) -> Vec<(usize, f64)> {
    let members = classes
        .iter()
        .flat_map(|class| class.members.iter().map(move |member| (class, *member)));
    members
        .map(|(class, member)| {
            (
                usize::from(member.index),
                score(class.weight, member.bits(slot)),
            )
        })
        .collect()
}

impl Class {
    fn best(&self, slot: u32) -> Option<(u64, Member)> {
        let bids = self
            .members
            .iter()
            .map(|member| (member.bits(slot), *member));
        bids.max_by_key(|(bits, member)| (*bits, Reverse(member.rank)))
    }

    fn podium(&self, slot: u32) -> [Option<(u64, Member)>; FEW] {
        let mut podium: [Option<(u64, Member)>; FEW] = [None; FEW];
        for member in &self.members {
            // Members come in the order of their names, so an equal one stays behind.
            enter(&mut podium, (member.bits(slot), *member), |one, two| {
                one.0 > two.0
            });
        }
        podium
    }

    fn bid(&self, bits: u64, member: Member) -> Bid {
        let score = score(self.weight, bits);
        Bid { score, member }
    }
}

impl Member {
    /// 53 uniform bits, of the node and the slot.
    fn bits(self, slot: u32) -> u64 {
        mix(self.seed ^ mix(u64::from(slot) + 1)) >> 11
    }
}

/// Puts `new` where it belongs on a podium; whoever falls off is forgotten.
fn enter<T: Copy>(podium: &mut [Option<T>; FEW], new: T, beats: impl Fn(&T, &T) -> bool) {
    if let Some(Some(last)) = podium.last()
        && !beats(&new, last)
    {
        return; // as almost everybody of a large fleet
    }
    let mut falls = Some(new);
    for place in podium {
        let Some(one) = falls else { return };
        if place.as_ref().is_none_or(|there| beats(&one, there)) {
            falls = place.replace(one);
        }
    }
}

fn score(weight: f64, bits: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
    let uniform = (bits as f64 + 0.5) / 9_007_199_254_740_992.0;
    -weight / uniform.ln()
}

/// The finalizer of `MurmurHash3`: every bit of the input reaches every bit of the output.
const fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
