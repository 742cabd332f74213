//! From the facts of a segment to the bytes of its index.

use std::collections::HashMap;
use std::ops::Range;

use super::header::{Header, Section};
use super::ids::{ENTRY, Ids};
use super::keys::{ROW, UNLISTED};
use super::layout::narrow;
use super::meta::Meta;
use super::replies::{self, Replies};
use super::seal::Cover;
use super::{IndexError, Place};
use crate::journal::entry;
use crate::journal::record::Reply;
use crate::journal::seal::SealKey;
use crate::journal::segment;
use crate::time::UnixMillis;

/// The segment that was read, and how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Its number.
    pub segment: u64,
    /// The epoch in its header: an index of another epoch speaks of a recycled file.
    pub epoch: u32,
    /// The first sequence number it can hold.
    pub first_seq: u64,
    /// The offset behind its last frame.
    pub end: u64,
    /// If it is sealed at rest, so is the index: the salt of the key, and the check of that key.
    pub sealed: Option<([u8; 16], [u8; 8])>,
}

/// What the index keeps of one message.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'a> {
    /// Where it is; less than 4 GiB into the segment.
    pub place: Place,
    /// Its idempotency key.
    pub id: &'a str,
    /// The name of its account.
    pub account: &'a str,
    /// The type of its event.
    pub type_name: &'a str,
    /// Its subject, as a rule the openid; empty if it has none.
    pub subject: &'a str,
    /// When it was accepted.
    pub accepted: UnixMillis,
    /// When its claim ends.
    pub expires: UnixMillis,
    /// The names of the destinations it goes to.
    pub destinations: &'a [&'a str],
}

struct Line {
    subject: u32,
    accepted: i64,
    seq: u32,
    offset: u32,
    codes: [u16; 3],
    digest: [u8; 16],
    expires: i64,
}

/// Collects facts; [`Builder::finish`] sorts and writes them.
pub struct Builder {
    scanned: Scanned,
    lines: Vec<Line>,
    subjects: HashMap<Box<str>, u32>,
    types: Names,
    accounts: Names,
    sets: Names,
    void: Vec<Range<u64>>,
    replies: Vec<Reply>,
}

impl Builder {
    /// Starts the index of the segment with that header.
    pub fn new(segment: &segment::Header) -> Self {
        Self {
            scanned: Scanned {
                segment: segment.number,
                epoch: segment.epoch,
                first_seq: segment.first_seq,
                end: 0,
                sealed: segment.sealed,
            },
            lines: Vec::new(),
            subjects: HashMap::new(),
            types: Names::default(),
            accounts: Names::default(),
            sets: Names::default(),
            void: Vec::new(),
            replies: Vec::new(),
        }
    }

    /// Adds a message. One that cannot belong to the segment (a sequence number before its first, an
    /// offset beyond 4 GiB) is left out.
    pub fn push(&mut self, fact: &Fact<'_>) {
        let seq = fact.place.seq.checked_sub(self.scanned.first_seq);
        let (Some(Ok(seq)), Ok(offset)) =
            (seq.map(u32::try_from), u32::try_from(fact.place.offset))
        else {
            return;
        };
        let codes = [
            self.types.code(fact.type_name),
            self.accounts.code(fact.account),
            self.sets.code(&fact.destinations.join("\0")),
        ];
        let subject = self.subject(fact.subject);
        self.lines.push(Line {
            subject,
            accepted: fact.accepted.0,
            seq,
            offset,
            codes,
            digest: entry::digest(fact.id),
            expires: fact.expires.0,
        });
    }

    /// Notes that the segment declares `seqs` void: they are left out here, and told to readers of
    /// the segments before.
    pub fn void(&mut self, seqs: Range<u64>) {
        self.void.push(seqs);
    }

    /// Keeps an answer for retries, should they still come when the segment is full.
    pub fn reply(&mut self, reply: Reply) {
        self.replies.push(reply);
    }

    /// The bytes of the index. `end` is the offset behind the last frame that was read.
    ///
    /// # Errors
    /// [`IndexError::Key`]: the segment is sealed, and not with `key`.
    pub fn finish(mut self, end: u64, key: Option<&SealKey>) -> Result<Vec<u8>, IndexError> {
        self.scanned.end = end;
        self.void
            .sort_unstable_by_key(|seqs| (seqs.start, seqs.end));
        self.void.dedup();
        let (first, void) = (self.scanned.first_seq, &self.void);
        self.lines
            .retain(|line| !is_void(void, first + u64::from(line.seq)));
        let mut facts = Header::bare(self.scanned);
        facts.messages = narrow(self.lines.len());
        for line in &self.lines {
            facts.accepted.0 = facts.accepted.0.min(UnixMillis(line.accepted));
            facts.accepted.1 = facts.accepted.1.max(UnixMillis(line.accepted));
            facts.expires = facts.expires.max(UnixMillis(line.expires));
        }
        let newest = facts.accepted.1;
        self.replies.retain(|reply| reply.expires > newest);
        for reply in &self.replies {
            facts.expires = facts.expires.max(reply.expires);
        }
        let replies = replies::encode(&self.replies);
        let keys = self.keys();
        self.lines
            .sort_unstable_by_key(|line| (line.digest, line.seq));
        let mut ids = Vec::with_capacity(self.lines.len() * ENTRY);
        for line in &self.lines {
            put_id(&mut ids, line.digest, line.expires, line.seq, line.offset);
        }
        let meta = Meta {
            types: self.types.listed,
            accounts: self.accounts.listed,
            destinations: self.sets.listed.iter().map(|set| split(set)).collect(),
            void: self.void,
        };
        assemble(facts, [meta.encode(), keys, ids, replies], key)
    }

    fn subject(&mut self, subject: &str) -> u32 {
        if let Some(&known) = self.subjects.get(subject) {
            return known;
        }
        let number = narrow(self.subjects.len());
        self.subjects.insert(subject.into(), number);
        number
    }

    /// The rows sorted by openid, time and sequence number, behind the table of openids.
    fn keys(&mut self) -> Vec<u8> {
        let mut subjects: Vec<_> = self.subjects.drain().collect();
        subjects.sort_unstable();
        let mut rank = vec![0; subjects.len()];
        for (place, (_, number)) in (0..).zip(&subjects) {
            if let Some(slot) = rank.get_mut(*number as usize) {
                *slot = place;
            }
        }
        for line in &mut self.lines {
            line.subject = rank.get(line.subject as usize).copied().unwrap_or(0);
        }
        self.lines
            .sort_unstable_by_key(|line| (line.subject, line.accepted, line.seq));
        let mut out = narrow(subjects.len()).to_le_bytes().to_vec();
        let (mut row, mut name) = (0, 0);
        for (place, (subject, _)) in (0..).zip(&subjects) {
            put_pair(&mut out, row, name);
            row += self
                .lines
                .get(row..)
                .map_or(0, |rest| rest.partition_point(|line| line.subject == place));
            name += subject.len();
        }
        put_pair(&mut out, row, name);
        for (subject, _) in &subjects {
            out.extend_from_slice(subject.as_bytes());
        }
        out.reserve(self.lines.len() * ROW);
        for line in &self.lines {
            put_row(&mut out, line);
        }
        out
    }
}

/// What must outlive the segment of an index: the claims and answers that live on after `now`.
/// `None` if there is none, and the index may go with its segment.
///
/// # Errors
/// [`IndexError::Key`]: the segment was sealed, and not with `key`.
pub fn claims_only(
    header: &Header,
    (ids, replies): (&Ids, &Replies),
    now: UnixMillis,
    key: Option<&SealKey>,
) -> Result<Option<Vec<u8>>, IndexError> {
    let mut facts = Header::bare(header.scanned);
    facts.partial = true;
    let mut out = Vec::new();
    for claim in ids.claims(now) {
        let seq = claim.place.seq.saturating_sub(header.scanned.first_seq);
        let (Ok(seq), Ok(offset)) = (u32::try_from(seq), u32::try_from(claim.place.offset)) else {
            continue;
        };
        put_id(&mut out, claim.digest, claim.expires.0, seq, offset);
        facts.expires = facts.expires.max(claim.expires);
    }
    let left: Vec<Reply> = replies.living(now).cloned().collect();
    for reply in &left {
        facts.expires = facts.expires.max(reply.expires);
    }
    if out.is_empty() && left.is_empty() {
        return Ok(None);
    }
    let mut keys = 0_u32.to_le_bytes().to_vec();
    put_pair(&mut keys, 0, 0);
    let sections = [Meta::default().encode(), keys, out, replies::encode(&left)];
    assemble(facts, sections, key).map(Some)
}

fn assemble(
    facts: Header,
    [meta, keys, ids, replies]: [Vec<u8>; 4],
    key: Option<&SealKey>,
) -> Result<Vec<u8>, IndexError> {
    let cover = Cover::of(facts.scanned.sealed, key)?;
    let covered = |section, plain: Vec<u8>| match &cover {
        Some(cover) => cover.seal(section, &plain).ok_or(IndexError::Key),
        None => Ok(plain),
    };
    let sections = [
        covered(Section::Meta, meta)?,
        covered(Section::Keys, keys)?,
        covered(Section::Ids, ids)?,
        covered(Section::Replies, replies)?,
    ];
    let mut out = facts.describe(&sections).encode();
    for section in &sections {
        out.extend_from_slice(section);
    }
    Ok(out)
}

fn is_void(void: &[Range<u64>], seq: u64) -> bool {
    void.iter().any(|range| range.contains(&seq))
}

fn split(set: &str) -> Vec<String> {
    if set.is_empty() {
        return Vec::new();
    }
    set.split('\0').map(str::to_owned).collect()
}

fn put_pair(out: &mut Vec<u8>, row: usize, name: usize) {
    out.extend_from_slice(&narrow(row).to_le_bytes());
    out.extend_from_slice(&narrow(name).to_le_bytes());
}

fn put_row(out: &mut Vec<u8>, line: &Line) {
    out.extend_from_slice(&line.accepted.to_le_bytes());
    out.extend_from_slice(&line.seq.to_le_bytes());
    out.extend_from_slice(&line.offset.to_le_bytes());
    for code in line.codes {
        out.extend_from_slice(&code.to_le_bytes());
    }
    out.extend_from_slice(&[0; 2]);
}

fn put_id(out: &mut Vec<u8>, digest: [u8; 16], expires: i64, seq: u32, offset: u32) {
    out.extend_from_slice(&digest);
    out.extend_from_slice(&expires.to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
}

/// Names with numbers from 0, as many as fit below [`UNLISTED`].
#[derive(Default)]
struct Names {
    listed: Vec<String>,
    codes: HashMap<String, u16>,
}

impl Names {
    fn code(&mut self, name: &str) -> u16 {
        if let Some(&code) = self.codes.get(name) {
            return code;
        }
        match u16::try_from(self.listed.len()) {
            Ok(code) if code != UNLISTED => {
                self.listed.push(name.to_owned());
                self.codes.insert(name.to_owned(), code);
                code
            }
            _ => UNLISTED,
        }
    }
}
