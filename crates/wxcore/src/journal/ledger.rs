//! What is in the segments and who has settled what: the journal's memory of its own files.

use std::collections::VecDeque;
use std::ops::Range;

use super::bits::Bits;
use super::places::Places;
use super::record::{Checkpoint, Listed, Stand};
use super::segment::Header;
use crate::time::UnixMillis;

/// Runs of unsettled seqs that a checkpoint may hold, over all destinations. Beyond that the cursor
/// it states is lower than the true one, and a crash may deliver again what lies between.
const MAX_RUNS: usize = 1 << 20;

/// What a group holds, as the committer found it while it gave the frames their last form.
#[derive(Debug)]
pub(crate) struct Marks {
    placed: Vec<Placed>,
    /// Of all of them, one after the other.
    destinations: Vec<u16>,
    /// When the last claim or reply expires.
    claims_until: UnixMillis,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            placed: Vec::new(),
            destinations: Vec::new(),
            claims_until: UnixMillis(i64::MIN),
        }
    }
}

impl Marks {
    pub(crate) fn clear(&mut self) {
        self.placed.clear();
        self.destinations.clear();
        self.claims_until = UnixMillis(i64::MIN);
    }

    pub(crate) fn message(&mut self, mut placed: Placed, destinations: impl Iterator<Item = u16>) {
        let before = self.destinations.len();
        self.destinations.extend(destinations);
        placed.destinations = self.destinations.len() - before;
        self.placed.push(placed);
    }

    pub(crate) fn claim(&mut self, expires: UnixMillis) {
        self.claims_until = self.claims_until.max(expires);
    }
}

/// A message about to be entered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) seq: u64,
    pub(crate) offset: u32,
    pub(crate) accepted: UnixMillis,
    /// How many of the destinations that stand beside it are its own.
    pub(crate) destinations: usize,
}

/// One segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) header: Header,
    /// Behind its last frame.
    pub(crate) end: u64,
    /// Length of its file.
    pub(crate) size: u64,
    /// Of the first message that is or was in it.
    pub(crate) first_seq: u64,
    pub(crate) places: Places,
    /// By destination.
    pending: Vec<Bits>,
    /// Messages times destinations that are not settled.
    pub(crate) unsettled: u64,
    /// When the last claim or reply in it expires.
    pub(crate) claims_until: UnixMillis,
    /// Acceptance of its newest message.
    pub(crate) newest: UnixMillis,
    /// Nothing more is written to it.
    pub(crate) full: bool,
    /// Its claims are kept elsewhere too.
    pub(crate) indexed: bool,
}

impl Segment {
    pub(crate) fn new(header: Header, end: u64, size: u64) -> Self {
        Self {
            header,
            end,
            size,
            first_seq: header.first_seq,
            places: Places::default(),
            pending: Vec::new(),
            unsettled: 0,
            claims_until: UnixMillis(i64::MIN),
            newest: UnixMillis(i64::MIN),
            full: false,
            indexed: false,
        }
    }

    /// Behind the last message that is or was in it.
    pub(crate) fn next_seq(&self) -> u64 {
        self.first_seq + self.places.len() as u64
    }

    /// Enters a message behind all that are there; seqs that are left out have no message.
    pub(crate) fn push(&mut self, placed: &Placed, destinations: impl Iterator<Item = u16>) {
        if self.places.is_empty() {
            self.first_seq = placed.seq;
        }
        let Some(index) = placed.seq.checked_sub(self.first_seq) else {
            return;
        };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if index < self.places.len() {
            return;
        }
        let age = placed.accepted.0.saturating_sub(self.header.created.0);
        let age = u32::try_from(age.max(0)).unwrap_or(u32::MAX);
        self.places.push(index, placed.offset, age);
        self.newest = self.newest.max(placed.accepted);
        for destination in destinations {
            let bits = self.bits(destination);
            let before = bits.count();
            bits.set(index);
            self.unsettled += self.bits(destination).count() - before;
        }
    }

    fn bits(&mut self, destination: u16) -> &mut Bits {
        let at = usize::from(destination);
        if at >= self.pending.len() {
            self.pending.resize(at + 1, Bits::default());
        }
        // The line above made room for it.
        #[expect(clippy::indexing_slicing, reason = "resized just above")]
        &mut self.pending[at]
    }

    /// What a destination has not settled.
    pub(crate) fn pending(&self, destination: u16) -> Option<&Bits> {
        self.pending
            .get(usize::from(destination))
            .filter(|bits| bits.count() > 0)
    }

    /// Where in its file to look for a message: from, and up to.
    pub(crate) fn stretch(&self, seq: u64) -> Option<(u64, u64)> {
        let stretch = self.places.stretch(self.index(seq)?)?;
        Some((
            stretch.start.into(),
            stretch.end.map_or(self.end, u64::from),
        ))
    }

    /// When a message was accepted, or up to ten seconds before.
    pub(crate) fn accepted(&self, seq: u64) -> UnixMillis {
        let age = self.index(seq).map_or(0, |index| self.places.age(index));
        UnixMillis(self.header.created.0 + i64::from(age))
    }

    fn index(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.first_seq)?).ok()
    }

    /// Settles one message for one destination; whether it was not settled before.
    pub(crate) fn settle(&mut self, destination: u16, seq: u64) -> bool {
        let index = seq.checked_sub(self.first_seq).map(usize::try_from);
        let Some(Ok(index)) = index else {
            return false;
        };
        let found = self.pending.get_mut(usize::from(destination));
        let cleared = found.is_some_and(|bits| bits.clear(index));
        self.unsettled -= u64::from(cleared);
        cleared
    }

    /// Settles what `keep` does not keep for a destination.
    pub(crate) fn retain(&mut self, destination: u16, mut keep: impl FnMut(u64) -> bool) {
        let first = self.first_seq;
        if let Some(bits) = self.pending.get_mut(usize::from(destination)) {
            let before = bits.count();
            bits.retain(|index| keep(first + index as u64));
            self.unsettled -= before - bits.count();
        }
    }

    /// Orders the destinations anew: `order` lists the old index of each.
    pub(crate) fn reorder(&mut self, order: &[u16]) {
        let mut old = std::mem::take(&mut self.pending);
        let take = |index: &u16| {
            old.get_mut(usize::from(*index))
                .map(std::mem::take)
                .unwrap_or_default()
        };
        self.pending = order.iter().map(take).collect();
    }

    /// Forgets where its messages lie, once nobody will ask for them.
    pub(crate) fn drained(&mut self) {
        if self.full && self.unsettled == 0 && !self.places.is_empty() {
            let next = self.next_seq();
            self.places = Places::default();
            self.pending = Vec::new();
            self.first_seq = next;
        }
    }

    fn listed(&self) -> Listed {
        Listed {
            number: self.header.number,
            first_seq: self.header.first_seq,
            last_seq: self.next_seq().saturating_sub(1),
            pending: self.unsettled > 0,
            claims_until: self.claims_until,
        }
    }
}

/// Where a destination stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lane {
    pub(crate) name: String,
    /// It is in the configuration of this process.
    pub(crate) configured: bool,
    /// Every message up to here was considered.
    pub(crate) cursor: u64,
    /// A message that was found at the start is for it, delivered or not: without its cursor, the next
    /// start would take what it has settled for unsettled.
    pub(crate) named: bool,
}

/// Everything that is in the journal.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// In the order of their numbers.
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) lanes: Vec<Lane>,
    /// Every message up to here is on disk or has failed.
    pub(crate) durable: u64,
    /// Groups that failed, and the segment in which something of them may lie.
    pub(crate) voids: Vec<(u64, Range<u64>)>,
    /// Of the segment to be begun next.
    pub(crate) next_number: u64,
    /// What failed since somebody asked last.
    pub(crate) failed: Vec<Range<u64>>,
}

impl Ledger {
    /// How many of these names no destination has.
    pub(crate) fn unknown(&self, names: &[String]) -> usize {
        let known = |name: &&String| self.lanes.iter().any(|lane| lane.name == **name);
        names.iter().filter(|name| !known(name)).count()
    }

    /// The index of a configured destination, which is added if there is none of that name.
    pub(crate) fn lane(&mut self, name: &str) -> u16 {
        let at = self.lanes.iter().position(|lane| lane.name == name);
        let at = at.unwrap_or(self.lanes.len());
        if let Some(lane) = self.lanes.get_mut(at) {
            lane.configured = true;
        } else {
            self.lanes.push(Lane {
                name: name.to_owned(),
                configured: true,
                // Nothing that is there is for it, or it would be known by its name.
                cursor: self.durable,
                named: false,
            });
        }
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    /// The segment of that number.
    pub(crate) fn segment(&self, number: u64) -> Option<&Segment> {
        let of = |segment: &&Segment| segment.header.number == number;
        self.segments.iter().find(of)
    }

    /// The segment that may hold `seq`.
    fn position(&self, seq: u64) -> Option<usize> {
        let behind = self
            .segments
            .partition_point(|segment| segment.first_seq <= seq);
        // Segments without a message share their first seq with the one after them.
        (0..behind).rev().find(|at| {
            let found = self.segments.get(*at);
            found.is_some_and(|segment| !segment.places.is_empty())
        })
    }

    /// Settles; returns whether a segment has just become free of unsettled messages.
    pub(crate) fn settle(&mut self, destination: u16, seqs: &[u64]) -> bool {
        let mut freed = false;
        for seq in seqs {
            let Some(at) = self.position(*seq) else {
                continue;
            };
            let Some(segment) = self.segments.get_mut(at) else {
                continue;
            };
            if segment.settle(destination, *seq) {
                freed |= segment.full && segment.unsettled == 0;
                segment.drained();
                // It was considered, whatever is durable: recovery settles before it knows that.
                if let Some(lane) = self.lanes.get_mut(usize::from(destination)) {
                    lane.cursor = lane.cursor.max(*seq);
                }
            }
        }
        freed
    }

    /// Says how far a destination has considered messages; never beyond what is durable.
    pub(crate) fn advance(&mut self, destination: u16, cursor: u64) {
        let durable = self.durable;
        if let Some(lane) = self.lanes.get_mut(usize::from(destination)) {
            lane.cursor = lane.cursor.max(cursor.min(durable));
        }
    }

    /// What to write so that the segments numbered in `without` can go.
    pub(crate) fn checkpoint(&self, without: &[u64]) -> Checkpoint {
        let share = MAX_RUNS / self.lanes.len().max(1);
        let stand = |(index, lane): (usize, &Lane)| {
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            let (cursor, unsettled) = self.runs(index, lane.cursor, share);
            Stand {
                name: lane.name.clone(),
                cursor,
                unsettled,
            }
        };
        let live = self
            .segments
            .iter()
            .filter(|segment| !without.contains(&segment.header.number));
        Checkpoint {
            destinations: self.lanes.iter().enumerate().map(stand).collect(),
            segments: live.map(Segment::listed).collect(),
        }
    }

    /// The unsettled seqs up to `cursor` as runs, and the cursor that so many runs reach.
    fn runs(&self, destination: u16, cursor: u64, share: usize) -> (u64, Vec<Range<u64>>) {
        let mut runs: Vec<Range<u64>> = Vec::new();
        for seq in self.unsettled(destination, 0) {
            if seq > cursor {
                break;
            }
            let full = runs.len() == share;
            match runs.last_mut() {
                Some(last) if last.end == seq => last.end += 1,
                _ if full => return (seq - 1, runs),
                _ => runs.push(seq..seq + 1),
            }
        }
        (cursor, runs)
    }

    /// What a destination has not settled, behind `after`.
    pub(crate) fn unsettled(&self, destination: u16, after: u64) -> impl Iterator<Item = u64> + '_ {
        self.wanted(destination, after).map(|(_, seq)| seq)
    }

    /// How many messages a destination has not settled.
    pub(crate) fn count(&self, destination: u16) -> u64 {
        let pending = |segment: &Segment| segment.pending(destination).map_or(0, Bits::count);
        self.segments.iter().map(pending).sum()
    }

    /// The same by name, for all that are configured or have some.
    pub(crate) fn counts(&self) -> Vec<(String, u64)> {
        let lanes = (0..u16::MAX).zip(&self.lanes);
        lanes
            .map(|(index, lane)| (lane, self.count(index)))
            .filter(|(lane, count)| lane.configured || *count > 0)
            .map(|(lane, count)| (lane.name.clone(), count))
            .collect()
    }

    /// What a destination has not settled, with the segment.
    pub(crate) fn wanted(
        &self,
        destination: u16,
        after: u64,
    ) -> impl Iterator<Item = (&Segment, u64)> + '_ {
        let start = self
            .segments
            .partition_point(|segment| segment.next_seq() <= after);
        self.segments
            .range(start.min(self.segments.len())..)
            .filter_map(move |segment| Some((segment, segment.pending(destination)?)))
            .flat_map(move |(segment, bits)| {
                let from = after.saturating_add(1).saturating_sub(segment.first_seq);
                let first = bits.next(usize::try_from(from).unwrap_or(usize::MAX));
                std::iter::successors(first, |last| bits.next(last + 1))
                    .map(move |index| (segment, segment.first_seq + index as u64))
            })
    }

    /// Enters a group that is on disk in the last segment.
    pub(crate) fn enter(&mut self, marks: &Marks, end: u64) {
        let mut destinations = marks.destinations.as_slice();
        let Some(segment) = self.segments.back_mut() else {
            return;
        };
        segment.end = end;
        segment.size = segment.size.max(end);
        segment.claims_until = segment.claims_until.max(marks.claims_until);
        for one in &marks.placed {
            let (own, rest) = destinations.split_at(one.destinations.min(destinations.len()));
            destinations = rest;
            segment.push(one, own.iter().copied());
            self.durable = self.durable.max(one.seq);
        }
    }

    /// Notes that a group failed.
    pub(crate) fn fail(&mut self, seqs: Range<u64>) {
        if seqs.is_empty() {
            return;
        }
        self.durable = self.durable.max(seqs.end - 1);
        if let Some(segment) = self.segments.back() {
            let number = segment.header.number;
            self.voids.push((number, seqs.clone()));
        }
        self.failed.push(seqs);
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        let used = |segment: &Segment| {
            if segment.full {
                segment.size
            } else {
                segment.end
            }
        };
        self.segments.iter().map(used).sum()
    }

    /// Forgets segments that are gone, and what was not settled in them; returns how much that was.
    pub(crate) fn keep(&mut self, mut is_there: impl FnMut(u64) -> bool) -> u64 {
        let gone: Vec<&Segment> = self
            .segments
            .iter()
            .filter(|segment| !is_there(segment.header.number))
            .collect();
        let unsettled = gone.iter().map(|segment| segment.unsettled).sum();
        let numbers: Vec<u64> = gone.iter().map(|segment| segment.header.number).collect();
        self.remove(&numbers);
        unsettled
    }

    /// Takes segments out; they are about to be deleted.
    pub(crate) fn remove(&mut self, numbers: &[u64]) {
        self.segments
            .retain(|segment| !numbers.contains(&segment.header.number));
        self.voids.retain(|(number, _)| !numbers.contains(number));
    }
}
