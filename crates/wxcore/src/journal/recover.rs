//! Reading the folder again: whatever the files hold, what can be read is found.
//!
//! Segments are scanned in their order. A checkpoint says how far each destination had come, settled
//! records say what it took after that; what is left is undelivered. Bytes that are no frames are
//! counted and passed over: a torn tail where the last segment ends, damage anywhere else.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::entry::{Entry, Head, digest};
use super::error::JournalError;
use super::frame::{self, Frame, Kind};
use super::fs::{File, Mode, read_full_at, write_all_at};
use super::ledger::{Lane, Ledger, Placed, Segment};
use super::options::Options;
use super::record::{self, Checkpoint, Reply};
use super::scan::Scan;
use super::seal::Sealer;
use super::segment::{self, Found, Header, PAGE, file_name, file_number};
use super::sidecar::{Claim, Place};
use crate::time::UnixMillis;

/// Bytes at the end of each of the last two segments that are written again: they may be in the
/// page cache alone, marked clean by a sync that failed before the process died.
const SUSPECT: u64 = (super::queue::QUEUE_BYTES as u64) * 2;

/// The largest step between two messages of a segment that is believed.
const MAX_STEP: u64 = 1 << 22;

/// What was found when a journal was opened.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Where each destination stands: those of the options in their order, then any that were
    /// configured once and still have messages.
    pub undelivered: Vec<Undelivered>,
    /// Messages whose retries are still to be known as such.
    pub claims: Vec<Claim>,
    /// Segments that were read.
    pub segments: usize,
    /// Messages in them.
    pub messages: u64,
    /// Bytes of a group that was being written when the process or the machine died.
    pub torn_bytes: u64,
    /// Bytes that should have been frames.
    pub damaged_bytes: u64,
    /// Numbers that no readable message has, of which none is known to have failed.
    pub lost_messages: u64,
    /// Segments that should be there and are not.
    pub missing_segments: Vec<u64>,
    /// Segments of which nothing can be read; renamed to `.bad` if their headers are gone.
    pub unreadable_segments: Vec<u64>,
}

/// Where a destination stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// Its name.
    pub name: String,
    /// Whether the options name it.
    pub configured: bool,
    /// How far it had considered messages.
    pub cursor: u64,
    /// How many it has not settled.
    pub count: u64,
}

/// The ledger of a folder, with what else was found.
pub(crate) struct Rebuilt {
    pub(crate) ledger: Ledger,
    pub(crate) recovered: Recovered,
}

/// Reads all segments of a folder.
pub(crate) fn recover(
    place: &Place<'_>,
    options: &Options,
    now: UnixMillis,
) -> Result<Rebuilt, JournalError> {
    let mut rebuild = Rebuild::new(options, now);
    let listing = place.fs.list(place.dir);
    let listing = listing.map_err(JournalError::io("listing the journal's folder"))?;
    let names = || listing.iter().map(|(name, _)| name);
    let mut numbers: Vec<u64> = names().filter_map(|name| file_number(name)).collect();
    numbers.sort_unstable();
    // What outlives a segment, its claims above all, is not to be taken for that of another.
    let taken = names().filter_map(|name| name.split('.').next()?.parse::<u64>().ok());
    rebuild.ledger.next_number = taken.max().map_or(1, |last| last + 1);
    let mut buffer = Vec::new();
    let mut blank = Vec::new();
    for number in &numbers {
        if let Some(found) = rebuild.file(place, *number, &mut buffer)? {
            blank.push((*number, found));
        }
    }
    for (number, found) in blank {
        rebuild.headless(place, number, found)?;
    }
    rebuild.finish(place)
}

struct Rebuild {
    now: UnixMillis,
    ledger: Ledger,
    /// How the destinations of a segment are numbered, by its header's fingerprint.
    tables: HashMap<u64, Vec<u16>>,
    checkpoint: Option<(u64, Checkpoint)>,
    voids: Vec<Range<u64>>,
    claims: Vec<(u64, [u8; 16], UnixMillis)>,
    replies: Vec<Reply>,
    /// The highest number that anything mentions.
    highest: u64,
    /// That of the last message.
    last: u64,
    recovered: Recovered,
}

impl Rebuild {
    fn new(options: &Options, now: UnixMillis) -> Self {
        let lane = |name: &String| Lane {
            name: name.clone(),
            configured: true,
            ..Lane::default()
        };
        let lanes: Vec<Lane> = options.destinations.iter().map(lane).collect();
        let own = (0..u16::MAX).take(lanes.len()).collect();
        Self {
            now,
            tables: HashMap::from([(segment::names(&options.destinations), own)]),
            ledger: Ledger {
                lanes,
                ..Ledger::default()
            },
            checkpoint: None,
            voids: Vec::new(),
            claims: Vec::new(),
            replies: Vec::new(),
            highest: 0,
            last: 0,
            recovered: Recovered::default(),
        }
    }

    /// Reads a segment; what stands instead of its header, if there is none.
    fn file(
        &mut self,
        place: &Place<'_>,
        number: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Found>, JournalError> {
        let path = place.dir.join(file_name(number));
        let file = place.fs.open(&path, Mode::Read);
        let Ok(size) = file.and_then(|file| load(&*file, buffer)) else {
            self.recovered.unreadable_segments.push(number);
            return Ok(None);
        };
        let bytes = buffer.get_mut(..size).unwrap_or_default();
        let header = match Header::read(bytes) {
            Found::Header(header) => header,
            Found::Version(version) => {
                let segment = number;
                return Err(JournalError::Version { segment, version });
            }
            found => match salvage(bytes, number) {
                Some(header) => {
                    self.recovered.damaged_bytes += PAGE as u64;
                    header
                }
                None => return Ok(Some(found)),
            },
        };
        let sealer = Sealer::of(&header, place.key).map_err(JournalError::Key)?;
        self.segment(header, bytes, sealer.as_ref());
        Ok(None)
    }

    /// A file without a header: one that was prepared and not begun, or one that nobody can read.
    fn headless(
        &mut self,
        place: &Place<'_>,
        number: u64,
        found: Found,
    ) -> Result<(), JournalError> {
        let path = place.dir.join(file_name(number));
        let listed = self.checkpoint.as_ref().is_some_and(|(_, checkpoint)| {
            let mut segments = checkpoint.segments.iter();
            segments.any(|one| one.number == number && one.last_seq >= one.first_seq)
        });
        if found == Found::Blank && !listed {
            let removed = place.fs.remove(&path);
            return removed.map_err(JournalError::io("removing a blank segment"));
        }
        self.recovered.unreadable_segments.push(number);
        let renamed = place.fs.rename(&path, &path.with_extension("bad"));
        renamed.map_err(JournalError::io("setting a damaged segment aside"))
    }

    fn segment(&mut self, header: Header, bytes: &mut [u8], sealer: Option<&Sealer>) {
        self.highest = self.highest.max(header.first_seq.saturating_sub(1));
        let size = bytes.len() as u64;
        self.ledger
            .segments
            .push_back(Segment::new(header, 0, size));
        let mut scan = Scan::new(bytes, PAGE, header.epoch);
        let mut scratch = Vec::new();
        for placed in scan.by_ref() {
            let mut frame = placed.frame;
            self.highest = self.highest.max(frame.seq);
            if let Some(sealer) = sealer {
                let whole = bytes.get(placed.offset..placed.offset + frame.size());
                scratch.clear();
                scratch.extend_from_slice(whole.unwrap_or_default());
                let offset = u32::try_from(placed.offset).unwrap_or(u32::MAX);
                if let Some(plain) = sealer.open(&mut scratch, frame.seq, offset) {
                    frame.payload = plain;
                } else {
                    self.recovered.damaged_bytes += frame.size() as u64;
                    continue;
                }
            }
            if self.record(&header, placed.offset, frame).is_none() {
                self.recovered.damaged_bytes += frame.size() as u64;
            }
        }
        let damaged: usize = scan.damaged.iter().map(Range::len).sum();
        self.recovered.damaged_bytes += damaged as u64;
        self.recovered.torn_bytes = scan.torn() as u64;
        self.recovered.segments += 1;
        if let Some(segment) = self.ledger.segments.back_mut() {
            segment.end = scan.end() as u64;
        }
    }

    fn record(&mut self, header: &Header, offset: usize, frame: Frame<'_>) -> Option<()> {
        match frame.kind {
            Kind::Message => self.message(header, offset, frame)?,
            Kind::Settled => self.settled(header, frame.payload)?,
            Kind::Checkpoint => {
                let checkpoint = Checkpoint::read(frame.payload)?;
                self.table(&checkpoint);
                self.checkpoint = Some((header.number, checkpoint));
            }
            Kind::Reply => {
                let reply = Reply::read(frame.payload)?;
                self.claimed_until(reply.expires);
                if reply.expires > self.now {
                    self.replies.push(reply);
                }
            }
            Kind::Void => self.voids.push(record::void(frame.payload)?),
        }
        Some(())
    }

    fn message(&mut self, header: &Header, offset: usize, frame: Frame<'_>) -> Option<()> {
        let head = Head::peek(frame.payload)?;
        let first = self.ledger.segments.back()?.places.is_empty();
        if frame.seq <= self.last || (!first && frame.seq - self.last > MAX_STEP) {
            return None;
        }
        self.last = frame.seq;
        let targets: Vec<u16> = head
            .destinations
            .iter()
            .map(|index| self.lane(header.names, index))
            .collect();
        for lane in &targets {
            if let Some(lane) = self.ledger.lanes.get_mut(usize::from(*lane)) {
                lane.named = true;
            }
        }
        let placed = Placed {
            seq: frame.seq,
            offset: u32::try_from(offset).ok()?,
            accepted: head.accepted,
            destinations: targets.len(),
        };
        let expires = head.expires();
        self.ledger
            .segments
            .back_mut()?
            .push(&placed, targets.into_iter());
        self.claimed_until(expires);
        if expires > self.now {
            let id = Entry::decode(frame.payload)?.id;
            self.claims.push((frame.seq, digest(id), expires));
        }
        self.recovered.messages += 1;
        Some(())
    }

    fn claimed_until(&mut self, expires: UnixMillis) {
        if let Some(segment) = self.ledger.segments.back_mut() {
            segment.claims_until = segment.claims_until.max(expires);
        }
    }

    fn settled(&mut self, header: &Header, payload: &[u8]) -> Option<()> {
        let mut seqs = Vec::new();
        let mut destination = 0;
        record::settled(payload, |to, seq| {
            destination = to;
            seqs.push(seq);
        })?;
        let lane = self.lane(header.names, destination);
        self.ledger.settle(lane, &seqs);
        Some(())
    }

    /// The lane that a segment means by an index.
    fn lane(&mut self, names: u64, index: u16) -> u16 {
        let known = self.tables.get(&names);
        match known.and_then(|table| table.get(usize::from(index))) {
            Some(lane) => *lane,
            // Both the segment's checkpoint and every other of that fingerprint are lost. Nobody
            // knows whose the message is: it stays, where an operator sees it.
            None => self.named(&format!("unknown:{names:016x}:{index}")),
        }
    }

    fn named(&mut self, name: &str) -> u16 {
        let lanes = &mut self.ledger.lanes;
        let at = lanes.iter().position(|lane| lane.name == name);
        let at = at.unwrap_or_else(|| {
            lanes.push(Lane {
                name: name.to_owned(),
                ..Lane::default()
            });
            lanes.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    fn table(&mut self, checkpoint: &Checkpoint) {
        let stands = &checkpoint.destinations;
        let names: Vec<&str> = stands.iter().map(|stand| stand.name.as_str()).collect();
        let key = segment::names(&names);
        if !self.tables.contains_key(&key) {
            let table = names.iter().map(|name| self.named(name)).collect();
            self.tables.insert(key, table);
        }
    }

    fn finish(mut self, place: &Place<'_>) -> Result<Rebuilt, JournalError> {
        self.apply_checkpoint(place);
        self.apply_voids();
        self.ledger.durable = self.highest.max(self.last);
        self.recovered.lost_messages = self.lost();
        self.heal(place)?;
        self.reorder();
        for segment in &mut self.ledger.segments {
            segment.full = true;
        }
        self.recovered.undelivered = self.undelivered();
        self.recovered.claims = self.take_claims();
        for segment in &mut self.ledger.segments {
            segment.drained();
        }
        let Self {
            ledger, recovered, ..
        } = self;
        Ok(Rebuilt { ledger, recovered })
    }

    /// Takes over the cursors of the last checkpoint, and forgets segments that it does not list.
    fn apply_checkpoint(&mut self, place: &Place<'_>) {
        let Some((number, checkpoint)) = self.checkpoint.take() else {
            return;
        };
        let listed = |number: &u64| checkpoint.segments.iter().any(|one| one.number == *number);
        let numbers: Vec<u64> = self
            .ledger
            .segments
            .iter()
            .map(|segment| segment.header.number)
            .collect();
        let retired: Vec<u64> = numbers
            .iter()
            .copied()
            .filter(|one| *one < number && !listed(one))
            .collect();
        for one in &retired {
            // It is settled; should it not go now, the next start tries again.
            let _ = place.fs.remove(&place.dir.join(file_name(*one)));
        }
        self.ledger.remove(&retired);
        // A segment that nothing was written to may have been removed as blank.
        let held = checkpoint
            .segments
            .iter()
            .filter(|one| one.last_seq >= one.first_seq);
        let unreadable = &self.recovered.unreadable_segments;
        self.recovered.missing_segments = held
            .map(|one| one.number)
            .filter(|one| !numbers.contains(one) && !unreadable.contains(one))
            .collect();
        for stand in &checkpoint.destinations {
            self.highest = self.highest.max(stand.cursor);
            let lane = self.named(&stand.name);
            if let Some(lane) = self.ledger.lanes.get_mut(usize::from(lane)) {
                lane.cursor = lane.cursor.max(stand.cursor);
            }
            let open = |seq: u64| {
                let behind = stand.unsettled.partition_point(|run| run.start <= seq);
                let run = behind.checked_sub(1).and_then(|at| stand.unsettled.get(at));
                seq > stand.cursor || run.is_some_and(|run| run.contains(&seq))
            };
            for segment in &mut self.ledger.segments {
                segment.retain(lane, open);
            }
        }
    }

    fn apply_voids(&mut self) {
        let voids = &self.voids;
        let stays = |seq: u64| !voids.iter().any(|void| void.contains(&seq));
        let lanes = u16::try_from(self.ledger.lanes.len()).unwrap_or(u16::MAX);
        if !voids.is_empty() {
            for segment in &mut self.ledger.segments {
                (0..lanes).for_each(|lane| segment.retain(lane, stays));
            }
            self.claims.retain(|(seq, _, _)| stays(*seq));
        }
        for void in voids {
            self.highest = self.highest.max(void.end.saturating_sub(1));
            // Kept for as long as a segment is there in which something of the group may lie.
            let before = |segment: &&Segment| segment.first_seq <= void.start;
            let at = self.ledger.segments.iter().rev().find(before);
            if let Some(number) = at.map(|segment| segment.header.number) {
                self.ledger.voids.push((number, void.clone()));
            }
        }
        self.ledger
            .voids
            .sort_by_key(|(number, void)| (*number, void.start));
        self.ledger.voids.dedup();
    }

    /// Counts numbers without a message: holes in segments, and between two that follow each other.
    fn lost(&self) -> u64 {
        let known = |range: Range<u64>| {
            let failed = |seq: &u64| self.voids.iter().any(|void| void.contains(seq));
            range.take(1 << 20).filter(|seq| !failed(seq)).count() as u64
        };
        let mut lost = 0;
        let mut before: Option<(u64, u64)> = None;
        for segment in &self.ledger.segments {
            if let Some((number, next)) = before
                && number + 1 == segment.header.number
            {
                lost += known(next..segment.header.first_seq);
            }
            lost += known(segment.header.first_seq..segment.first_seq);
            for hole in segment.places.holes() {
                let first = segment.first_seq;
                lost += known(first + hole.start as u64..first + hole.end as u64);
            }
            before = Some((segment.header.number, segment.next_seq()));
        }
        let next = before.map_or(u64::MAX, |(_, next)| next);
        lost + known(next..self.highest.saturating_add(1).max(next))
    }

    /// Makes sure that what was read is on disk, and cuts the torn tail off.
    fn heal(&mut self, place: &Place<'_>) -> Result<(), JournalError> {
        let count = self.ledger.segments.len();
        let last_two = self
            .ledger
            .segments
            .iter_mut()
            .enumerate()
            .skip(count.saturating_sub(2));
        for (at, segment) in last_two {
            let path = place.dir.join(file_name(segment.header.number));
            let cut = (at + 1 == count).then_some(segment.end);
            let healed = place
                .fs
                .open(&path, Mode::Write)
                .and_then(|file| rewrite(&file, segment.end, cut));
            healed.map_err(JournalError::io("making the last segments durable"))?;
            segment.size = cut.unwrap_or(segment.size);
        }
        Ok(())
    }

    /// Leaves out destinations that are neither configured nor have messages, delivered or not.
    fn reorder(&mut self) {
        let segments = &self.ledger.segments;
        let has = |lane: u16| segments.iter().any(|one| one.pending(lane).is_some());
        let lanes = u16::try_from(self.ledger.lanes.len()).unwrap_or(u16::MAX);
        let keep = |lane: &u16| {
            let found = self.ledger.lanes.get(usize::from(*lane));
            found.is_some_and(|found| found.configured || found.named) || has(*lane)
        };
        let order: Vec<u16> = (0..lanes).filter(keep).collect();
        let kept = order
            .iter()
            .filter_map(|lane| self.ledger.lanes.get(usize::from(*lane)));
        self.ledger.lanes = kept.cloned().collect();
        for segment in &mut self.ledger.segments {
            segment.reorder(&order);
        }
    }

    fn undelivered(&self) -> Vec<Undelivered> {
        let one = |(index, lane): (usize, &Lane)| {
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            let pending =
                |segment: &Segment| segment.pending(index).map_or(0, super::bits::Bits::count);
            Undelivered {
                name: lane.name.clone(),
                configured: lane.configured,
                cursor: lane.cursor,
                count: self.ledger.segments.iter().map(pending).sum(),
            }
        };
        let all = self.ledger.lanes.iter().enumerate().map(one);
        all.filter(|one| one.configured || one.count > 0).collect()
    }

    fn take_claims(&mut self) -> Vec<Claim> {
        let replies = self.replies.drain(..);
        let mut answers: HashMap<[u8; 16], Reply> =
            replies.map(|reply| (reply.digest, reply)).collect();
        let claim = |(_, digest, expires): (u64, [u8; 16], UnixMillis)| Claim {
            digest,
            expires,
            answer: answers.remove(&digest).map(|reply| reply.answer),
        };
        let mut claims: Vec<Claim> = self.claims.drain(..).map(claim).collect();
        claims.extend(answers.into_values().map(|reply| Claim {
            digest: reply.digest,
            expires: reply.expires,
            answer: Some(reply.answer),
        }));
        claims
    }
}

fn load(file: &dyn File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let size = usize::try_from(file.len()?).unwrap_or(usize::MAX);
    if buffer.len() < size {
        buffer.resize(size, 0);
    }
    read_full_at(file, buffer.get_mut(..size).unwrap_or_default(), 0)
}

/// What the header said, from the first frame of a segment that is not sealed.
fn salvage(bytes: &[u8], number: u64) -> Option<Header> {
    let first = bytes.get(PAGE..)?;
    let epoch = u32::from_le_bytes(*first.get(16..)?.first_chunk()?);
    let frame = frame::read(first, epoch)?;
    let checkpoint = Checkpoint::read(frame.payload)?;
    let stands = checkpoint.destinations.iter();
    let names: Vec<&str> = stands.map(|stand| stand.name.as_str()).collect();
    (frame.kind == Kind::Checkpoint).then(|| Header {
        epoch,
        number,
        first_seq: frame.seq + 1,
        created: UnixMillis(0),
        sealed: None,
        names: segment::names(&names),
    })
}

fn rewrite(file: &Arc<dyn File>, end: u64, cut: Option<u64>) -> io::Result<()> {
    let from = end.saturating_sub(SUSPECT);
    let mut tail = vec![0; usize::try_from(end - from).unwrap_or(0)];
    let size = read_full_at(&**file, &mut tail, from)?;
    write_all_at(&**file, tail.get(..size).unwrap_or_default(), from)?;
    if let Some(cut) = cut {
        file.set_len(cut)?;
    }
    file.sync_all()
}
