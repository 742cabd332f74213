//! Words of memory that other processes write as well.

use std::cell::Cell;
use std::sync::atomic::{Ordering, compiler_fence};

/// Where the mark stands that somebody writes.
const MARK: usize = 0;

/// The words of one table. What lies outside of them reads as zero and cannot be written, so that no
/// number in them, whatever it is, leads anywhere else.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    cells: &'a [Cell<u64>],
    #[cfg(test)]
    fuse: Option<&'a Cell<usize>>,
}

impl<'a> Words<'a> {
    /// These words; whoever holds them holds their lock.
    pub fn new(cells: &'a [Cell<u64>]) -> Self {
        Self {
            cells,
            #[cfg(test)]
            fuse: None,
        }
    }

    /// The same for a worker that is killed after so many writes.
    #[cfg(test)]
    pub(crate) fn burning(cells: &'a [Cell<u64>], fuse: &'a Cell<usize>) -> Self {
        let fuse = Some(fuse);
        Self { cells, fuse }
    }

    pub(crate) fn get(self, at: usize) -> u64 {
        self.cells.get(at).map_or(0, Cell::get)
    }

    /// Writes one word, after all that were written before and before all that come: a worker may be
    /// killed between any two.
    pub(crate) fn put(self, at: usize, word: u64) {
        #[cfg(test)]
        self.burn();
        if let Some(cell) = self.cells.get(at) {
            cell.set(word);
        }
        compiler_fence(Ordering::SeqCst);
    }

    /// A place that a word names, where 0 is none: its lower half.
    pub(crate) fn place(word: u64) -> Option<usize> {
        usize::try_from(word & u64::from(u32::MAX))
            .ok()?
            .checked_sub(1)
    }

    /// A word that names this place.
    pub(crate) fn naming(place: Option<usize>) -> u64 {
        place.map_or(0, |at| at as u64 + 1)
    }

    #[cfg(test)]
    fn burn(self) {
        let Some(fuse) = self.fuse else { return };
        match fuse.get().checked_sub(1) {
            Some(left) => fuse.set(left),
            None => panic!("killed"),
        }
    }
}

/// Marks the words for as long as it lives, unless its worker is killed or panics meanwhile.
pub struct Visit<'a>(Words<'a>);

impl<'a> Visit<'a> {
    /// Enters; true if the last visitor never left, so that things have to be mended first.
    pub fn enter(words: Words<'a>) -> (Self, bool) {
        let unfinished = words.get(MARK) != 0;
        words.put(MARK, 1);
        (Self(words), unfinished)
    }

    /// Leaves everything whole.
    pub fn leave(self) {
        self.0.put(MARK, 0);
    }
}
