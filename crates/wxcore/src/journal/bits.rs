//! A set of small numbers: a range, or one bit each.

use std::ops::Range;

/// Which messages of a segment a destination has not settled.
///
/// As long as they follow each other without a gap it is a range, as in the backlog of a
/// destination that takes nothing, or takes all in order; then one bit each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits {
    /// All of them, if there are no words.
    run: Range<usize>,
    words: Vec<u64>,
    ones: u64,
}

impl Bits {
    /// Adds `index`.
    pub(crate) fn set(&mut self, index: usize) {
        if self.words.is_empty() {
            if self.run.is_empty() {
                self.run = index..index;
            }
            if self.run.contains(&index) {
                return;
            }
            if self.run.end == index {
                self.run.end += 1;
                self.ones += 1;
                return;
            }
            self.spread();
        }
        let (word, bit) = (index / 64, 1u64 << (index % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word)
            && *word & bit == 0
        {
            *word |= bit;
            self.ones += 1;
        }
    }

    /// Removes `index`; whether it was there.
    pub(crate) fn clear(&mut self, index: usize) -> bool {
        if self.words.is_empty() {
            if !self.run.contains(&index) {
                return false;
            }
            if index == self.run.start {
                self.run.start += 1;
                self.ones -= 1;
                return true;
            }
            self.spread();
        }
        let bit = 1u64 << (index % 64);
        match self.words.get_mut(index / 64) {
            Some(word) if *word & bit != 0 => {
                *word &= !bit;
                self.ones -= 1;
                if self.ones == 0 {
                    *self = Self::default();
                }
                true
            }
            _ => false,
        }
    }

    /// Gives each a bit.
    fn spread(&mut self) {
        let Range { start, end } = std::mem::take(&mut self.run);
        self.words = vec![0; end.div_ceil(64)];
        for (at, word) in self.words.iter_mut().enumerate() {
            let (low, high) = (start.max(at * 64), end.min(at * 64 + 64));
            if low < high {
                *word = (!0 >> (64 - (high - low))) << (low % 64);
            }
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.ones
    }

    /// The first at or behind `from`.
    pub(crate) fn next(&self, from: usize) -> Option<usize> {
        if self.words.is_empty() {
            return Some(from.max(self.run.start)).filter(|at| self.run.contains(at));
        }
        let first = from / 64;
        for (at, word) in self.words.iter().enumerate().skip(first) {
            let mask = if at == first { !0 << (from % 64) } else { !0 };
            let left = word & mask;
            if left != 0 {
                return Some(at * 64 + left.trailing_zeros() as usize);
            }
        }
        None
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.next(0), |last| self.next(last + 1))
    }

    /// Removes all of which `keep` says no.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let gone: Vec<usize> = self.iter().filter(|index| !keep(*index)).collect();
        for index in gone {
            self.clear(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bits;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set(
            run in 0usize..200,
            settled in 0usize..200,
            steps in proptest::collection::vec((any::<bool>(), 0usize..300), 0..200),
            from in 0usize..320,
        ) {
            let (mut bits, mut model) = (Bits::default(), BTreeSet::new());
            (0..run).for_each(|index| bits.set(index));
            model.extend(0..run);
            for index in 0..settled {
                prop_assert_eq!(bits.clear(index), model.remove(&index));
            }
            prop_assert!(bits.words.is_empty(), "a range so far");
            for (add, index) in steps {
                if add {
                    bits.set(index);
                    model.insert(index);
                } else {
                    prop_assert_eq!(bits.clear(index), model.remove(&index));
                }
            }
            prop_assert!(bits.iter().eq(model.iter().copied()));
            prop_assert_eq!(bits.count(), model.len() as u64);
            prop_assert_eq!(bits.next(from), model.range(from..).next().copied());
            bits.retain(|index| index % 3 == 0);
            model.retain(|index| index % 3 == 0);
            prop_assert!(bits.iter().eq(model.iter().copied()));
        }
    }
}
