//! What waits for the committer: frames, already encoded, and the state that callers see.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::entry::Entry;
use super::error::{JournalError, Refusal};
use super::frame::{self, HEADER, Kind, MAX_PAYLOAD};
use super::fs::{Fs, Lock};
use super::ledger::Ledger;
use super::options::Options;
use super::preparer::Mailbox;
use super::seal::TAG;
use super::sidecar::Place;
use crate::time::UnixMillis;

/// Bytes that may wait for the disk. What waits goes out as one group, so this bounds groups too.
pub(crate) const QUEUE_BYTES: usize = 8 << 20;

/// Replies that may wait; beyond that they are forgotten.
const LAZY_BYTES: usize = QUEUE_BYTES + (4 << 20);

/// Milliseconds between tries while the disk takes nothing.
const RETRY: i64 = 1000;

/// Whether the journal takes messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It does.
    #[default]
    Open,
    /// Not at present; an append tries again once a second.
    Refusing(Refusal),
    /// Never again in this process.
    Poisoned,
    /// It was closed.
    Closed,
}

/// Everything that waits.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Frames without epoch and checksum.
    pub(crate) frames: Vec<u8>,
    /// The messages among them.
    pub(crate) seqs: Range<u64>,
    pub(crate) next_seq: u64,
    pub(crate) state: State,
    /// The latest time that anybody told.
    pub(crate) now: UnixMillis,
    /// When an append may try again.
    retry_at: i64,
    /// Bytes of all files.
    pub(crate) used: u64,
    /// Destinations that entries may name.
    pub(crate) lanes: usize,
    /// Somebody thinks that segments can go.
    pub(crate) tidy: bool,
    /// A record of what a destination took found no room: the ledger alone knows it.
    pub(crate) forgot: bool,
    pub(crate) closing: bool,
}

impl Queue {
    pub(crate) fn new(next_seq: u64, now: UnixMillis, used: u64) -> Self {
        Self {
            seqs: next_seq..next_seq,
            next_seq,
            now,
            used,
            ..Self::default()
        }
    }

    /// Queues messages; returns the number of the first.
    fn append(
        &mut self,
        entries: &[Entry<'_>],
        now: UnixMillis,
        options: &Options,
    ) -> Result<u64, JournalError> {
        let tag = tag(options);
        let size: usize = entries.iter().map(|one| one.size() + HEADER + tag).sum();
        self.admit(size, now, options.max_bytes)?;
        self.frames.reserve(size);
        let first = self.next_seq;
        for entry in entries {
            let seq = self.next_seq;
            frame::begin(&mut self.frames, Kind::Message, seq, tag, |out| {
                entry.encode(out);
            });
            self.next_seq += 1;
        }
        self.seqs.end = self.next_seq;
        Ok(first)
    }

    fn admit(&mut self, size: usize, now: UnixMillis, max: u64) -> Result<(), JournalError> {
        self.now = self.now.max(now);
        match self.state {
            State::Open => {}
            State::Poisoned | State::Closed => return Err(JournalError::Poisoned),
            State::Refusing(_) if now.0 >= self.retry_at && self.seqs.is_empty() => {
                self.retry_at = now.0.saturating_add(RETRY);
            }
            State::Refusing(reason) => return Err(JournalError::Refusing(reason)),
        }
        if !self.frames.is_empty() && self.frames.len() + size > QUEUE_BYTES {
            return Err(JournalError::Full);
        }
        if self.used + (self.frames.len() + size) as u64 > max {
            self.tidy = true;
            return Err(JournalError::Full);
        }
        Ok(())
    }

    /// Queues a record that no one waits for.
    pub(crate) fn lazy(&mut self, kind: Kind, tag: usize, fill: impl FnOnce(&mut Vec<u8>)) {
        let idle = matches!(self.state, State::Poisoned | State::Closed);
        if !idle && self.frames.len() < LAZY_BYTES {
            let seq = self.next_seq - 1;
            frame::begin(&mut self.frames, kind, seq, tag, fill);
        } else {
            self.forgot |= kind == Kind::Settled;
        }
    }

    /// Says that the disk took nothing, and when to try again.
    pub(crate) fn refuse(&mut self, reason: Refusal) {
        self.state = State::Refusing(reason);
        self.retry_at = self.now.0.saturating_add(RETRY);
    }

    fn busy(&self) -> bool {
        !self.frames.is_empty() || self.closing || self.tidy
    }
}

/// Bytes that a seal adds to each payload.
pub(crate) fn tag(options: &Options) -> usize {
    if options.seal.is_some() { TAG } else { 0 }
}

/// Called after each group, on the committer's thread.
pub type OnCommit = Box<dyn Fn() + Send + Sync>;

/// What the threads share. Locks are taken in the order queue, ledger, mailbox, and never held
/// during input or output.
pub(crate) struct Shared {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) on_commit: OnCommit,
    queue: Mutex<Queue>,
    wake: Condvar,
    ledger: Mutex<Ledger>,
    pub(crate) mailbox: Mailbox,
    /// Keeps other processes out of the folder.
    pub(crate) held: Mutex<Option<Lock>>,
    pub(crate) counters: Mutex<Counters>,
}

/// What was done since the journal was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that became durable.
    pub appended: u64,
    /// Groups written.
    pub groups: u64,
    /// Bytes written in groups.
    pub written: u64,
    /// Syncs.
    pub syncs: u64,
    /// Groups that failed.
    pub failures: u64,
    /// Messages that could not be read when somebody asked for them.
    pub unreadable: u64,
    /// Deliveries of messages that somebody removed with their segments.
    pub removed: u64,
    /// Segments begun.
    pub rotations: u64,
    /// Segments begun in a recycled file.
    pub recycled: u64,
}

impl Shared {
    pub(crate) fn new(
        (fs, dir): (Arc<dyn Fs>, PathBuf),
        options: Options,
        on_commit: OnCommit,
        (queue, ledger): (Queue, Ledger),
        held: Lock,
    ) -> Self {
        Self {
            fs,
            dir,
            options,
            on_commit,
            queue: Mutex::new(queue),
            wake: Condvar::new(),
            ledger: Mutex::new(ledger),
            mailbox: Mailbox::default(),
            held: Mutex::new(Some(held)),
            counters: Mutex::default(),
        }
    }

    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut lock(&self.counters));
    }

    pub(crate) fn append(
        &self,
        entries: &[Entry<'_>],
        now: UnixMillis,
    ) -> Result<u64, JournalError> {
        let mut queue = self.queue();
        for entry in entries {
            if entry.size() + TAG > MAX_PAYLOAD {
                return Err(JournalError::Invalid("a message is too large"));
            }
            if entry
                .destinations
                .iter()
                .any(|one| usize::from(one) >= queue.lanes)
            {
                return Err(JournalError::Invalid("a destination is unknown"));
            }
        }
        let first = queue.append(entries, now, &self.options);
        drop(queue);
        self.wake.notify_one();
        first
    }

    /// Queues a record that no one waits for.
    pub(crate) fn lazy(&self, kind: Kind, fill: impl FnOnce(&mut Vec<u8>)) {
        self.queue().lazy(kind, tag(&self.options), fill);
        self.wake.notify_one();
    }

    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            fs: &*self.fs,
            dir: &self.dir,
            key: self.options.seal.as_ref(),
        }
    }

    /// Changes the queue and wakes the committer.
    pub(crate) fn tell(&self, change: impl FnOnce(&mut Queue)) {
        change(&mut self.queue());
        self.wake.notify_one();
    }

    /// Waits until there is something to do.
    pub(crate) fn wait(&self) -> MutexGuard<'_, Queue> {
        let waiting = self.wake.wait_while(self.queue(), |queue| !queue.busy());
        waiting.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Locks, also after a panic elsewhere: every change under these locks leaves them consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
