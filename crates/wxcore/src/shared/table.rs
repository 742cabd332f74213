//! Entries of 32 bytes in chains by their key, in memory that workers share.
//!
//! An entry is a key of 128 bits, a state with the time at which the entry expires, and a place for
//! what belongs to it. Entries are taken from the front of their array, so that only what was ever
//! needed at once becomes real memory. What has expired is found by a hand that goes round, some
//! entries at each call.

use super::{HEADER, Words};

const FREE: usize = 1;
const USED: usize = 2;
const LIVE: usize = 3;
const HAND: usize = 4;
const DROPPED: usize = 5;
/// After those of [`super::chunks`].
const TIME: usize = 9;

/// Words of an entry: both halves of its key, its state, and its links.
const ENTRY: usize = 4;
const STATE: usize = 2;
const LINKS: usize = 3;
/// Entries for each chain, if all are in use.
const PER_CHAIN: usize = 4;
/// Of so many entries, one makes room.
const SAMPLE: usize = 64;

/// What an entry is kept under: 128 bits of a digest.
pub type Key = [u8; 16];

/// Until when an entry counts, and one bit more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// In units of the table's own clock, above 0.
    pub until: i64,
    /// Whatever the table's user keeps in it.
    pub flag: bool,
}

impl State {
    fn read(word: u64) -> Option<Self> {
        let until = i64::try_from(word >> 1).ok()?;
        let flag = word & 1 == 1;
        (word != 0).then_some(Self { until, flag })
    }

    fn word(self) -> u64 {
        let until = u64::try_from(self.until.max(1)).unwrap_or(1);
        until << 1 | u64::from(self.flag)
    }
}

/// A table of at most so many entries. Its places are counted from 0.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    words: Words<'a>,
    capacity: usize,
}

impl<'a> Table<'a> {
    /// The table at the beginning of these words.
    pub fn new(words: Words<'a>, capacity: usize) -> Self {
        Self { words, capacity }
    }

    /// How many words it takes.
    pub const fn size(capacity: usize) -> usize {
        HEADER + chains(capacity) + capacity * ENTRY
    }

    /// The entry of a key, whether it has expired or not.
    pub fn find(self, key: &Key) -> Option<usize> {
        let [first, second] = halves(key);
        let mut next = Words::place(self.words.get(self.chain(first)));
        for _ in 0..self.capacity {
            let at = next?;
            let base = self.base(at);
            if self.words.get(base) == first && self.words.get(base + 1) == second {
                return Some(at);
            }
            next = Words::place(self.words.get(base + LINKS));
        }
        None
    }

    /// Adds an entry for a key that has none; `None` if there is no room.
    pub fn insert(self, key: &Key, state: State) -> Option<usize> {
        let at = self.take()?;
        let ([first, second], base) = (halves(key), self.base(at));
        let chain = self.chain(first);
        self.words.put(base, first);
        self.words.put(base + 1, second);
        self.words.put(base + LINKS, self.words.get(chain));
        self.words.put(base + STATE, state.word());
        self.words.put(chain, Words::naming(Some(at)));
        self.words.put(LIVE, self.len() as u64 + 1);
        Some(at)
    }

    /// Removes an entry, to which nothing belongs any more.
    pub fn remove(self, at: usize) {
        let base = self.base(at);
        self.words.put(base + STATE, 0);
        self.unlink(at);
        self.words.put(base + LINKS, self.words.get(FREE));
        self.words.put(FREE, Words::naming(Some(at)));
        self.words.put(LIVE, (self.len() as u64).saturating_sub(1));
    }

    /// The state of an entry; `None` of one that is free.
    pub fn state(self, at: usize) -> Option<State> {
        State::read(self.words.get(self.base(at) + STATE))
    }

    /// Gives an entry another state.
    pub fn set_state(self, at: usize, state: State) {
        self.words.put(self.base(at) + STATE, state.word());
    }

    /// The key of an entry.
    pub fn key(self, at: usize) -> Key {
        let base = self.base(at);
        let mut key = [0; 16];
        let (first, second) = key.split_at_mut(8);
        first.copy_from_slice(&self.words.get(base).to_le_bytes());
        second.copy_from_slice(&self.words.get(base + 1).to_le_bytes());
        key
    }

    /// Where the first chunk is of what belongs to an entry.
    pub fn chunk(self, at: usize) -> Option<usize> {
        Words::place(self.words.get(self.base(at) + LINKS) >> 32)
    }

    /// Has these chunks belong to an entry.
    pub fn set_chunk(self, at: usize, chunk: Option<usize>) {
        let base = self.base(at);
        let next = self.words.get(base + LINKS) & u64::from(u32::MAX);
        self.words
            .put(base + LINKS, next | Words::naming(chunk) << 32);
    }

    /// How many entries are in use.
    pub fn len(self) -> usize {
        count(self.words.get(LIVE))
    }

    /// Whether none is.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Every entry that is in use, expired ones included.
    pub fn entries(self) -> impl Iterator<Item = usize> {
        (0..self.used()).filter(move |&at| self.state(at).is_some())
    }

    /// Moves the hand on by one entry, and returns it if it has expired.
    pub fn expired(self, now: i64) -> Option<usize> {
        let at = self.advance();
        let state = self.state(at)?;
        (state.until <= now).then_some(at)
    }

    /// The entries before the hand, of which one is to make room.
    pub fn sample(self) -> impl Iterator<Item = usize> {
        let seen = (0..SAMPLE).map(move |_| self.advance());
        seen.filter(move |&at| self.state(at).is_some())
    }

    /// The latest time that was noted.
    pub fn time(self) -> i64 {
        i64::try_from(self.words.get(TIME)).unwrap_or(i64::MAX)
    }

    /// Notes what time it is; it never goes back.
    pub fn note_time(self, now: i64) {
        if now > self.time() {
            self.words.put(TIME, u64::try_from(now).unwrap_or_default());
        }
    }

    /// How often something was dropped before its time.
    pub fn dropped(self) -> u64 {
        self.words.get(DROPPED)
    }

    /// Counts one more.
    pub fn note_dropped(self) {
        self.words.put(DROPPED, self.dropped().saturating_add(1));
    }

    /// Links everything anew that has a state, after a worker was killed while it wrote.
    pub fn mend(self) {
        for chain in 0..chains(self.capacity) {
            self.words.put(HEADER + chain, 0);
        }
        self.words.put(FREE, 0);
        let mut live = 0;
        // From the back: what is free is taken from the front again.
        for at in (0..self.used()).rev() {
            let base = self.base(at);
            let list = if self.state(at).is_some() {
                live += 1;
                self.chain(self.words.get(base))
            } else {
                FREE
            };
            let chunk = self.words.get(base + LINKS) >> 32 << 32;
            let chunk = if list == FREE { 0 } else { chunk };
            self.words.put(base + LINKS, chunk | self.words.get(list));
            self.words.put(list, Words::naming(Some(at)));
        }
        self.words.put(LIVE, live);
    }

    fn used(self) -> usize {
        count(self.words.get(USED)).min(self.capacity)
    }

    fn advance(self) -> usize {
        let at = count(self.words.get(HAND));
        let at = if at < self.used() { at } else { 0 };
        self.words.put(HAND, at as u64 + 1);
        at
    }

    fn take(self) -> Option<usize> {
        if let Some(at) = Words::place(self.words.get(FREE)) {
            let next = self.words.get(self.base(at) + LINKS);
            self.words.put(FREE, next & u64::from(u32::MAX));
            return Some(at);
        }
        let at = self.used();
        (at < self.capacity).then(|| {
            self.words.put(USED, at as u64 + 1);
            at
        })
    }

    fn unlink(self, at: usize) {
        let next = self.words.get(self.base(at) + LINKS) & u64::from(u32::MAX);
        let mut from = self.chain(self.words.get(self.base(at)));
        for _ in 0..=self.capacity {
            let word = self.words.get(from);
            match Words::place(word) {
                Some(found) if found == at => {
                    self.words.put(from, word >> 32 << 32 | next);
                    return;
                }
                Some(other) => from = self.base(other) + LINKS,
                None => return,
            }
        }
    }

    /// The word with the first entry of a key's chain.
    fn chain(self, first: u64) -> usize {
        HEADER + count(first % chains(self.capacity) as u64)
    }

    fn base(self, at: usize) -> usize {
        HEADER + chains(self.capacity) + at * ENTRY
    }
}

const fn chains(capacity: usize) -> usize {
    capacity / PER_CHAIN + 1
}

/// Both halves of a key, as words.
fn halves(key: &Key) -> [u64; 2] {
    let word = |half: Option<&[u8; 8]>| half.copied().map_or(0, u64::from_le_bytes);
    [word(key.first_chunk()), word(key.last_chunk())]
}

fn count(word: u64) -> usize {
    usize::try_from(word).unwrap_or(usize::MAX)
}
