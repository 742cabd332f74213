//! Bytes of any length in chunks of 256, behind a table in memory that workers share.

use super::Words;

const FREE: usize = 6;
const USED: usize = 7;
const OPEN: usize = 8;

/// Words of a chunk: one says what comes next, and how many bytes are in this one.
const CHUNK: usize = 32;
/// Bytes of a chunk beside that word.
pub const BYTES: usize = (CHUNK - 1) * 8;

/// The chunks behind a table, at most so many.
#[derive(Clone, Copy)]
pub struct Chunks<'a> {
    words: Words<'a>,
    start: usize,
    capacity: usize,
}

impl<'a> Chunks<'a> {
    /// The chunks from the word `start` on.
    pub fn new(words: Words<'a>, start: usize, capacity: usize) -> Self {
        Self {
            words,
            start,
            capacity,
        }
    }

    /// How many words they take.
    pub const fn size(capacity: usize) -> usize {
        capacity * CHUNK
    }

    /// Writes bytes; returns their first chunk, or `None` if there is no room for them.
    pub fn write(self, bytes: &[u8]) -> Option<usize> {
        let needed = bytes.len().div_ceil(BYTES);
        let in_use = self.in_use();
        if needed > self.capacity.saturating_sub(in_use) {
            return None;
        }
        // From the last to the first, each of which names the one after it.
        let mut next = None;
        for piece in bytes.chunks(BYTES).rev() {
            next = Some(self.fill(piece, next)?);
        }
        self.words.put(OPEN, (in_use + needed) as u64);
        next
    }

    /// Reads what was written.
    pub fn read(self, first: Option<usize>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for base in self.chain(first) {
            let length = self.length(base);
            let words = (base + 1..base + CHUNK).map(|at| self.words.get(at).to_le_bytes());
            bytes.extend(words.flatten().take(length));
        }
        bytes
    }

    /// Frees what belongs to nothing any more.
    pub fn free(self, first: Option<usize>) {
        let mut freed = 0;
        let mut at = first;
        while let Some(this) = at.filter(|&this| this < self.used() && freed < self.capacity) {
            let base = self.base(this);
            at = Words::place(self.words.get(base));
            self.words.put(base, self.words.get(FREE));
            self.words.put(FREE, Words::naming(Some(this)));
            freed += 1;
        }
        self.words
            .put(OPEN, self.in_use().saturating_sub(freed) as u64);
    }

    /// Frees everything that none of these leads to; returns those of them that lead astray.
    pub fn mend(self, firsts: impl Iterator<Item = (usize, usize)>) -> Vec<usize> {
        let mut kept = vec![false; self.used()];
        let mut astray = Vec::new();
        for (owner, first) in firsts {
            if self.mark(first, &mut kept).is_none() {
                astray.push(owner);
            }
        }
        self.words.put(FREE, 0);
        for (at, _) in kept.iter().enumerate().rev().filter(|(_, kept)| !**kept) {
            self.words.put(self.base(at), self.words.get(FREE));
            self.words.put(FREE, Words::naming(Some(at)));
        }
        let open = kept.iter().filter(|kept| **kept).count();
        self.words.put(OPEN, open as u64);
        astray
    }

    /// Marks a chain whose chunks are nobody else's; `None`, and nothing marked, if they are.
    fn mark(self, first: usize, kept: &mut [bool]) -> Option<()> {
        let mut chain = Vec::new();
        let mut next = Some(first);
        while let Some(at) = next {
            if *kept.get(at)? || chain.len() > kept.len() {
                return None;
            }
            chain.push(at);
            next = Words::place(self.words.get(self.base(at)));
        }
        for at in chain {
            *kept.get_mut(at)? = true;
        }
        Some(())
    }

    fn fill(self, piece: &[u8], next: Option<usize>) -> Option<usize> {
        let at = self.take()?;
        let base = self.base(at);
        self.words
            .put(base, (piece.len() as u64) << 32 | Words::naming(next));
        for (offset, eight) in piece.chunks(8).enumerate() {
            let mut word = [0; 8];
            word.iter_mut()
                .zip(eight)
                .for_each(|(to, from)| *to = *from);
            self.words.put(base + 1 + offset, u64::from_le_bytes(word));
        }
        Some(at)
    }

    fn take(self) -> Option<usize> {
        if let Some(at) = Words::place(self.words.get(FREE)) {
            let next = self.words.get(self.base(at));
            self.words.put(FREE, next & u64::from(u32::MAX));
            return Some(at);
        }
        let at = self.used();
        (at < self.capacity).then(|| {
            self.words.put(USED, at as u64 + 1);
            at
        })
    }

    /// The words at which the chunks of a chain begin.
    fn chain(self, first: Option<usize>) -> impl Iterator<Item = usize> {
        let after = move |at: &usize| Words::place(self.words.get(self.base(*at)));
        let places = std::iter::successors(first, after);
        places.take(self.capacity).map(move |at| self.base(at))
    }

    fn length(self, base: usize) -> usize {
        usize::try_from(self.words.get(base) >> 32).map_or(0, |length| length.min(BYTES))
    }

    fn used(self) -> usize {
        usize::try_from(self.words.get(USED)).map_or(self.capacity, |used| used.min(self.capacity))
    }

    pub(crate) fn in_use(self) -> usize {
        usize::try_from(self.words.get(OPEN)).unwrap_or(self.capacity)
    }

    fn base(self, at: usize) -> usize {
        self.start + at * CHUNK
    }
}
