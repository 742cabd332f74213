//! One segment with its index: the one beside it, or one made on the spot.

use std::path::Path;
use std::sync::Arc;

use super::pending::Pending;
use crate::journal::entry::Entry;
use crate::journal::error::JournalError;
use crate::journal::frame::{self, Kind};
use crate::journal::fs::{File, Fs, read_full_at};
use crate::journal::index::files::{self, Indexed};
use crate::journal::index::{self, Ids, IndexError, Keys, Meta, Place, Plain, Section};
use crate::journal::record::{self, Checkpoint, Listed};
use crate::journal::scan::Scan;
use crate::journal::seal::{SealKey, Sealer};
use crate::journal::segment::{Header, PAGE};
use crate::journal::survey::Record;

/// Readings of a segment that is being written, until two agree on what is damaged.
const READINGS: usize = 4;

/// Where to read from, and with which key.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) dir: &'a Path,
    pub(super) key: Option<&'a SealKey>,
}

/// What the records beside messages say.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) pending: Pending,
    /// The segments that the last checkpoint knew of.
    pub(super) listed: Vec<Listed>,
    /// There was a checkpoint.
    pub(super) begun: bool,
}

/// A segment and its index.
pub(super) struct View {
    pub(super) header: Header,
    pub(super) index: index::Header,
    pub(super) meta: Meta,
    pub(super) size: u64,
    file: Arc<dyn File>,
    /// The index, if it is not in a file.
    made: Option<Vec<u8>>,
}

impl View {
    /// A full segment: by the index beside it, if that is sound.
    pub(super) fn open(
        source: Source<'_>,
        header: Header,
        file: Arc<dyn File>,
    ) -> Result<Self, JournalError> {
        match Self::beside(source, &header) {
            Ok((index, meta)) => Ok(Self {
                size: file.len().map_err(JournalError::io("reading a segment"))?,
                header,
                index,
                meta,
                file,
                made: None,
            }),
            Err(_) => Self::scan(source, header, file, &mut Told::default()),
        }
    }

    fn beside(source: Source<'_>, header: &Header) -> Result<(index::Header, Meta), IndexError> {
        let file = files::open(source.fs, source.dir, header.number)?;
        let index = files::header(&*file)?;
        let theirs = (index.scanned.segment, index.scanned.epoch);
        if index.partial || theirs != (header.number, header.epoch) {
            return Err(IndexError::Foreign);
        }
        let meta = files::section(&*file, &index, Section::Meta, source.key)?;
        let meta = Meta::parse(&meta)?;
        Ok((index, meta))
    }

    /// Any segment, by reading all of it; `told` follows what it says of deliveries.
    pub(super) fn scan(
        source: Source<'_>,
        header: Header,
        file: Arc<dyn File>,
        told: &mut Told,
    ) -> Result<Self, JournalError> {
        let bytes = settled(source, &header, &*file)?;
        Self::made(source, header, file, (&bytes, told))
    }

    fn made(
        source: Source<'_>,
        header: Header,
        file: Arc<dyn File>,
        (bytes, told): (&[u8], &mut Told),
    ) -> Result<Self, JournalError> {
        let Indexed { bytes: made, .. } =
            files::index(bytes, &header, source.key, &[], |record, destinations| {
                told.follow(record, destinations);
            })
            .map_err(|_| corrupt(&header))?;
        let index = index::Header::parse(&made).map_err(|_| corrupt(&header))?;
        let meta = files::cut(&made, &index, Section::Meta, source.key)
            .and_then(|plain| Meta::parse(&plain))
            .map_err(|_| corrupt(&header))?;
        Ok(Self {
            header,
            index,
            meta,
            size: bytes.len() as u64,
            file,
            made: Some(made),
        })
    }

    /// The rows; the index is made again should this part of its file be damaged.
    pub(super) fn keys(&mut self, source: Source<'_>) -> Result<Keys, JournalError> {
        self.section(source, Section::Keys, Keys::parse)
    }

    /// The digests, likewise.
    pub(super) fn ids(&mut self, source: Source<'_>) -> Result<Ids, JournalError> {
        self.section(source, Section::Ids, Ids::parse)
    }

    fn section<T>(
        &mut self,
        source: Source<'_>,
        section: Section,
        parse: fn(Plain) -> Result<T, IndexError>,
    ) -> Result<T, JournalError> {
        if self.made.is_none() {
            let read = files::open(source.fs, source.dir, self.header.number)
                .and_then(|file| files::section(&*file, &self.index, section, source.key))
                .and_then(parse);
            if let Ok(parsed) = read {
                return Ok(parsed);
            }
            let told = &mut Told::default();
            *self = Self::scan(source, self.header, Arc::clone(&self.file), told)?;
        }
        let made = self.made.as_deref().unwrap_or_default();
        files::cut(made, &self.index, section, source.key)
            .and_then(parse)
            .map_err(|_| corrupt(&self.header))
    }

    /// Hands the message at `place` to `take`; `None` if it cannot be read any more.
    pub(super) fn read<T>(
        &self,
        source: Source<'_>,
        place: Place,
        take: impl FnOnce(&Entry<'_>) -> T,
    ) -> Option<T> {
        let mut head = [0; frame::HEADER];
        read_full_at(&*self.file, &mut head, place.offset).ok()?;
        let (size, ..) = frame::head(&head)?;
        let mut bytes = vec![0; size];
        read_full_at(&*self.file, &mut bytes, place.offset).ok()?;
        let frame = frame::read(&bytes, self.header.epoch)?;
        if (frame.kind, frame.seq) != (Kind::Message, place.seq) {
            return None;
        }
        let entry = match Sealer::of(&self.header, source.key).ok()? {
            Some(sealer) => {
                let offset = u32::try_from(place.offset).ok()?;
                return Some(take(&Entry::decode(
                    sealer.open(&mut bytes, place.seq, offset)?,
                )?));
            }
            None => Entry::decode(frame.payload)?,
        };
        Some(take(&entry))
    }
}

impl Told {
    fn follow(&mut self, record: &Record<'_>, destinations: &files::Destinations) {
        let Some(payload) = record.payload else {
            return;
        };
        match record.kind {
            Kind::Checkpoint => {
                if let Some(mut checkpoint) = Checkpoint::read(payload) {
                    self.begun = true;
                    self.listed = std::mem::take(&mut checkpoint.segments);
                    self.pending.restart(checkpoint);
                }
            }
            Kind::Settled => {
                // What could be read of a record counts.
                let _ = record::settled(payload, |at, seq| {
                    self.pending.settle(&destinations.name(at), seq);
                });
            }
            Kind::Message | Kind::Reply | Kind::Void => {}
        }
    }
}

/// The bytes of a segment that may be written meanwhile.
///
/// It may seem to have holes: what was zeros when it was read lies before what was written later.
/// It may seem to be cut off: its last record is being written. So either counts only if it is seen
/// twice.
pub(super) fn settled(
    source: Source<'_>,
    header: &Header,
    file: &dyn File,
) -> Result<Vec<u8>, JournalError> {
    Sealer::of(header, source.key).map_err(JournalError::Key)?;
    let read = || files::read_whole(file).map_err(JournalError::io("reading a segment"));
    let mut before = None;
    for _ in 1..READINGS {
        let bytes = read()?;
        let mut scan = Scan::new(&bytes, PAGE, header.epoch);
        scan.by_ref().for_each(drop);
        let seen = (scan.torn(), scan.damaged);
        if seen == (0, Vec::new()) || before.as_ref() == Some(&seen) {
            return Ok(bytes);
        }
        before = Some(seen);
    }
    read()
}

fn corrupt(header: &Header) -> JournalError {
    JournalError::Corrupt {
        segment: header.number,
    }
}
