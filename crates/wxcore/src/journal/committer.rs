//! The committer: everything that waits becomes one group, with one write and one sync.
//!
//! A group lies whole in one segment. If writing or syncing it fails, it is never tried again there:
//! after a failed sync the system's word for a later one is worth nothing. Its messages have failed,
//! the segment takes no more frames, and the next one says that they are void.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::active::{Active, Marks, begin};
use super::error::Refusal;
use super::frame::{self, Kind};
use super::ledger::Segment;
use super::options::Flaw;
use super::queue::{Shared, State, tag};
use super::record::put_void;
use super::retain;

/// Bytes of a group above which a file that grows is as fast as one filled with zeros, so that
/// filling would only halve what the disk has left. `benches/core/journal.rs` measures it.
const LARGE: usize = 64 << 10;

/// So many failures in a row, and nothing more is tried.
const STRIKES: u32 = 3;

pub(crate) struct Committer {
    shared: Arc<Shared>,
    active: Option<Active>,
    /// What is being committed; swapped with the queue's, so that neither is allocated anew.
    group: Vec<u8>,
    marks: Marks,
    /// Segments that go once the checkpoint without them is durable.
    retiring: Vec<u64>,
    /// What failed and no record says so yet.
    unsaid: Vec<Range<u64>>,
    /// A group was dropped before anything of it was written, and with it what destinations had
    /// taken: the segment goes on and has to say it anew.
    owing: bool,
    /// Failures in a row.
    strikes: u32,
    /// Destinations that the group may name.
    lanes: usize,
    /// Destinations that the active segment knows.
    known: usize,
}

/// Why a group failed.
pub(crate) struct Failure {
    reason: Refusal,
    /// Something of it may have been written.
    touched: bool,
}

impl Failure {
    fn refused(reason: Refusal) -> Self {
        let touched = false;
        Self { reason, touched }
    }

    /// A frame could not be given its last form: the segment has no room for it.
    fn unfinished() -> Self {
        let (reason, touched) = (Refusal::Failed, true);
        Self { reason, touched }
    }

    fn written(error: &io::Error) -> Self {
        let (reason, touched) = (Refusal::of(error), true);
        Self { reason, touched }
    }
}

/// A panic on the committer's thread must not look like a slow disk.
struct Alarm(Arc<Shared>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut queue = self.0.queue();
            queue.state = State::Poisoned;
            let next = queue.next_seq;
            drop(queue);
            let mut ledger = self.0.ledger();
            let lost = ledger.durable + 1..next;
            ledger.fail(lost);
            drop(ledger);
            (self.0.on_commit)();
        }
    }
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>, active: Option<Active>) -> Self {
        let known = shared.ledger().lanes.len();
        Self {
            shared,
            active,
            group: Vec::new(),
            marks: Marks::default(),
            retiring: Vec::new(),
            unsaid: Vec::new(),
            owing: false,
            strikes: 0,
            lanes: 0,
            known,
        }
    }

    /// Runs until the journal is closed.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _alarm = Alarm(Arc::clone(&shared));
        loop {
            let mut queue = shared.wait();
            self.group.clear();
            std::mem::swap(&mut self.group, &mut queue.frames);
            let next = queue.next_seq;
            let seqs = std::mem::replace(&mut queue.seqs, next..next);
            let (closing, tidy) = (queue.closing, std::mem::take(&mut queue.tidy));
            self.owing |= std::mem::take(&mut queue.forgot);
            self.lanes = queue.lanes;
            drop(queue);
            if !self.group.is_empty() {
                self.commit(&seqs);
            }
            if tidy {
                self.tidy();
            } else if closing && self.group.is_empty() {
                break;
            }
        }
        self.finish();
    }

    fn commit(&mut self, seqs: &Range<u64>) {
        let done = if self.strikes < STRIKES {
            self.try_commit(seqs)
        } else {
            Err(Failure::refused(Refusal::Failed))
        };
        let failed = done.is_err();
        match done {
            Ok(()) => self.succeed(seqs),
            Err(failure) => self.fail(seqs, &failure),
        }
        // Nobody waits for what destinations have taken.
        if failed || !seqs.is_empty() {
            (self.shared.on_commit)();
        }
        if let Some(active) = &self.active
            && self.group.len() <= LARGE
        {
            // By the time half of a segment is written the next one is there.
            let size = self.shared.options.segment_bytes;
            let share = u128::from(active.at) * u128::from(size) * 2 / u128::from(active.limit);
            let target = u64::try_from(share).unwrap_or(size).min(size);
            self.shared.mailbox.fill(target);
        }
    }

    fn succeed(&mut self, seqs: &Range<u64>) {
        self.strikes = 0;
        self.owing = false;
        self.unsaid.clear();
        self.retire();
        let used = self.shared.ledger().bytes();
        let mut queue = self.shared.queue();
        queue.used = used;
        if !seqs.is_empty() {
            queue.state = State::Open;
        }
    }

    fn try_commit(&mut self, seqs: &Range<u64>) -> Result<(), Failure> {
        let lazy = seqs.is_empty();
        if lazy && self.active.is_none() {
            // The next segment's checkpoint will say it.
            return Ok(());
        }
        let fits = self.lanes <= self.known && (lazy || self.fits());
        let mut head = if fits { self.arrears() } else { self.rotate()? };
        let Some(active) = &self.active else {
            return Err(Failure::refused(Refusal::Failed));
        };
        let start = active.at + head.len() as u64;
        self.marks.clear();
        if active.at > 0 {
            active
                .finish(&mut head, active.at, &mut self.marks)
                .ok_or_else(Failure::unfinished)?;
        }
        active
            .finish(&mut self.group, start, &mut self.marks)
            .ok_or_else(Failure::unfinished)?;
        let end = start + self.group.len() as u64;
        if self.shared.options.flaw == Flaw::EarlyAck {
            self.enter(end);
            (self.shared.on_commit)();
        }
        active
            .write(&head, active.at)
            .map_err(|error| Failure::written(&error))?;
        active
            .write(&self.group, start)
            .map_err(|error| Failure::written(&error))?;
        // What the checkpoint of a new segment leaves out goes at once, so it is synced in any case.
        if !lazy || !fits {
            self.sync(active)?;
        }
        self.enter(end);
        let size = end - active.at;
        if let Some(active) = &mut self.active {
            active.at = end;
        }
        let appended = seqs.end - seqs.start;
        self.shared.count(|counters| {
            counters.groups += 1;
            counters.appended += appended;
            counters.written += size;
        });
        Ok(())
    }

    /// Records of what failed since the last group that did not, and of what went with it.
    fn arrears(&self) -> Vec<u8> {
        let (mut records, tag) = (Vec::new(), tag(&self.shared.options));
        if self.owing {
            let ledger = self.shared.ledger();
            let checkpoint = ledger.checkpoint(&[]);
            frame::begin(&mut records, Kind::Checkpoint, ledger.durable, tag, |out| {
                checkpoint.put(out);
            });
        }
        for seqs in &self.unsaid {
            frame::begin(&mut records, Kind::Void, seqs.end - 1, tag, |out| {
                put_void(out, seqs);
            });
        }
        records
    }

    fn enter(&self, end: u64) {
        self.shared.ledger().enter(&self.marks, end);
    }

    /// Whether the group still goes into the active segment.
    fn fits(&self) -> bool {
        let size = self.group.len() as u64;
        let active = self.active.as_ref();
        active.is_some_and(|active| active.at + size <= active.limit)
    }

    fn sync(&self, active: &Active) -> Result<(), Failure> {
        let options = &self.shared.options;
        if options.flaw == Flaw::NoSync {
            return Ok(());
        }
        self.shared.count(|counters| counters.syncs += 1);
        let mut done = options.durability.sync(&*active.file);
        if options.flaw == Flaw::RetrySync && done.is_err() {
            done = options.durability.sync(&*active.file);
        }
        done.map_err(|error| Failure::written(&error))?;
        match active.file.is_linked() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::written(&io::ErrorKind::NotFound.into())),
            Err(error) => Err(Failure::written(&error)),
        }
    }

    /// Begins the next segment; returns what has to stand before its first group.
    fn rotate(&mut self) -> Result<Vec<u8>, Failure> {
        let shared = Arc::clone(&self.shared);
        let prepared = shared.mailbox.take().or_else(|_| {
            shared.mailbox.prepare(shared.ledger().next_number);
            shared.mailbox.take().map_err(Failure::refused)
        })?;
        shared.mailbox.prepare(prepared.number + 1);
        shared.count(|counters| {
            counters.rotations += 1;
            counters.recycled += u64::from(prepared.recycled);
        });
        self.close_segment();
        let now = shared.queue().now;
        let mut ledger = shared.ledger();
        ledger.next_number = prepared.number + 1;
        let retiring = retain::retirable(&ledger, &shared.options, now, false);
        let begun = begin(
            &shared.place(),
            &shared.options,
            &ledger,
            &prepared,
            (now, &retiring),
        );
        let (active, head) = begun.map_err(|error| Failure::written(&error))?;
        let size = prepared.filled.max(head.len() as u64);
        ledger
            .segments
            .push_back(Segment::new(active.header, head.len() as u64, size));
        self.known = ledger.lanes.len();
        drop(ledger);
        self.retiring = retiring;
        self.active = Some(active);
        Ok(head)
    }

    /// The active segment takes no more frames.
    fn close_segment(&mut self) {
        self.active = None;
        let mut ledger = self.shared.ledger();
        if let Some(segment) = ledger.segments.back_mut().filter(|last| !last.full) {
            segment.full = true;
            segment.drained();
            let number = segment.header.number;
            drop(ledger);
            self.shared.mailbox.full(number);
        }
    }

    fn fail(&mut self, seqs: &Range<u64>, failure: &Failure) {
        self.retiring.clear();
        self.shared.count(|counters| counters.failures += 1);
        self.strikes += u32::from(failure.reason == Refusal::Failed);
        // First: who hears that a message failed is to be refused the next one, not to see it fail.
        self.refuse(failure);
        if !seqs.is_empty() {
            self.unsaid.push(seqs.clone());
            self.shared.ledger().fail(seqs.clone());
        }
        if failure.touched {
            self.close_segment();
        } else {
            self.owing = true;
        }
    }

    fn refuse(&self, failure: &Failure) {
        let mut queue = self.shared.queue();
        if self.strikes >= STRIKES {
            queue.state = State::Poisoned;
        } else if failure.reason != Refusal::Failed {
            queue.refuse(failure.reason);
        }
    }

    /// Lets settled segments go although no new one is begun, because space is short.
    fn tidy(&mut self) {
        let (now, state) = {
            let queue = self.shared.queue();
            (queue.now, queue.state)
        };
        let ledger = self.shared.ledger();
        let retiring = retain::retirable(&ledger, &self.shared.options, now, true);
        if retiring.is_empty() {
            return;
        }
        let checkpoint = ledger.checkpoint(&retiring);
        let seq = ledger.durable;
        drop(ledger);
        self.retiring = retiring;
        match self.checkpoint(seq, |out| checkpoint.put(out)) {
            Ok(()) => self.retire(),
            // Nothing can be written, and nothing can until something goes. Should this process
            // die now, what the segments say of others is lost, and some of it delivered twice.
            Err(_) if state == State::Refusing(Refusal::NoSpace) => self.retire(),
            Err(failure) => self.fail(&(0..0), &failure),
        }
        let used = self.shared.ledger().bytes();
        self.shared.queue().used = used;
    }

    /// Writes a checkpoint into the active segment, durably.
    fn checkpoint(&mut self, seq: u64, fill: impl FnOnce(&mut Vec<u8>)) -> Result<(), Failure> {
        let mut record = Vec::new();
        frame::begin(
            &mut record,
            Kind::Checkpoint,
            seq,
            tag(&self.shared.options),
            fill,
        );
        let Some(active) = &self.active else {
            return Err(Failure::refused(Refusal::NoSpace));
        };
        self.marks.clear();
        active
            .finish(&mut record, active.at, &mut self.marks)
            .ok_or_else(|| Failure::refused(Refusal::Failed))?;
        active
            .write(&record, active.at)
            .map_err(|error| Failure::written(&error))?;
        self.sync(active)?;
        let end = active.at + record.len() as u64;
        self.enter(end);
        if let Some(active) = &mut self.active {
            active.at = end;
        }
        Ok(())
    }

    /// What a durable checkpoint no longer lists may go.
    fn retire(&mut self) {
        if !self.retiring.is_empty() {
            let numbers = std::mem::take(&mut self.retiring);
            self.shared.ledger().remove(&numbers);
            self.shared.mailbox.retire(numbers);
        }
    }

    /// The last word before the journal is closed.
    fn finish(&mut self) {
        let ledger = self.shared.ledger();
        let (checkpoint, seq) = (ledger.checkpoint(&[]), ledger.durable);
        drop(ledger);
        // Should it fail, the records before it say the same.
        let _ = self.checkpoint(seq, |out| checkpoint.put(out));
        self.shared.queue().state = State::Closed;
        (self.shared.on_commit)();
    }
}
