//! Consistent hashing by weighted rendezvous: removing a node moves only that node's keys, and a
//! larger weight only attracts keys. The order of the list does not matter.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::config::ConfigError;

/// Named, weighted nodes.
#[derive(Clone, Debug)]
pub struct HashRing {
    nodes: Vec<RingNode>,
}

#[derive(Clone, Debug)]
struct RingNode {
    name: String,
    seed: u64,
    weight: f64,
}

impl HashRing {
    /// A ring of `(name, weight)`.
    ///
    /// # Errors
    /// [`ConfigError`] if there is no node, two share a name, or a weight is not above zero.
    pub fn new(nodes: impl IntoIterator<Item = (String, f64)>) -> Result<Self, ConfigError> {
        let mut ring = Self { nodes: Vec::new() };
        for (index, (name, weight)) in nodes.into_iter().enumerate() {
            let path = format!("nodes[{index}]");
            if !(weight.is_finite() && weight > 0.0) {
                return Err(ConfigError::new(path, "weight must be above 0"));
            }
            if ring.nodes.iter().any(|node| node.name == name) {
                return Err(ConfigError::new(path, "is named twice"));
            }
            ring.nodes.push(RingNode {
                seed: xxh3_64(name.as_bytes()),
                name,
                weight,
            });
        }
        if ring.nodes.is_empty() {
            return Err(ConfigError::new("nodes", "at least one is needed"));
        }
        Ok(ring)
    }

    /// The index of the node that `key` belongs to.
    pub fn pick(&self, key: &[u8]) -> usize {
        let scores = self
            .nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (index, node.score(key)));
        scores
            .reduce(|best, next| if self.beats(next, best) { next } else { best })
            .map_or(0, |best| best.0)
    }

    /// All nodes, the one `key` belongs to first, then those it would go to without it.
    pub fn ranked(&self, key: &[u8]) -> Vec<usize> {
        let mut scores: Vec<(usize, f64)> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (index, node.score(key)))
            .collect();
        scores.sort_by(|a, b| {
            b.1.total_cmp(&a.1)
                .then_with(|| self.name(a.0).cmp(self.name(b.0)))
        });
        scores.into_iter().map(|(index, _)| index).collect()
    }

    /// The node's name.
    pub fn name(&self, index: usize) -> &str {
        self.nodes.get(index).map_or("", |node| &node.name)
    }

    /// How many nodes there are.
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: a ring has a node.
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Ties, which two nodes meet once in 2^53, go to the lesser name.
    fn beats(&self, next: (usize, f64), best: (usize, f64)) -> bool {
        next.1 > best.1
            || (next.1.total_cmp(&best.1).is_eq() && self.name(next.0) < self.name(best.0))
    }
}

impl RingNode {
    /// `-weight / ln(u)` with `u` uniform in (0, 1) from 53 bits of the hash.
    fn score(&self, key: &[u8]) -> f64 {
        let bits = xxh3_64_with_seed(key, self.seed) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
        let uniform = (bits as f64 + 0.5) / 9_007_199_254_740_992.0;
        -self.weight / uniform.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::HashRing;
    use proptest::prelude::*;

    fn ring(nodes: &[(String, f64)]) -> HashRing {
        HashRing::new(nodes.to_vec()).unwrap()
    }

    fn named(weights: &[f64]) -> Vec<(String, f64)> {
        weights
            .iter()
            .enumerate()
            .map(|(n, weight)| (format!("node-{n}"), *weight))
            .collect()
    }

    proptest! {
        #[test]
        fn removing_a_node_moves_only_its_keys(
            weights in prop::collection::vec(0.1..10.0_f64, 2..12), gone in 0..12_usize,
            keys in prop::collection::vec("[a-zA-Z0-9_-]{1,28}", 50)
        ) {
            let nodes = named(&weights);
            let gone = gone % nodes.len();
            let mut fewer = nodes.clone();
            fewer.remove(gone);
            let (all, fewer) = (ring(&nodes), ring(&fewer));
            for key in keys {
                let before = all.pick(key.as_bytes());
                let heir = if before == gone { all.ranked(key.as_bytes())[1] } else { before };
                prop_assert_eq!(all.name(heir), fewer.name(fewer.pick(key.as_bytes())));
            }
        }

        #[test]
        fn more_weight_only_attracts(
            weights in prop::collection::vec(0.1..10.0_f64, 2..12), heavier in 0..12_usize,
            keys in prop::collection::vec("[a-zA-Z0-9_-]{1,28}", 50)
        ) {
            let nodes = named(&weights);
            let heavier = heavier % nodes.len();
            let mut changed = nodes.clone();
            changed[heavier].1 *= 2.0;
            let (before, after) = (ring(&nodes), ring(&changed));
            for key in keys {
                let (old, new) = (before.pick(key.as_bytes()), after.pick(key.as_bytes()));
                prop_assert!(old == new || new == heavier);
            }
        }

        #[test]
        fn order_does_not_matter(
            weights in prop::collection::vec(0.1..10.0_f64, 1..12), key in "[a-z]{1,20}"
        ) {
            let nodes = named(&weights);
            let mut reversed = nodes.clone();
            reversed.reverse();
            let (one, two) = (ring(&nodes), ring(&reversed));
            prop_assert_eq!(one.name(one.pick(key.as_bytes())), two.name(two.pick(key.as_bytes())));
            prop_assert_eq!(one.ranked(key.as_bytes())[0], one.pick(key.as_bytes()));
        }
    }

    #[test]
    fn weights_set_the_shares() {
        let ring = ring(&named(&[1.0, 3.0]));
        let heavy = (0..40_000)
            .filter(|n| ring.pick(format!("user{n}").as_bytes()) == 1)
            .count();
        assert!((29_400..30_600).contains(&heavy), "{heavy}");
    }

    #[test]
    fn senseless_nodes_are_refused() {
        assert!(HashRing::new(vec![]).is_err());
        assert!(HashRing::new(vec![("a".into(), 0.0)]).is_err());
        assert!(HashRing::new(vec![("a".into(), f64::NAN)]).is_err());
        assert!(HashRing::new(vec![("a".into(), 1.0), ("a".into(), 1.0)]).is_err());
    }
}
