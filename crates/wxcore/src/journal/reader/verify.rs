//! A reading of everything, to say what is damaged or missing.

use std::ops::Range;
use std::sync::Arc;

use super::folder::{look, numbers};
use super::view::{Source, settled};
use crate::journal::entry::Entry;
use crate::journal::error::JournalError;
use crate::journal::frame::Kind;
use crate::journal::fs::File;
use crate::journal::index::{Meta, Section, files};
use crate::journal::record::{self, Checkpoint, Reply};
use crate::journal::segment::{Found, Header, VERSION};
use crate::journal::survey::Record;

/// What was found in the folder of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderReport {
    /// Its name.
    pub folder: String,
    /// Every segment, in the order of their numbers.
    pub segments: Vec<SegmentReport>,
    /// Segments that the last checkpoint knew of and that are not there.
    pub missing: Vec<u64>,
}

/// What was found in one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentReport {
    /// Its number.
    pub number: u64,
    /// Bytes of its file.
    pub bytes: u64,
    /// The version of its format; 0 if it was prepared and not begun.
    pub version: u32,
    /// Whether it is sealed at rest.
    pub sealed: bool,
    /// Records of each kind: messages, settled, checkpoints, replies, void.
    pub records: [u64; 5],
    /// The first and the last message in it.
    pub seqs: Option<(u64, u64)>,
    /// Bytes at the end that began as a record and are none: of a write that did not finish.
    pub torn: u64,
    /// `none`, `sound` or `damaged`: of the index beside it.
    pub index: &'static str,
    /// What is wrong, a sentence each.
    pub problems: Vec<String>,
}

impl FolderReport {
    /// Nothing is damaged and nothing missing.
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty() && self.segments.iter().all(|one| one.problems.is_empty())
    }
}

pub(super) fn folder(source: Source<'_>, name: &str) -> Result<FolderReport, JournalError> {
    let mut report = FolderReport {
        folder: name.to_owned(),
        ..FolderReport::default()
    };
    let numbers = numbers(source)?;
    let mut listed = Vec::new();
    for number in &numbers {
        if let Some((file, found)) = look(source, *number)? {
            report
                .segments
                .push(segment(source, (*number, &file, found), &mut listed)?);
        }
    }
    listed.retain(|number| !numbers.contains(number));
    report.missing = listed;
    // Only the last may have been cut off in the middle of a write; after it, as a rule, lies one
    // that is prepared and not begun.
    let begun = report.segments.iter().rposition(|one| one.version != 0);
    for one in report.segments.iter_mut().take(begun.unwrap_or_default()) {
        if one.torn > 0 {
            one.problems
                .push(format!("its last {} bytes cannot be read", one.torn));
        }
    }
    Ok(report)
}

fn segment(
    source: Source<'_>,
    (number, file, found): (u64, &Arc<dyn File>, Found),
    listed: &mut Vec<u64>,
) -> Result<SegmentReport, JournalError> {
    let mut report = SegmentReport {
        number,
        bytes: file.len().map_err(JournalError::io("reading a segment"))?,
        index: "none",
        ..SegmentReport::default()
    };
    match found {
        Found::Header(header) if header.number == number => {
            read(source, &header, file, (&mut report, listed))?;
        }
        Found::Header(_) | Found::Blank => {}
        Found::Version(version) => {
            report.version = version;
            report
                .problems
                .push(format!("format version {version} is not known here"));
        }
        Found::Damaged => report.problems.push("its header cannot be read".to_owned()),
    }
    Ok(report)
}

fn read(
    source: Source<'_>,
    header: &Header,
    file: &Arc<dyn File>,
    (report, listed): (&mut SegmentReport, &mut Vec<u64>),
) -> Result<(), JournalError> {
    (report.version, report.sealed) = (VERSION, header.sealed.is_some());
    let bytes = settled(source, header, &**file)?;
    let beside = beside(source, header);
    let void = beside.as_ref().map(|(_, void)| void.as_slice());
    let made = files::index(
        &bytes,
        header,
        source.key,
        void.unwrap_or_default(),
        |record, _| {
            report.record(record, listed);
        },
    )
    .map_err(|_| JournalError::Corrupt {
        segment: header.number,
    })?;
    for range in made.outcome.damaged {
        let (start, end) = (range.start, range.end);
        report
            .problems
            .push(format!("bytes {start} to {end} cannot be read"));
    }
    report.torn = made.outcome.torn;
    if let Some((bytes, _)) = beside {
        report.index = "sound";
        if bytes != made.bytes {
            report.index = "damaged";
            report
                .problems
                .push("its index is damaged or belongs to another file".to_owned());
        }
    }
    Ok(())
}

/// The index beside a segment, and what it leaves out because a later segment declares it void.
fn beside(source: Source<'_>, header: &Header) -> Option<(Vec<u8>, Vec<Range<u64>>)> {
    let file = files::open(source.fs, source.dir, header.number).ok()?;
    let void = files::header(&*file)
        .and_then(|header| files::section(&*file, &header, Section::Meta, source.key))
        .and_then(|plain| Meta::parse(&plain))
        .map(|meta| meta.void);
    Some((files::read_whole(&*file).ok()?, void.unwrap_or_default()))
}

impl SegmentReport {
    fn record(&mut self, record: &Record<'_>, listed: &mut Vec<u64>) {
        let offset = record.offset;
        if let Some(slot) = self.records.get_mut(record.kind as usize - 1) {
            *slot += 1;
        }
        let readable = match (record.payload, record.kind) {
            (None, _) => false,
            (Some(payload), Kind::Message) => Entry::decode(payload).is_some(),
            (Some(payload), Kind::Settled) => record::settled(payload, |_, _| {}).is_some(),
            (Some(payload), Kind::Reply) => Reply::read(payload).is_some(),
            (Some(payload), Kind::Void) => record::void(payload).is_some(),
            (Some(payload), Kind::Checkpoint) => match Checkpoint::read(payload) {
                Some(checkpoint) => {
                    *listed = checkpoint.segments.iter().map(|one| one.number).collect();
                    true
                }
                None => false,
            },
        };
        if !readable {
            self.problems
                .push(format!("the record at byte {offset} makes no sense"));
        }
        if record.kind == Kind::Message {
            self.number_of(record);
        }
    }

    fn number_of(&mut self, record: &Record<'_>) {
        let (first, last) = self.seqs.unwrap_or((record.seq, 0));
        if record.seq <= last {
            let (seq, offset) = (record.seq, record.offset);
            self.problems
                .push(format!("message {seq} at byte {offset} is out of order"));
        }
        self.seqs = Some((first, record.seq.max(last)));
    }
}
