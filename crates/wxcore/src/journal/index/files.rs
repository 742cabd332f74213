//! Index files beside segments: made once a segment is full, read by whoever needs them.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use super::{Builder, Fact, Header, Ids, IndexError, Plain, Replies, Section, claims_only};
use crate::journal::entry::Entry;
use crate::journal::frame::Kind;
use crate::journal::fs::{File, Fs, Mode, read_full_at, write_all_at};
use crate::journal::queue::lock;
use crate::journal::record::{self, Checkpoint, Reply};
use crate::journal::seal::SealKey;
use crate::journal::segment::{self, Found};
use crate::journal::sidecar::{Claim, Place, Sidecar};
use crate::journal::survey::{Outcome, Record, survey};
use crate::time::UnixMillis;

/// Records between two moments in which others may run; some 0.1 ms.
const AT_ONCE: usize = 64;
/// Bytes that are read at once; as long.
const PIECE: usize = 256 * 1024;

/// The name of the index of segment `number`.
pub fn file_name(number: u64) -> String {
    format!("{number:010}.idx")
}

/// The number in the name of an index; `None` for any other file.
pub fn file_number(name: &str) -> Option<u64> {
    segment::file_number(&format!("{}.seg", name.strip_suffix(".idx")?))
}

/// What was found in a segment while its index was made.
pub(crate) struct Indexed {
    /// The bytes of the index.
    pub(crate) bytes: Vec<u8>,
    /// Damage, and where the frames end.
    pub(crate) outcome: Outcome,
}

/// Makes the index of the segment whose file is `bytes`; `visit` sees every record on the way.
///
/// Destinations are named as the checkpoints in the segment name them. Messages in `void` are left
/// out, as are those that the segment itself declares void.
///
/// # Errors
/// [`IndexError::Key`]: the segment is sealed, and not with `key`.
pub(crate) fn index(
    bytes: &[u8],
    header: &segment::Header,
    key: Option<&SealKey>,
    void: &[Range<u64>],
    mut visit: impl FnMut(&Record<'_>, &Destinations),
) -> Result<Indexed, IndexError> {
    let mut builder = Builder::new(header);
    for seqs in void {
        builder.void(seqs.clone());
    }
    let mut destinations = Destinations::default();
    let mut seen = 0_usize;
    let outcome = survey(bytes, header, key, |record| {
        seen += 1;
        if seen.is_multiple_of(AT_ONCE) {
            give_way();
        }
        destinations.follow(&record);
        push(&mut builder, &record, &destinations);
        visit(&record, &destinations);
    })
    .map_err(|_| IndexError::Key)?;
    let bytes = builder.finish(outcome.end, key)?;
    Ok(Indexed { bytes, outcome })
}

fn push(builder: &mut Builder, record: &Record<'_>, destinations: &Destinations) {
    let Some(payload) = record.payload else {
        return;
    };
    match record.kind {
        Kind::Message => {
            let Some(entry) = Entry::decode(payload) else {
                return;
            };
            let named: Vec<_> = entry
                .destinations
                .iter()
                .map(|at| destinations.name(at))
                .collect();
            let named: Vec<&str> = named.iter().map(|name| &**name).collect();
            builder.push(&Fact {
                place: super::Place {
                    seq: record.seq,
                    offset: record.offset,
                },
                id: entry.id,
                account: entry.account,
                type_name: entry.type_name,
                subject: entry.subject.unwrap_or_default(),
                accepted: entry.accepted,
                expires: UnixMillis(entry.accepted.0.saturating_add(entry.lifetime)),
                destinations: &named,
            });
        }
        Kind::Void => {
            if let Some(seqs) = record::void(payload) {
                builder.void(seqs);
            }
        }
        Kind::Reply => {
            if let Some(reply) = Reply::read(payload) {
                builder.reply(reply);
            }
        }
        Kind::Settled | Kind::Checkpoint => {}
    }
}

/// The names behind the numbers of destinations, at one point of a segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Destinations {
    names: Vec<String>,
}

impl Destinations {
    fn follow(&mut self, record: &Record<'_>) {
        if record.kind == Kind::Checkpoint
            && let Some(checkpoint) = record.payload.and_then(Checkpoint::read)
        {
            let stands = checkpoint.destinations.into_iter();
            self.names = stands.map(|stand| stand.name).collect();
        }
    }

    /// The name of destination `at`; `#at` if nobody knows it any more.
    pub(crate) fn name(&self, at: u16) -> std::borrow::Cow<'_, str> {
        match self.names.get(usize::from(at)) {
            Some(name) => name.into(),
            None => format!("#{at}").into(),
        }
    }
}

/// Keeps the index of each full segment of one folder beside it, and its claims beyond it.
#[derive(Debug, Default)]
pub struct IndexFiles {
    /// When to look again at the index of a segment that is gone. With claims of a day there are
    /// a thousand of them after twenty million messages.
    looks: Mutex<HashMap<u64, UnixMillis>>,
}

impl Sidecar for IndexFiles {
    fn on_full(&self, place: Place<'_>, number: u64, void: &[Range<u64>]) -> io::Result<()> {
        let file = place
            .fs
            .open(&place.dir.join(segment::file_name(number)), Mode::Read)?;
        let bytes = read_whole(&*file)?;
        let Found::Header(header) = segment::Header::read(&bytes) else {
            return Err(io::Error::other(
                "the header of a full segment cannot be read",
            ));
        };
        let made = index(&bytes, &header, place.key, void, |_, _| {}).map_err(io::Error::other)?;
        put(place, number, &made.bytes)
    }

    fn has(&self, place: Place<'_>, number: u64) -> bool {
        let sound = || {
            let file = open(place.fs, place.dir, number)?;
            let header = header(&*file)?;
            ids(&*file, &header, place.key)?;
            replies(&*file, &header, place.key)?;
            Ok::<bool, IndexError>(!header.partial)
        };
        sound() == Ok(true)
    }

    fn claims(&self, place: Place<'_>, live: &[u64], now: UnixMillis) -> io::Result<Vec<Claim>> {
        let mut found = Vec::new();
        for number in orphans(place, live)? {
            // What is damaged claims nothing: a retry of it may then be delivered again.
            let _ = add_claims(place, number, now, &mut found);
        }
        Ok(found)
    }

    fn sweep(&self, place: Place<'_>, live: &[u64], now: UnixMillis) {
        let mut looks = lock(&self.looks);
        for number in orphans(place, live).unwrap_or_default() {
            if looks.get(&number).is_some_and(|again| *again > now) {
                continue;
            }
            match cut_down(place, number, now) {
                Ok(Some(again)) => drop(looks.insert(number, again)),
                Ok(None) | Err(_) => drop(looks.remove(&number)),
            }
        }
    }
}

/// Numbers of indexes whose segments are gone.
fn orphans(place: Place<'_>, live: &[u64]) -> io::Result<Vec<u64>> {
    let files = place.fs.list(place.dir)?;
    let numbers = files.iter().filter_map(|(name, _)| file_number(name));
    Ok(numbers.filter(|number| !live.contains(number)).collect())
}

fn add_claims(
    place: Place<'_>,
    number: u64,
    now: UnixMillis,
    found: &mut Vec<Claim>,
) -> Result<(), IndexError> {
    let file = open(place.fs, place.dir, number)?;
    let header = header(&*file)?;
    if header.expires <= now {
        return Ok(());
    }
    let ids = ids(&*file, &header, place.key)?;
    found.extend(ids.claims(now).map(|claim| Claim {
        digest: claim.digest,
        expires: claim.expires,
        answer: None,
    }));
    let replies = replies(&*file, &header, place.key)?;
    found.extend(replies.living(now).map(|reply| Claim {
        digest: reply.digest,
        expires: reply.expires,
        answer: Some(reply.answer.clone()),
    }));
    Ok(())
}

/// Deletes an index without its segment if nothing in it lives, or cuts it down to what does.
/// Returns when that is worth doing again; `None` if the index is gone.
///
/// One that cannot be read just now is left alone: it may be all that is known of payments.
fn cut_down(place: Place<'_>, number: u64, now: UnixMillis) -> io::Result<Option<UnixMillis>> {
    let path = place.dir.join(file_name(number));
    let bytes = read_whole(&*place.fs.open(&path, Mode::Read)?)?;
    match left(&bytes, now, place.key) {
        Ok(Some(Left { bytes, again })) => {
            if let Some(bytes) = bytes {
                put(place, number, &bytes)?;
            }
            Ok(Some(again))
        }
        // Another version's.
        Err(IndexError::Version(_)) => Ok(Some(UnixMillis(i64::MAX))),
        // What makes no sense claims nothing.
        Ok(None) | Err(_) => {
            place.fs.remove(&path)?;
            Ok(None)
        }
    }
}

/// What is to be kept of an index without its segment.
struct Left {
    /// It is written anew only if that makes it much smaller.
    bytes: Option<Vec<u8>>,
    /// When to look at it again.
    again: UnixMillis,
}

fn left(bytes: &[u8], now: UnixMillis, key: Option<&SealKey>) -> Result<Option<Left>, IndexError> {
    let header = Header::parse(bytes)?;
    if header.expires <= now {
        return Ok(None);
    }
    let part = |section| cut(bytes, &header, section, key);
    let parts = part(Section::Ids)
        .and_then(|ids| Ok((Ids::parse(ids)?, Replies::parse(&part(Section::Replies)?)?)));
    let (ids, replies) = match parts {
        // It may be read again by a process with its key.
        Err(IndexError::Key) => {
            let (bytes, again) = (None, header.expires);
            return Ok(Some(Left { bytes, again }));
        }
        parts => parts?,
    };
    let ends = ends((&ids, &replies), now);
    let (living, again) = (ends.len(), mostly_over(ends));
    if header.partial && living * 2 > ids.len() + replies.len() {
        return Ok(Some(Left { bytes: None, again }));
    }
    let less = claims_only(&header, (&ids, &replies), now, key)?;
    Ok(less.map(|bytes| Left {
        bytes: Some(bytes),
        again,
    }))
}

/// When the claims and answers end that live on after `now`.
fn ends((ids, replies): (&Ids, &Replies), now: UnixMillis) -> Vec<UnixMillis> {
    let claims = ids.claims(now).map(|claim| claim.expires);
    claims
        .chain(replies.living(now).map(|reply| reply.expires))
        .collect()
}

/// When nine in ten are over: those of payments, few as they are, last for a thousand times as long.
fn mostly_over(mut ends: Vec<UnixMillis>) -> UnixMillis {
    let at = ends.len() * 9 / 10;
    if at >= ends.len() {
        return UnixMillis(i64::MIN);
    }
    *ends.select_nth_unstable(at).1
}

/// Puts `bytes` in place as the index of segment `number`: aside first, synced, renamed.
fn put(place: Place<'_>, number: u64, bytes: &[u8]) -> io::Result<()> {
    let Place { fs, dir, .. } = place;
    let (aside, path) = (
        dir.join(format!("{number:010}.tmp")),
        dir.join(file_name(number)),
    );
    match fs.remove(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = fs.open(&aside, Mode::Create)?;
    write_all_at(&*file, bytes, 0)?;
    file.sync_data()?;
    fs.rename(&aside, &path)?;
    fs.sync_dir(dir)
}

fn ids(file: &dyn File, header: &Header, key: Option<&SealKey>) -> Result<Ids, IndexError> {
    Ids::parse(section(file, header, Section::Ids, key)?)
}

fn replies(file: &dyn File, header: &Header, key: Option<&SealKey>) -> Result<Replies, IndexError> {
    Replies::parse(&section(file, header, Section::Replies, key)?)
}

/// Opens the index of segment `number`.
pub(crate) fn open(fs: &dyn Fs, dir: &Path, number: u64) -> Result<Arc<dyn File>, IndexError> {
    fs.open(&dir.join(file_name(number)), Mode::Read)
        .map_err(|_| IndexError::Foreign)
}

/// Reads the header of an index.
pub(crate) fn header(file: &dyn File) -> Result<Header, IndexError> {
    let mut bytes = [0; super::HEADER];
    read_full_at(file, &mut bytes, 0).map_err(|_| IndexError::Foreign)?;
    Header::parse(&bytes)
}

/// Reads one section of an index.
pub(crate) fn section(
    file: &dyn File,
    header: &Header,
    section: Section,
    key: Option<&SealKey>,
) -> Result<Plain, IndexError> {
    let range = header.range(section);
    let length = range
        .end
        .checked_sub(range.start)
        .ok_or(IndexError::Damaged)?;
    if range.end > file.len().map_err(|_| IndexError::Damaged)? {
        return Err(IndexError::Damaged);
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| IndexError::Damaged)?];
    read_full_at(file, &mut bytes, range.start).map_err(|_| IndexError::Damaged)?;
    header.open(section, bytes, key)
}

/// A section of an index that has been read.
pub(crate) fn cut(
    bytes: &[u8],
    header: &Header,
    section: Section,
    key: Option<&SealKey>,
) -> Result<Plain, IndexError> {
    let range = header.range(section);
    let bound = |at| usize::try_from(at).map_err(|_| IndexError::Damaged);
    let part = bytes.get(bound(range.start)?..bound(range.end)?);
    header.open(section, part.ok_or(IndexError::Damaged)?.to_vec(), key)
}

/// All of a file.
pub(crate) fn read_whole(file: &dyn File) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.len()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; length];
    let mut read = 0;
    for piece in bytes.chunks_mut(PIECE) {
        let count = read_full_at(file, piece, read as u64)?;
        read += count;
        if count < piece.len() {
            break;
        }
        give_way();
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// Lets a thread run that waits for this one's processor. A segment is 35 ms of work, and the committer,
/// whom messages wait for, does not take the place of a thread that runs.
fn give_way() {
    thread::yield_now();
}
