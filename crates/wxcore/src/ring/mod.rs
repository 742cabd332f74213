//! Consistent hashing by weighted rendezvous: removing a node moves only that node's keys, and a
//! larger weight only attracts keys. The order of the list does not matter.
//!
//! A key falls into one of [`SLOTS`] slots, and the slots are what nodes compete for. So a table of
//! the winners says the same as the competition itself, and a fleet that grows beyond
//! [`TABLE_ABOVE`] nodes moves no key by that.

mod slots;
#[cfg(test)]
mod tests;

use xxhash_rust::xxh3::xxh3_64;

use crate::config::ConfigError;
use slots::Class;

/// How finely keys are spread; a prime.
pub const SLOTS: u32 = 65_537;

/// How many nodes of a key's ranking a table holds, and [`HashRing::few`] tells.
pub const FEW: usize = 4;

/// With more nodes than this the winners are looked up.
pub const TABLE_ABOVE: usize = 32;

/// More would make the table slow to build, and do not fit its numbers.
const MOST: usize = 4096;

/// Named, weighted nodes.
#[derive(Clone, Debug)]
pub struct HashRing {
    names: Vec<String>,
    weights: Vec<f64>,
    classes: Vec<Class>,
    /// For each slot the first of its ranking.
    table: Option<Box<[[u16; FEW]]>>,
}

impl HashRing {
    /// A ring of `(name, weight)`.
    ///
    /// # Errors
    /// [`ConfigError`] if there is no node or more than 4096, two share a name, or a weight is not
    /// above zero.
    pub fn new(nodes: impl IntoIterator<Item = (String, f64)>) -> Result<Self, ConfigError> {
        let mut ring = Self::competing(nodes)?;
        if ring.len() > TABLE_ABOVE {
            ring.table = Some((0..SLOTS).map(|slot| ring.first(slot)).collect());
        }
        Ok(ring)
    }

    /// A ring without a table.
    fn competing(nodes: impl IntoIterator<Item = (String, f64)>) -> Result<Self, ConfigError> {
        let mut ring = Self {
            names: Vec::new(),
            weights: Vec::new(),
            classes: Vec::new(),
            table: None,
        };
        for (index, (name, weight)) in nodes.into_iter().enumerate() {
            let path = format!("nodes[{index}]");
            if !(weight.is_finite() && weight > 0.0) {
                return Err(ConfigError::new(path, "weight must be above 0"));
            }
            if index >= MOST {
                return Err(ConfigError::new(path, "at most 4096 are taken"));
            }
            ring.names.push(name);
            ring.weights.push(weight);
        }
        if ring.names.is_empty() {
            return Err(ConfigError::new("nodes", "at least one is needed"));
        }
        ring.classes = slots::classes(&ring.names, &ring.weights)?;
        Ok(ring)
    }

    /// The index of the node that `key` belongs to.
    pub fn pick(&self, key: &[u8]) -> usize {
        let slot = slot_of(key);
        let row = self
            .table
            .as_ref()
            .and_then(|table| table.get(slot as usize));
        row.map_or_else(
            || slots::winner(&self.classes, slot),
            |row| usize::from(row[0]),
        )
    }

    /// The first nodes of [`ranked`](Self::ranked), [`FEW`] at most: as many as a delivery may want
    /// to try before it waits.
    pub fn few(&self, key: &[u8]) -> Vec<usize> {
        let slot = slot_of(key);
        let row = self
            .table
            .as_ref()
            .and_then(|table| table.get(slot as usize));
        let row = row.copied().unwrap_or_else(|| self.first(slot));
        let indices = row.into_iter().map(usize::from);
        indices.take(self.len()).collect()
    }

    /// All nodes, the one `key` belongs to first, then those it would go to without it.
    pub fn ranked(&self, key: &[u8]) -> Vec<usize> {
        self.scored(key)
            .into_iter()
            .map(|(index, _)| index)
            .collect()
    }

    /// As [`ranked`](Self::ranked), with the scores by which they stand so.
    pub fn scored(&self, key: &[u8]) -> Vec<(usize, f64)> {
        let mut scores = slots::scores(&self.classes, slot_of(key));
        scores.sort_by(|a, b| {
            b.1.total_cmp(&a.1)
                .then_with(|| self.name(a.0).cmp(self.name(b.0)))
        });
        scores
    }

    /// The node's name.
    pub fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", String::as_str)
    }

    /// Whether the first of each ranking are looked up.
    pub const fn has_table(&self) -> bool {
        self.table.is_some()
    }

    /// How many nodes there are.
    pub const fn len(&self) -> usize {
        self.names.len()
    }

    /// Never: a ring has a node.
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The ranking of a slot as far as a table holds it; of fewer nodes the rest is 0.
    fn first(&self, slot: u32) -> [u16; FEW] {
        slots::first(&self.classes, slot)
    }
}

/// The slot a key falls into.
#[expect(clippy::cast_possible_truncation, reason = "a remainder of SLOTS fits")]
pub fn slot_of(key: &[u8]) -> u32 {
    (xxh3_64(key) % u64::from(SLOTS)) as u32
}
