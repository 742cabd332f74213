//! The segment that is written: how it begins, and the last form of every frame in it.

use std::io;
use std::sync::Arc;

use super::entry::Head;
use super::frame::{self, HEADER, Kind};
use super::fs::{File, write_all_at};
pub(crate) use super::ledger::Marks;
use super::ledger::{Ledger, Placed};
use super::options::{Flaw, Options};
use super::preparer::Prepared;
use super::record::{Checkpoint, Reply, put_void};
use super::seal::{Sealer, TAG};
use super::segment::{self, Header, PAGE};
use super::sidecar::Place;
use crate::time::UnixMillis;

/// Space at the end of a segment that only checkpoints use: when the disk is full they let others go.
const RESERVE: u64 = 64 << 10;

/// The segment that is written.
pub(crate) struct Active {
    pub(crate) header: Header,
    pub(crate) file: Arc<dyn File>,
    pub(crate) sealer: Option<Sealer>,
    /// Where the next frame goes.
    pub(crate) at: u64,
    /// Where the next segment begins, with the reserve still free.
    pub(crate) limit: u64,
}

impl Active {
    /// Gives frames their epoch, seal and checksum as they will lie at `start`; notes what they are.
    pub(crate) fn finish(&self, frames: &mut [u8], start: u64, marks: &mut Marks) -> Option<()> {
        let mut at = 0;
        while at < frames.len() {
            let rest = frames.get_mut(at..)?;
            let (size, seq, kind) = frame::head(rest)?;
            let one = rest.get_mut(..size)?;
            let offset = u32::try_from(start + at as u64).ok()?;
            let plain = one.len() - if self.sealer.is_some() { TAG } else { 0 };
            note(one.get(HEADER..plain)?, (kind, seq, offset), marks)?;
            frame::set_epoch(one, self.header.epoch);
            if let Some(sealer) = &self.sealer {
                sealer.seal(one, seq, offset)?;
            }
            frame::set_crc(one);
            at += size;
        }
        Some(())
    }

    pub(crate) fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        write_all_at(&*self.file, bytes, at)
    }
}

fn note(payload: &[u8], (kind, seq, offset): (Kind, u64, u32), marks: &mut Marks) -> Option<()> {
    match kind {
        Kind::Message => {
            let head = Head::peek(payload)?;
            let placed = Placed {
                seq,
                offset,
                accepted: head.accepted,
                destinations: 0,
            };
            marks.claim(head.expires());
            marks.message(placed, head.destinations.iter());
        }
        Kind::Reply => marks.claim(Reply::read(payload)?.expires),
        Kind::Settled | Kind::Checkpoint | Kind::Void => {}
    }
    Some(())
}

/// Begins a segment in a prepared file; returns what stands before its first group. `retiring`
/// lists the segments that its checkpoint leaves out.
pub(crate) fn begin(
    place: &Place<'_>,
    options: &Options,
    ledger: &Ledger,
    prepared: &Prepared,
    (now, retiring): (UnixMillis, &[u64]),
) -> io::Result<(Active, Vec<u8>)> {
    let mut random = [0; 20];
    place.fs.random(&mut random)?;
    let [a, b, c, d, salt @ ..] = random;
    let lost = || io::Error::other("no key could be made");
    let sealing = match &options.seal {
        None => None,
        Some(key) => Some(key.segment(&salt).ok_or_else(lost)?),
    };
    let names: Vec<&str> = ledger.lanes.iter().map(|lane| lane.name.as_str()).collect();
    let header = Header {
        epoch: segment::epoch([a, b, c, d]),
        number: prepared.number,
        first_seq: ledger.durable + 1,
        created: now,
        sealed: sealing.as_ref().map(|(_, check)| (salt, *check)),
        names: segment::names(&names),
    };
    let size = options.segment_bytes;
    let active = Active {
        header,
        file: Arc::clone(&prepared.file),
        sealer: sealing.map(|(sealer, _)| sealer),
        at: 0,
        limit: size - RESERVE.min(size / 8),
    };
    let mut head = header.page();
    let mut records = records(ledger, options, retiring);
    active
        .finish(&mut records, PAGE as u64, &mut Marks::default())
        .ok_or_else(lost)?;
    head.append(&mut records);
    Ok((active, head))
}

/// The checkpoint, and what is void in the segments that are left.
fn records(ledger: &Ledger, options: &Options, retiring: &[u64]) -> Vec<u8> {
    let (mut records, seq, tag) = (Vec::new(), ledger.durable, super::queue::tag(options));
    let mut checkpoint = ledger.checkpoint(retiring);
    if options.flaw == Flaw::BlindCheckpoint {
        blind(&mut checkpoint, ledger.durable);
    }
    frame::begin(&mut records, Kind::Checkpoint, seq, tag, |out| {
        checkpoint.put(out);
    });
    for (_, seqs) in ledger
        .voids
        .iter()
        .filter(|(number, _)| !retiring.contains(number))
    {
        frame::begin(&mut records, Kind::Void, seq, tag, |out| {
            put_void(out, seqs);
        });
    }
    records
}

fn blind(checkpoint: &mut Checkpoint, durable: u64) {
    for stand in &mut checkpoint.destinations {
        stand.cursor = durable;
        stand.unsettled.clear();
    }
}
