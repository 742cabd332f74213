//! What a destination has yet to take, in order.

use std::sync::{Arc, Mutex};

use super::entry::Entry;
use super::error::JournalError;
use super::frame::{self, HEADER};
use super::fs::{File, Mode, read_full_at};
use super::ledger::Ledger;
use super::queue::{Shared, lock};
use super::seal::{Sealer, TAG};
use super::segment::{Header, file_name};

/// Frames this close to each other are read at once.
const GAP: u64 = 4096;

/// Files of segments that stay open for reading.
const OPEN: usize = 4;

/// Messages that a destination has not settled.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    items: Vec<Item>,
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

/// Frames of one segment that are read at once.
struct Stretch {
    header: Header,
    start: u64,
    end: u64,
    frames: Vec<(u64, u64, usize)>,
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
    let (stretches, position) = plan(&shared.ledger(), destination, after, (limit, max_bytes));
    let mut batch = Batch {
        position,
        ..Batch::default()
    };
    for stretch in &stretches {
        let file = files.get(shared, stretch.header.number)?;
        fill(&mut batch, stretch, &*file, shared)?;
    }
    let unreadable = batch.unreadable.len() as u64;
    if unreadable > 0 {
        shared.count(|counters| counters.unreadable += unreadable);
    }
    Ok(batch)
}

fn plan(
    ledger: &Ledger,
    destination: u16,
    after: u64,
    (limit, max_bytes): (usize, usize),
) -> (Vec<Stretch>, u64) {
    let mut stretches: Vec<Stretch> = Vec::new();
    let (mut count, mut bytes, mut last) = (0, 0, after);
    for (segment, seq, slot) in ledger.wanted(destination, after) {
        let (start, size) = (u64::from(slot.offset), slot.size as usize);
        if count == limit || (count > 0 && bytes + size > max_bytes) {
            return (stretches, last);
        }
        (count, bytes, last) = (count + 1, bytes + size, seq);
        let frame = (seq, start, size);
        let end = start + size as u64;
        match stretches.last_mut() {
            Some(stretch)
                if stretch.header.number == segment.header.number && start <= stretch.end + GAP =>
            {
                stretch.end = end;
                stretch.frames.push(frame);
            }
            _ => stretches.push(Stretch {
                header: segment.header,
                start,
                end,
                frames: vec![frame],
            }),
        }
    }
    (stretches, ledger.durable.max(after))
}

fn fill(
    batch: &mut Batch,
    stretch: &Stretch,
    file: &dyn File,
    shared: &Shared,
) -> Result<(), JournalError> {
    let base = batch.bytes.len();
    let size = usize::try_from(stretch.end - stretch.start).unwrap_or(0);
    batch.bytes.resize(base + size, 0);
    let room = batch.bytes.get_mut(base..).unwrap_or_default();
    read_full_at(file, room, stretch.start).map_err(JournalError::io("reading a segment"))?;
    let key = shared.options.seal.as_ref();
    let sealer = Sealer::of(&stretch.header, key).map_err(JournalError::Key)?;
    for (seq, offset, size) in &stretch.frames {
        let start = base + usize::try_from(offset - stretch.start).unwrap_or(0);
        let whole = batch.bytes.get_mut(start..start + size).unwrap_or_default();
        match open(whole, &stretch.header, (*seq, *offset), sealer.as_ref()) {
            Some(len) => batch.items.push(Item {
                seq: *seq,
                start: start + HEADER,
                len,
            }),
            None => batch.unreadable.push(*seq),
        }
    }
    Ok(())
}

/// Checks a frame and opens its payload in place; returns the payload's length.
fn open(
    whole: &mut [u8],
    header: &Header,
    (seq, offset): (u64, u64),
    sealer: Option<&Sealer>,
) -> Option<usize> {
    let frame = frame::read(whole, header.epoch).filter(|frame| frame.seq == seq)?;
    let len = frame.payload.len();
    let Some(sealer) = sealer else {
        Entry::decode(frame.payload)?;
        return Some(len);
    };
    let plain = sealer.open(whole, seq, u32::try_from(offset).ok()?)?;
    Entry::decode(plain)?;
    len.checked_sub(TAG)
}
