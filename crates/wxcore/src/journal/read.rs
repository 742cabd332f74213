//! What a destination has yet to take, in order.

use std::sync::{Arc, Mutex};

use super::entry::Entry;
use super::error::JournalError;
use super::frame::{HEADER, Kind};
use super::fs::{File, Mode, read_full_at};
use super::ledger::Ledger;
use super::queue::{Shared, lock};
use super::scan::Scan;
use super::seal::{Sealer, TAG};
use super::segment::{Header, file_name};

/// Files of segments that stay open for reading.
const OPEN: usize = 4;

/// Messages that a destination has not settled.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    items: Vec<Item>,
    /// Bytes of their frames.
    wanted: usize,
    /// How far the journal was looked through: where to read on.
    pub position: u64,
    /// Messages that were to be in it and cannot be read.
    pub unreadable: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    seq: u64,
    start: usize,
    len: usize,
}

impl Batch {
    /// The messages with their numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Entry<'_>)> {
        self.items.iter().filter_map(|item| {
            let payload = self.bytes.get(item.start..item.start + item.len)?;
            Some((item.seq, Entry::decode(payload)?))
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// A part of one segment that is read at once, and the messages wanted of it.
struct Stretch {
    header: Header,
    range: (u64, u64),
    seqs: Vec<u64>,
}

/// Files that were read from lately.
#[derive(Default)]
pub(crate) struct Files(Mutex<Vec<(u64, Arc<dyn File>)>>);

impl Files {
    fn get(&self, shared: &Shared, number: u64) -> Result<Arc<dyn File>, JournalError> {
        let mut open = lock(&self.0);
        if let Some((_, file)) = open.iter().find(|(one, _)| *one == number) {
            return Ok(Arc::clone(file));
        }
        let path = shared.dir.join(file_name(number));
        let file = shared.fs.open(&path, Mode::Read);
        let file = file.map_err(JournalError::io("opening a segment"))?;
        // An open file keeps its space, even if its segment is gone.
        let live = shared.ledger();
        open.retain(|(number, _)| live.segment(*number).is_some());
        drop(live);
        open.truncate(OPEN - 1);
        open.insert(0, (number, Arc::clone(&file)));
        Ok(file)
    }
}

/// Reads on behind `after`: at most `limit` messages, and `max_bytes` but for the first.
pub(crate) fn read(
    (shared, files): (&Shared, &Files),
    destination: u16,
    after: u64,
    (limit, max_bytes): (usize, usize),
) -> Result<Batch, JournalError> {
    let (stretches, position) = plan(&shared.ledger(), destination, after, limit);
    let mut batch = Batch {
        position,
        ..Batch::default()
    };
    for stretch in &stretches {
        let file = files.get(shared, stretch.header.number)?;
        if let Some(last) = fill(&mut batch, stretch, &*file, shared, max_bytes)? {
            batch.position = last;
            break;
        }
    }
    let unreadable = batch.unreadable.len() as u64;
    if unreadable > 0 {
        shared.count(|counters| counters.unreadable += unreadable);
    }
    Ok(batch)
}

fn plan(ledger: &Ledger, destination: u16, after: u64, limit: usize) -> (Vec<Stretch>, u64) {
    let mut stretches: Vec<Stretch> = Vec::new();
    let (mut count, mut last) = (0, after);
    for (segment, seq) in ledger.wanted(destination, after) {
        if count == limit {
            return (stretches, last);
        }
        (count, last) = (count + 1, seq);
        let Some(range) = segment.stretch(seq) else {
            continue;
        };
        match stretches.last_mut() {
            Some(stretch)
                if stretch.header.number == segment.header.number && stretch.range == range =>
            {
                stretch.seqs.push(seq);
            }
            _ => stretches.push(Stretch {
                header: segment.header,
                range,
                seqs: vec![seq],
            }),
        }
    }
    (stretches, ledger.durable.max(after))
}

/// Reads a stretch; the last message that is in the batch if there was no room for another.
fn fill(
    batch: &mut Batch,
    stretch: &Stretch,
    file: &dyn File,
    shared: &Shared,
    max_bytes: usize,
) -> Result<Option<u64>, JournalError> {
    let base = batch.bytes.len();
    let (start, end) = stretch.range;
    let size = usize::try_from(end - start).unwrap_or(0);
    batch.bytes.resize(base + size, 0);
    let room = batch.bytes.get_mut(base..).unwrap_or_default();
    read_full_at(file, room, start).map_err(JournalError::io("reading a segment"))?;
    let found = find(room, stretch);
    let key = shared.options.seal.as_ref();
    let sealer = Sealer::of(&stretch.header, key).map_err(JournalError::Key)?;
    let mut found = found.into_iter().peekable();
    for seq in &stretch.seqs {
        let Some((_, at, size)) = found.next_if(|(one, _, _)| one == seq) else {
            batch.unreadable.push(*seq);
            continue;
        };
        if !batch.items.is_empty() && batch.wanted + size > max_bytes {
            return Ok(Some(seq - 1));
        }
        batch.wanted += size;
        let (at, offset) = (base + at, start + at as u64);
        let whole = batch.bytes.get_mut(at..at + size).unwrap_or_default();
        match open(whole, (*seq, offset), sealer.as_ref()) {
            Some(len) => batch.items.push(Item {
                seq: *seq,
                start: at + HEADER,
                len,
            }),
            None => batch.unreadable.push(*seq),
        }
    }
    Ok(None)
}

/// The wanted messages that can be read: number, offset and size of the frame.
fn find(bytes: &[u8], stretch: &Stretch) -> Vec<(u64, usize, usize)> {
    let last = stretch.seqs.last().copied().unwrap_or_default();
    let mut found = Vec::with_capacity(stretch.seqs.len());
    for placed in Scan::new(bytes, 0, stretch.header.epoch) {
        let frame = placed.frame;
        if frame.kind != Kind::Message {
            continue;
        }
        if stretch.seqs.binary_search(&frame.seq).is_ok() {
            found.push((frame.seq, placed.offset, frame.size()));
        }
        if frame.seq >= last {
            break;
        }
    }
    found
}

/// Opens the payload of a valid frame in place; returns the payload's length.
fn open(whole: &mut [u8], (seq, offset): (u64, u64), sealer: Option<&Sealer>) -> Option<usize> {
    let len = whole.len() - HEADER;
    let Some(sealer) = sealer else {
        Entry::decode(whole.get(HEADER..)?)?;
        return Some(len);
    };
    let plain = sealer.open(whole, seq, u32::try_from(offset).ok()?)?;
    Entry::decode(plain)?;
    len.checked_sub(TAG)
}
