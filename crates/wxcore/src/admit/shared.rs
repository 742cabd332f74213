//! The claims of all workers of a machine: the same states, in memory that they share.
//!
//! A lease ends by itself, for its worker may be killed. What has expired is new at once, and its place
//! is used again within a fraction of its life.

use super::{ClaimKey, born};
use crate::shared::chunks::{self, Chunks};
use crate::shared::table::{State, Table};
use crate::shared::{Visit, Words};
use crate::time::UnixMillis;

/// Shorter than the 5 s after which WeChat tries again: who died with a lease has lost nothing.
const LEASE_MS: i64 = 4_000;
/// Entries that each claim looks at, whether they have expired.
const LOOKS: usize = 8;

/// What is known of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is the asker's now, until it completes or abandons it, or its lease ends.
    New,
    /// Somebody has it.
    Leased,
    /// It is done; with the answer, empty where the sender got no more than an acknowledgement.
    Done(Vec<u8>),
}

/// For how much there is room; equal for all that share the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    claims: usize,
    chunks: usize,
}

impl Shape {
    /// For so many claims, and bytes of answers. `None` if that is more than 32 bits can count.
    pub fn new(claims: usize, answer_bytes: usize) -> Option<Self> {
        let chunks = answer_bytes.div_ceil(chunks::BYTES);
        let countable = |count: usize| u32::try_from(count).is_ok_and(|count| count < u32::MAX);
        let shape = Self {
            claims: claims.max(1),
            chunks,
        };
        (countable(shape.claims) && countable(chunks)).then_some(shape)
    }

    /// How many words of memory that takes, all of them zero at first.
    pub const fn words(self) -> usize {
        Table::size(self.claims) + Chunks::size(self.chunks)
    }
}

/// The claims, while their lock is held.
pub struct Claims<'a> {
    table: Table<'a>,
    answers: Chunks<'a>,
    visit: Visit<'a>,
}

impl<'a> Claims<'a> {
    /// Enters, and mends what a worker has left half done. To be left again.
    pub fn enter(words: Words<'a>, shape: Shape) -> Self {
        let (visit, unfinished) = Visit::enter(words);
        let claims = Self {
            table: Table::new(words, shape.claims),
            answers: Chunks::new(words, Table::size(shape.claims), shape.chunks),
            visit,
        };
        if unfinished {
            claims.mend();
        }
        claims
    }

    /// Leaves; the lock may go.
    pub fn leave(self) {
        self.visit.leave();
    }

    /// Asks for a message; if it is new, the asker has it from now on.
    pub fn claim(&self, key: &ClaimKey, now: UnixMillis) -> Known {
        self.table.note_time(now.0);
        self.sweep(now);
        let lease = State {
            until: now.0.saturating_add(LEASE_MS),
            flag: false,
        };
        if let Some(at) = self.table.find(key) {
            match self.table.state(at) {
                Some(state) if state.until > now.0 && state.flag => {
                    return Known::Done(self.answers.read(self.table.chunk(at)));
                }
                Some(state) if state.until > now.0 => return Known::Leased,
                _ => self.replace(at, lease, None),
            }
        } else {
            self.add(key, lease);
        }
        Known::New
    }

    /// The message is done until then; a later answer replaces the one before.
    pub fn complete(&self, key: &ClaimKey, until: UnixMillis, answer: &[u8]) {
        let state = State {
            until: until.0,
            flag: true,
        };
        let Some(at) = self.table.find(key).or_else(|| self.add(key, state)) else {
            return;
        };
        let chunk = self.keep(at, answer);
        self.replace(at, state, chunk);
    }

    /// Takes a message that is on disk, but unfinished, until then.
    pub fn lease(&self, key: &ClaimKey, until: UnixMillis) {
        let state = State {
            until: until.0,
            flag: false,
        };
        match self.table.find(key) {
            Some(at) => self.replace(at, state, None),
            None => _ = self.add(key, state),
        }
    }

    /// The asker gives the message up: the next try is new.
    pub fn abandon(&self, key: &ClaimKey) {
        let found = self.table.find(key);
        let open = |at: &usize| self.table.state(*at).is_some_and(|state| !state.flag);
        if let Some(at) = found.filter(open) {
            self.forget(at);
        }
    }

    /// What is known of messages that are done, in one of `parts` equal parts of all keys.
    pub fn done(&self, part: usize, parts: usize) -> Vec<(ClaimKey, UnixMillis, Vec<u8>)> {
        let parts = parts.max(1);
        let row = |at: usize| {
            let (key, state) = (self.table.key(at), self.table.state(at)?);
            let [first, second, ..] = key;
            let wanted = usize::from(u16::from_be_bytes([first, second])) % parts == part;
            let row = || {
                let answer = self.answers.read(self.table.chunk(at));
                (key, UnixMillis(state.until), answer)
            };
            (wanted && state.flag).then(row)
        };
        self.table.entries().filter_map(row).collect()
    }

    /// How many messages are remembered.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many claims and answers were dropped before their time, for want of room.
    pub fn dropped(&self) -> u64 {
        self.table.dropped()
    }

    /// Adds a message, in place of one whose loss costs least if there is no room.
    fn add(&self, key: &ClaimKey, state: State) -> Option<usize> {
        self.table.insert(key, state).or_else(|| {
            self.forget(self.oldest()?);
            self.table.note_dropped();
            self.table.insert(key, state)
        })
    }

    /// Of some messages, the one that has been done for longest.
    ///
    /// One that somebody is still at work on is needed more than all of them.
    fn oldest(&self) -> Option<usize> {
        let now = UnixMillis(self.table.time());
        let rank = |at: &usize| {
            let state = self.table.state(*at);
            state.map(|one| (!one.flag, born(UnixMillis(one.until), now)))
        };
        self.table.sample().min_by_key(rank)
    }

    /// Writes an answer, in place of the one before.
    fn keep(&self, at: usize, answer: &[u8]) -> Option<usize> {
        self.release(at);
        if answer.is_empty() {
            return None;
        }
        let chunk = self.answers.write(answer);
        if chunk.is_none() {
            self.table.note_dropped();
        }
        chunk
    }

    fn replace(&self, at: usize, state: State, chunk: Option<usize>) {
        self.release(at);
        self.table.set_chunk(at, chunk);
        // Last: until then it is as it was, but for an answer.
        self.table.set_state(at, state);
    }

    fn release(&self, at: usize) {
        let chunk = self.table.chunk(at);
        if chunk.is_some() {
            self.table.set_chunk(at, None);
            self.answers.free(chunk);
        }
    }

    fn forget(&self, at: usize) {
        self.release(at);
        self.table.remove(at);
    }

    fn sweep(&self, now: UnixMillis) {
        for _ in 0..LOOKS {
            if let Some(at) = self.table.expired(now.0) {
                self.forget(at);
            }
        }
    }

    fn mend(&self) {
        self.table.mend();
        let firsts = self.table.entries();
        let firsts = firsts.filter_map(|at| Some((at, self.table.chunk(at)?)));
        for at in self.answers.mend(firsts) {
            self.table.set_chunk(at, None);
        }
    }
}

#[cfg(test)]
mod tests;
