//! The folder of one worker, as it is at one moment.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::view::{Source, Told, View};
use super::{Query, Stored};
use crate::journal::entry;
use crate::journal::error::JournalError;
use crate::journal::fs::{File, Mode, read_full_at};
use crate::journal::index::Row;
use crate::journal::segment::{self, Found, Header, PAGE};

/// What a folder holds.
pub(super) struct Folder {
    pub(super) views: Vec<View>,
    pub(super) told: Told,
    /// Messages that were never acknowledged.
    pub(super) void: Vec<Range<u64>>,
}

impl Folder {
    /// Looks at every segment: the last is read whole, the others by their indexes.
    pub(super) fn open(source: Source<'_>) -> Result<Self, JournalError> {
        let mut begun = Vec::new();
        for number in numbers(source)? {
            match look(source, number)? {
                Some((file, Found::Header(header))) if header.number == number => {
                    begun.push((header, file));
                }
                Some((_, Found::Version(version))) => {
                    return Err(JournalError::Version {
                        segment: number,
                        version,
                    });
                }
                // Gone, prepared and not begun, or beyond reading, which `verify` tells.
                _ => {}
            }
        }
        let (views, told) = read(source, &begun)?;
        let void = views
            .iter()
            .flat_map(|view| view.meta.void.clone())
            .collect();
        Ok(Self { views, told, void })
    }

    /// Appends what fits `query`: the segment and row of each message.
    pub(super) fn candidates(
        &mut self,
        source: Source<'_>,
        query: &Query<'_>,
        mut take: impl FnMut(usize, Row),
    ) -> Result<(), JournalError> {
        let (since, until) = (query.filter.since, query.filter.until);
        for (at, view) in self.views.iter_mut().enumerate() {
            if !view.index.overlaps(since, until) {
                continue;
            }
            let mut rows = match query.id {
                Some(id) => named(view, source, id)?,
                None => view.keys(source)?.find(&view.meta, &query.filter),
            };
            rows.retain(|row| !self.void.iter().any(|range| range.contains(&row.place.seq)));
            for row in rows {
                take(at, row);
            }
        }
        Ok(())
    }

    /// Reads one of them; `None` if it is gone by now, or is not what was asked for after all.
    pub(super) fn stored(
        &self,
        source: Source<'_>,
        (name, query): (&str, &Query<'_>),
        (at, row): (usize, Row),
    ) -> Option<Stored> {
        let view = self.views.get(at)?;
        let destinations = view.meta.destinations(row.set).unwrap_or_default();
        let waits = |to: &&String| self.told.pending.waits(to, row.place.seq);
        view.read(source, row.place, |entry| {
            query.fits(entry).then(|| Stored {
                folder: name.to_owned(),
                seq: row.place.seq,
                id: entry.id.to_owned(),
                account: entry.account.to_owned(),
                type_name: entry.type_name.to_owned(),
                key: entry.key.to_owned(),
                subject: entry.subject.map(str::to_owned),
                accepted: entry.accepted,
                wait: entry.wait,
                event: entry.event.to_vec(),
                undelivered: destinations.iter().filter(waits).cloned().collect(),
            })
        })?
    }
}

fn named(view: &mut View, source: Source<'_>, id: &str) -> Result<Vec<Row>, JournalError> {
    let places = view.ids(source)?.find(&entry::digest(id));
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let keys = view.keys(source)?;
    Ok(places
        .iter()
        .filter_map(|place| keys.row_of(place.seq))
        .collect())
}

type Begun = (Header, Arc<dyn File>);

/// Reads the last segment whole, and those before it as far back as it takes to find a checkpoint.
fn read(source: Source<'_>, begun: &[Begun]) -> Result<(Vec<View>, Told), JournalError> {
    let mut first = begun.len().saturating_sub(1);
    loop {
        let (full, scanned) = begun.split_at(first.min(begun.len()));
        let mut told = Told::default();
        let mut tail = Vec::new();
        for (header, file) in scanned {
            tail.push(View::scan(source, *header, Arc::clone(file), &mut told)?);
        }
        if told.begun || first == 0 {
            let mut views = Vec::with_capacity(begun.len());
            for (header, file) in full {
                views.push(View::open(source, *header, Arc::clone(file))?);
            }
            views.append(&mut tail);
            return Ok((views, told));
        }
        first -= 1;
    }
}

/// The numbers of the segments in a folder.
pub(super) fn numbers(source: Source<'_>) -> Result<Vec<u64>, JournalError> {
    let files = source
        .fs
        .list(source.dir)
        .map_err(JournalError::io("listing the journal"))?;
    let mut numbers: Vec<u64> = files
        .iter()
        .filter_map(|(name, _)| segment::file_number(name))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// A segment's file, and what stands at its beginning.
type Opened = (Arc<dyn File>, Found);

/// Opens a segment and reads its header; `None` if it has been deleted.
pub(super) fn look(source: Source<'_>, number: u64) -> Result<Option<Opened>, JournalError> {
    let path = source.dir.join(segment::file_name(number));
    let file = match source.fs.open(&path, Mode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(JournalError::io("opening a segment")(error)),
    };
    let mut page = [0; PAGE];
    let read = read_full_at(&*file, &mut page, 0).map_err(JournalError::io("reading a segment"))?;
    let found = Header::read(page.get(..read).unwrap_or_default());
    Ok(Some((file, found)))
}
