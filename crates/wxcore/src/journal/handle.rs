//! The journal as its users see it.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::active::{Active, begin};
use super::committer::Committer;
use super::entry::Entry;
use super::error::{JournalError, Refusal};
use super::frame::Kind;
use super::fs::Fs;
use super::ledger::{Ledger, Segment};
use super::options::Options;
use super::preparer::{self, create, zeros};
use super::queue::{Counters, OnCommit, Queue, Shared, State, lock};
use super::read::{self, Batch, Files};
use super::record::{Reply, put_settled};
use super::recover::{Recovered, recover};
use super::sidecar::Place;
use crate::time::UnixMillis;

/// Bytes that the first segment of a process is filled with before it is used: it is left for the
/// next one, which is filled meanwhile, as soon as they are written.
const FIRST: u64 = 4 << 20;

/// An open journal. Dropping it closes it.
pub struct Journal {
    shared: Arc<Shared>,
    files: Files,
    threads: Mutex<Vec<JoinHandle<()>>>,
    recovered: RecoveryCounters,
}

/// What there is to tell of the groups that were committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Every message up to here is on disk, but for those that failed.
    pub durable: u64,
    /// Messages that failed since the last call.
    pub failed: Vec<Range<u64>>,
    /// Whether the journal takes messages.
    pub state: State,
}

/// Figures about a journal.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Segments on disk.
    pub segments: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// Bytes that wait for the disk.
    pub queued: u64,
    /// The number of the message that comes next.
    pub next_seq: u64,
    /// By destination: name, and messages that it has not settled. Those that are not configured are
    /// there as long as they have some.
    pub unsettled: Vec<(String, u64)>,
    /// When the oldest message was accepted that some destination has not settled, or up to ten
    /// seconds before.
    pub oldest_unsettled: Option<UnixMillis>,
    /// What was done since the journal was opened.
    pub counters: Counters,
    /// What was found when it was opened.
    pub recovery: RecoveryCounters,
    /// Whether the journal takes messages.
    pub state: State,
}

/// What was found when a journal was opened, in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryCounters {
    /// As in [`Recovered`].
    pub torn_bytes: u64,
    /// As in [`Recovered`].
    pub damaged_bytes: u64,
    /// As in [`Recovered`].
    pub lost_messages: u64,
    /// As in [`Recovered`], counted.
    pub missing_segments: u64,
    /// As in [`Recovered`], counted.
    pub unreadable_segments: u64,
}

impl Journal {
    /// Opens the journal in `dir`, making the folder if need be, and starts its threads.
    ///
    /// # Errors
    /// [`JournalError::Locked`], `Version`, `Key`, or `Io` where the folder cannot be used at all. A
    /// disk that only takes nothing more is none: what is there can be delivered.
    pub fn open(
        fs: Arc<dyn Fs>,
        dir: &Path,
        options: Options,
        now: UnixMillis,
        on_commit: OnCommit,
    ) -> Result<(Self, Recovered), JournalError> {
        check(&options)?;
        fs.create_dir_all(dir)
            .map_err(JournalError::io("making the journal's folder"))?;
        let held = fs
            .lock(&dir.join("lock"))
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::WouldBlock => JournalError::Locked,
                _ => JournalError::io("locking the journal's folder")(error),
            })?;
        let place = Place {
            fs: &*fs,
            dir,
            key: options.seal.as_ref(),
        };
        let mut rebuilt = recover(&place, &options, now)?;
        let claimed = sidecars(&place, &options, &mut rebuilt.ledger, now)?;
        rebuilt.recovered.claims.extend(claimed);
        let mut ledger = rebuilt.ledger;
        let first = first(&place, &options, &mut ledger, now);
        let mut queue = Queue::new(ledger.durable + 1, now, ledger.bytes());
        queue.lanes = options.destinations.len();
        let active = match first {
            Ok(active) => Some(active),
            Err(error) => match Refusal::of(&error) {
                Refusal::Failed => {
                    return Err(JournalError::io("beginning a segment")(error));
                }
                reason => {
                    queue.refuse(reason);
                    None
                }
            },
        };
        let recovered = counted(&rebuilt.recovered);
        let next = ledger.next_number;
        let shared = Shared::new(
            (fs, dir.to_owned()),
            options,
            on_commit,
            (queue, ledger),
            held,
        );
        let journal = Self {
            shared: Arc::new(shared),
            files: Files::default(),
            threads: Mutex::default(),
            recovered,
        };
        journal.shared.mailbox.prepare(next);
        journal.start(active)?;
        journal.index_the_rest();
        Ok((journal, rebuilt.recovered))
    }

    /// Asks for the indexes that the process before did not get to.
    fn index_the_rest(&self) {
        if self.shared.options.sidecar.is_none() {
            return;
        }
        let ledger = self.shared.ledger();
        let full = ledger
            .segments
            .iter()
            .filter(|one| one.full && !one.indexed);
        let numbers: Vec<u64> = full.map(|segment| segment.header.number).collect();
        drop(ledger);
        for number in numbers {
            self.shared.mailbox.full(number);
        }
    }

    fn start(&self, active: Option<Active>) -> Result<(), JournalError> {
        let shared = Arc::clone(&self.shared);
        let preparer = thread::Builder::new()
            .name("wx-preparer".to_owned())
            .spawn(move || preparer::run(&shared));
        let committer = Committer::new(Arc::clone(&self.shared), active);
        let committer = thread::Builder::new()
            .name("wx-committer".to_owned())
            .spawn(move || committer.run());
        for started in [preparer, committer] {
            let handle = started.map_err(JournalError::io("starting a thread"))?;
            lock(&self.threads).push(handle);
        }
        Ok(())
    }

    /// The indexes of destinations by name; names that the journal does not know are given the next
    /// ones, and what it still holds for one that was not configured is that one's again.
    ///
    /// The segment that is written counts by the names it began with, so the next group begins one.
    ///
    /// # Errors
    /// [`JournalError::Invalid`] if there are too many. Then none is added.
    pub fn extend(&self, names: &[String]) -> Result<Vec<u16>, JournalError> {
        let mut queue = self.shared.queue();
        let mut ledger = self.shared.ledger();
        if ledger.lanes.len() + ledger.unknown(names) >= usize::from(u16::MAX) {
            return Err(JournalError::Invalid("too many destinations"));
        }
        let places = names.iter().map(|name| ledger.lane(name)).collect();
        queue.lanes = ledger.lanes.len();
        Ok(places)
    }

    /// Queues messages, without waiting for anything; returns the number of the first. They are on
    /// disk once [`progress`](Self::progress) says so.
    ///
    /// # Errors
    /// [`JournalError::Full`], `Refusing`, `Poisoned`, or `Invalid` for a message that is too large
    /// or goes to a destination that the options do not name. Then none of them is queued.
    pub fn append(&self, entries: &[Entry<'_>], now: UnixMillis) -> Result<u64, JournalError> {
        self.shared.append(entries, now)
    }

    /// Keeps an answer for retries. Not waited for: a power cut may lose it.
    pub fn remember(&self, reply: &Reply) {
        self.shared.lazy(Kind::Reply, |out| reply.put(out));
    }

    /// Says that a destination has taken messages, or put them among its dead letters. Not waited
    /// for: a power cut may lose it, and then they are delivered again.
    pub fn settle(&self, destination: u16, seqs: &[u64]) {
        let mut ascending = seqs.to_vec();
        ascending.sort_unstable();
        ascending.dedup();
        if ascending.is_empty() {
            return;
        }
        let freed = self.shared.ledger().settle(destination, &ascending);
        self.shared.lazy(Kind::Settled, |out| {
            put_settled(out, destination, &ascending);
        });
        if freed {
            let max = self.shared.options.max_bytes;
            self.shared.tell(|queue| {
                let refusing = matches!(queue.state, State::Refusing(_));
                queue.tidy |= refusing || queue.used > max / 4 * 3;
            });
        }
    }

    /// Says how far a destination has considered messages.
    pub fn advance(&self, destination: u16, cursor: u64) {
        self.shared.ledger().advance(destination, cursor);
    }

    /// What has become durable, and what failed since the last call.
    pub fn progress(&self) -> Progress {
        let mut ledger = self.shared.ledger();
        let (durable, failed) = (ledger.durable, std::mem::take(&mut ledger.failed));
        drop(ledger);
        Progress {
            durable,
            failed,
            state: self.shared.queue().state,
        }
    }

    /// Durable messages behind `after` that `destination` has not settled, in order: at most `limit`
    /// of them, and `max_bytes` but for the first.
    ///
    /// # Errors
    /// [`JournalError::Io`] if a segment cannot be opened or read.
    pub fn read(
        &self,
        destination: u16,
        after: u64,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Batch, JournalError> {
        let bounds = (limit.max(1), max_bytes);
        read::read((&self.shared, &self.files), destination, after, bounds)
    }

    /// Figures.
    pub fn stats(&self) -> Stats {
        let ledger = self.shared.ledger();
        let lanes = 0..u16::try_from(ledger.lanes.len()).unwrap_or(u16::MAX);
        let oldest = lanes.filter_map(|lane| {
            let (segment, seq) = ledger.wanted(lane, 0).next()?;
            Some(segment.accepted(seq))
        });
        let oldest_unsettled = oldest.min();
        let unsettled = ledger.counts();
        let (segments, bytes) = (ledger.segments.len(), ledger.bytes());
        drop(ledger);
        let queue = self.shared.queue();
        Stats {
            segments,
            bytes,
            queued: queue.frames.len() as u64,
            next_seq: queue.next_seq,
            unsettled,
            oldest_unsettled,
            counters: *lock(&self.shared.counters),
            recovery: self.recovered,
            state: queue.state,
        }
    }

    /// Writes what waits and a checkpoint, durably, ends the threads and lets the folder go: whoever
    /// still holds the closed journal keeps nobody out. May be called twice.
    pub fn close(&self) {
        self.shared.tell(|queue| queue.closing = true);
        let mut threads = lock(&self.threads);
        // The committer may still need the preparer, so it ends first.
        while let Some(thread) = threads.pop() {
            // A thread that panicked has already said so through the state.
            let _ = thread.join();
            self.shared.mailbox.close();
        }
        lock(&self.shared.held).take();
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Journal({})", self.shared.dir.display())
    }
}

fn check(options: &Options) -> Result<(), JournalError> {
    if !(8 << 10..=1 << 30).contains(&options.segment_bytes) {
        return Err(JournalError::Invalid("segment_bytes: from 8 KiB to 1 GiB"));
    }
    if options.destinations.len() >= usize::from(u16::MAX) {
        return Err(JournalError::Invalid("too many destinations"));
    }
    Ok(())
}

fn sidecars(
    place: &Place<'_>,
    options: &Options,
    ledger: &mut Ledger,
    now: UnixMillis,
) -> Result<Vec<super::sidecar::Claim>, JournalError> {
    let Some(sidecar) = &options.sidecar else {
        return Ok(Vec::new());
    };
    let mut live = Vec::new();
    for segment in &mut ledger.segments {
        segment.indexed = sidecar.has(*place, segment.header.number);
        live.push(segment.header.number);
    }
    let claims = sidecar.claims(*place, &live, now);
    claims.map_err(JournalError::io("reading the claims of earlier segments"))
}

/// Begins the first segment of this process: never the one that another left, whose tail may hold
/// anything.
fn first(
    place: &Place<'_>,
    options: &Options,
    ledger: &mut Ledger,
    now: UnixMillis,
) -> std::io::Result<Active> {
    let mut prepared = create(place.fs, place.dir, ledger.next_number)?;
    let size = options.segment_bytes.min(FIRST);
    while prepared.filled < size {
        prepared.filled = zeros(&*prepared.file, prepared.filled, size)?;
    }
    let small = Options {
        segment_bytes: size,
        ..options.clone()
    };
    let (mut active, head) = begin(place, &small, ledger, &prepared, (now, &[]))?;
    active.write(&head, 0)?;
    options.durability.sync(&*active.file)?;
    active.at = head.len() as u64;
    ledger
        .segments
        .push_back(Segment::new(active.header, active.at, size));
    ledger.next_number += 1;
    Ok(active)
}

fn counted(recovered: &Recovered) -> RecoveryCounters {
    RecoveryCounters {
        torn_bytes: recovered.torn_bytes,
        damaged_bytes: recovered.damaged_bytes,
        lost_messages: recovered.lost_messages,
        missing_segments: recovered.missing_segments.len() as u64,
        unreadable_segments: recovered.unreadable_segments.len() as u64,
    }
}
