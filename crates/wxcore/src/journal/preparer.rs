//! The second thread: makes the next segment ahead of need, builds sidecars, clears away.
//!
//! A file that grows costs a metadata commit at each sync, one that was filled with zeros does not.
//! So the next segment is filled while the current one is written, a piece at a time, and a segment
//! that is no longer needed becomes the next but one.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::error::Refusal;
use super::fs::{File, Fs, Mode, write_all_at};
use super::queue::{Shared, lock};
use super::segment::{PAGE, file_name, file_number};

/// Bytes of zeros written at once.
const PIECE: usize = 1 << 20;

/// A file for the next segment.
#[derive(Clone)]
pub(crate) struct Prepared {
    pub(crate) number: u64,
    pub(crate) file: Arc<dyn File>,
    /// How far its blocks are there.
    pub(crate) filled: u64,
    pub(crate) recycled: bool,
}

impl Prepared {
    /// Writes a piece of zeros behind what is filled.
    pub(crate) fn extend(&mut self, shared: &Shared) -> io::Result<()> {
        self.filled = zeros(&*self.file, self.filled, shared.options.segment_bytes)?;
        Ok(())
    }
}

enum Job {
    Prepare(u64),
    Full(u64),
    Retire(Vec<u64>),
}

#[derive(Default)]
struct Post {
    jobs: VecDeque<Job>,
    ready: Option<Prepared>,
    failed: Option<Refusal>,
    /// How far the file that is ready is to be filled by now.
    target: u64,
    /// A piece is being written.
    filling: bool,
    /// A file was asked for.
    preparing: bool,
    /// A settled segment that waits to be used again.
    spare: Option<u64>,
    closing: bool,
}

impl Post {
    fn wants_filling(&self) -> bool {
        let ready = self.ready.as_ref();
        self.failed.is_none() && ready.is_some_and(|ready| ready.filled < self.target)
    }
}

/// What the committer asks of the preparer.
#[derive(Default)]
pub(crate) struct Mailbox {
    post: Mutex<Post>,
    changed: Condvar,
}

impl Mailbox {
    fn send(&self, job: Job) {
        lock(&self.post).jobs.push_back(job);
        self.changed.notify_all();
    }

    /// Asks for the file of segment `number`, or for more of it.
    pub(crate) fn prepare(&self, number: u64) {
        let mut post = lock(&self.post);
        post.failed = None;
        post.preparing = true;
        drop(post);
        self.send(Job::Prepare(number));
    }

    /// Says that a segment takes no more frames.
    pub(crate) fn full(&self, number: u64) {
        self.send(Job::Full(number));
    }

    /// Says that segments are no longer needed.
    pub(crate) fn retire(&self, numbers: Vec<u64>) {
        self.send(Job::Retire(numbers));
    }

    /// Lets the file that is ready be filled up to `target`.
    pub(crate) fn fill(&self, target: u64) {
        let mut post = lock(&self.post);
        post.target = post.target.max(target);
        let wanted = post.wants_filling() && !post.filling;
        drop(post);
        if wanted {
            self.changed.notify_all();
        }
    }

    /// The file asked for, once it is there.
    pub(crate) fn take(&self) -> Result<Prepared, Refusal> {
        let unsettled = |post: &mut Post| post.filling || post.preparing;
        let waited = self.changed.wait_while(lock(&self.post), unsettled);
        let mut post = waited.unwrap_or_else(PoisonError::into_inner);
        post.target = 0;
        match (post.failed, post.ready.take()) {
            (None, Some(ready)) => Ok(ready),
            (failed, ready) => {
                post.ready = ready;
                Err(failed.unwrap_or(Refusal::Failed))
            }
        }
    }

    /// Ends the thread once all jobs are done.
    pub(crate) fn close(&self) {
        lock(&self.post).closing = true;
        self.changed.notify_all();
    }

    fn wait(&self) -> MutexGuard<'_, Post> {
        let idle = |post: &mut Post| post.jobs.is_empty() && !post.closing && !post.wants_filling();
        let waited = self.changed.wait_while(lock(&self.post), idle);
        waited.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs until the mailbox is closed.
pub(crate) fn run(shared: &Shared) {
    loop {
        let mut post = shared.mailbox.wait();
        if let Some(job) = post.jobs.pop_front() {
            drop(post);
            work(shared, job);
        } else if post.closing {
            return;
        } else {
            post.filling = true;
            let ready = post.ready.clone();
            drop(post);
            fill(shared, ready);
        }
    }
}

fn work(shared: &Shared, job: Job) {
    match job {
        Job::Prepare(number) => {
            let made = prepare(shared, number);
            let mut post = lock(&shared.mailbox.post);
            post.preparing = false;
            match made {
                Ok(ready) => post.ready = Some(ready),
                Err(error) => post.failed = Some(Refusal::of(&error)),
            }
            drop(post);
            shared.mailbox.changed.notify_all();
        }
        Job::Full(number) => on_full(shared, number),
        Job::Retire(numbers) => retire(shared, &numbers),
    }
}

/// A blank file under the name of segment `number`: recycled, or new with its first blocks.
fn prepare(shared: &Shared, number: u64) -> io::Result<Prepared> {
    let again = keep_folder(shared)?;
    let mut post = lock(&shared.mailbox.post);
    let (earlier, spare) = (post.ready.take(), post.spare.take());
    drop(post);
    let earlier = earlier.filter(|_| !again);
    if let Some(mut ready) = earlier {
        ready.extend(shared)?;
        return Ok(ready);
    }
    if let Some(old) = spare
        && let Ok(ready) = recycle(shared, old, number)
    {
        return Ok(ready);
    }
    let mut ready = create(&*shared.fs, &shared.dir, number)?;
    ready.extend(shared)?;
    Ok(ready)
}

/// Makes the folder again if somebody removed or replaced it, once nobody else has it: nothing is
/// acknowledged before that, since a segment without a name keeps nothing. Whether it did.
fn keep_folder(shared: &Shared) -> io::Result<bool> {
    let path = shared.dir.join("lock");
    let mut held = lock(&shared.held);
    if held.as_ref().is_none_or(|held| held.is_at(&path)) {
        return Ok(false);
    }
    shared.fs.create_dir_all(&shared.dir)?;
    // Whoever holds the folder meanwhile keeps it.
    let again = shared.fs.lock(&path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::NotFound.into(),
        _ => error,
    })?;
    *held = Some(again);
    drop(held);
    let there: HashSet<u64> = shared
        .fs
        .list(&shared.dir)?
        .iter()
        .filter_map(|(name, _)| file_number(name))
        .collect();
    let removed = shared.ledger().keep(|number| there.contains(&number));
    shared.count(|counters| counters.removed += removed);
    Ok(true)
}

/// Makes the file of segment `number`; what has that name was never begun, or lost its header.
pub(crate) fn create(fs: &dyn Fs, dir: &Path, number: u64) -> io::Result<Prepared> {
    let path = dir.join(file_name(number));
    let file = match fs.open(&path, Mode::Create) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs.remove(&path)?;
            fs.open(&path, Mode::Create)?
        }
        other => other?,
    };
    fs.sync_dir(dir)?;
    Ok(Prepared {
        number,
        file,
        filled: 0,
        recycled: false,
    })
}

/// Header and checkpoint go first, and durably: under its new name the file must not look begun.
fn recycle(shared: &Shared, old: u64, number: u64) -> io::Result<Prepared> {
    let from = shared.dir.join(file_name(old));
    let file = shared.fs.open(&from, Mode::Write)?;
    write_all_at(&*file, &[0; 2 * PAGE], 0)?;
    file.sync_data()?;
    shared
        .fs
        .rename(&from, &shared.dir.join(file_name(number)))?;
    shared.fs.sync_dir(&shared.dir)?;
    Ok(Prepared {
        number,
        filled: file.len()?,
        file,
        recycled: true,
    })
}

/// Fills a piece of the file that is ready.
fn fill(shared: &Shared, ready: Option<Prepared>) {
    let size = shared.options.segment_bytes;
    let done = ready.map_or(Ok(0), |ready| zeros(&*ready.file, ready.filled, size));
    let mut post = lock(&shared.mailbox.post);
    post.filling = false;
    match (done, &mut post.ready) {
        (Ok(filled), Some(ready)) => ready.filled = filled,
        (Err(error), _) => post.failed = Some(Refusal::of(&error)),
        (Ok(_), None) => {}
    }
    drop(post);
    shared.mailbox.changed.notify_all();
}

/// Writes a piece of zeros from `from` on, durably, and at most up to `size`; returns how far.
pub(crate) fn zeros(file: &dyn File, from: u64, size: u64) -> io::Result<u64> {
    let left = usize::try_from(size.saturating_sub(from)).unwrap_or(PIECE);
    let piece = vec![0; left.min(PIECE)];
    write_all_at(file, &piece, from)?;
    file.sync_data()?;
    Ok(from + piece.len() as u64)
}

/// The hook of the index: a segment takes no more frames.
fn on_full(shared: &Shared, number: u64) {
    let Some(sidecar) = &shared.options.sidecar else {
        return;
    };
    let voids = shared.ledger().voids.clone();
    let void: Vec<_> = voids
        .into_iter()
        .filter_map(|(of, seqs)| (of == number).then_some(seqs))
        .collect();
    if sidecar.on_full(shared.place(), number, &void).is_ok() {
        let mut ledger = shared.ledger();
        let found = ledger.segments.iter_mut();
        for segment in found.filter(|segment| segment.header.number == number) {
            segment.indexed = true;
        }
    }
}

/// Deletes segments, but keeps one to use again. A file that cannot be deleted now is found settled
/// at the next start.
fn retire(shared: &Shared, numbers: &[u64]) {
    for number in numbers {
        let path = shared.dir.join(file_name(*number));
        let mut post = lock(&shared.mailbox.post);
        if post.spare.is_none() && is_whole(shared, *number) {
            post.spare = Some(*number);
            continue;
        }
        drop(post);
        let _ = shared.fs.remove(&path);
    }
    if let Some(sidecar) = &shared.options.sidecar {
        let now = shared.queue().now;
        let numbers = |ledger: &super::ledger::Ledger| -> Vec<u64> {
            let segments = ledger.segments.iter();
            segments.map(|segment| segment.header.number).collect()
        };
        let live = numbers(&shared.ledger());
        sidecar.sweep(shared.place(), &live, now);
    }
}

/// Whether the file of a segment has the full size, so that it is worth using again.
fn is_whole(shared: &Shared, number: u64) -> bool {
    let path = shared.dir.join(file_name(number));
    let file = shared.fs.open(&path, Mode::Read);
    file.and_then(|file| file.len())
        .is_ok_and(|len| len == shared.options.segment_bytes)
}
