//! The journal as others read it: without a lock, while the gateway writes or when it is down.
//!
//! Nothing is ever written. A torn or empty tail is the end; a segment that is deleted meanwhile is
//! as if it had been deleted before. Every call looks afresh.

mod folder;
mod pending;
mod stats;
mod verify;
mod view;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::folder::Folder;
use self::view::Source;
use super::entry::Entry;
use super::error::JournalError;
use super::fs::Fs;
use super::index::{Filter, Row};
use super::seal::SealKey;
use super::segment;
use crate::time::UnixMillis;

pub use self::stats::{Stats, Waiting};
pub use self::verify::{FolderReport, SegmentReport};

/// Workers there can be, each with a folder named by its number.
const WORKERS: u32 = 256;

/// Reads the folders of all workers under one directory, or a single folder of segments.
pub struct JournalReader {
    fs: Arc<dyn Fs>,
    folders: Vec<(String, PathBuf)>,
    key: Option<SealKey>,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Whose, when, which.
    pub filter: Filter<'a>,
    /// The idempotency key.
    pub id: Option<&'a str>,
    /// How many at most.
    pub limit: usize,
    /// Which end to begin at.
    pub order: Order,
}

impl Default for Query<'_> {
    /// Everything, the newest first.
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            id: None,
            limit: usize::MAX,
            order: Order::Newest,
        }
    }
}

/// Which end to begin at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The latest acceptance first.
    Newest,
    /// The earliest first.
    Oldest,
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The name of the worker's folder.
    pub folder: String,
    /// Its number in that folder.
    pub seq: u64,
    /// The idempotency key.
    pub id: String,
    /// The account's name.
    pub account: String,
    /// The CloudEvents type.
    pub type_name: String,
    /// The routing key.
    pub key: String,
    /// The user, or Pay's order.
    pub subject: Option<String>,
    /// When it was accepted.
    pub accepted: UnixMillis,
    /// Whether the sender waits for a reply.
    pub wait: bool,
    /// The CloudEvent, as JSON.
    pub event: Vec<u8>,
    /// Destinations that have not taken it yet.
    pub undelivered: Vec<String>,
}

impl JournalReader {
    /// Finds the folders under `dir`.
    ///
    /// # Errors
    /// [`JournalError::Io`]: there is no such directory, no journal in it, or no permission.
    pub fn open(fs: Arc<dyn Fs>, dir: &Path, key: Option<SealKey>) -> Result<Self, JournalError> {
        let looking = || JournalError::io("opening the journal");
        let mut folders = Vec::new();
        if fs
            .list(dir)
            .map_err(looking())?
            .iter()
            .any(|(name, _)| is_segment(name))
        {
            let name = dir
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            folders.push((name, dir.to_owned()));
        }
        for worker in 0..WORKERS {
            let name = format!("{worker:02}");
            let path = dir.join(&name);
            match fs.list(&path) {
                Ok(_) => folders.push((name, path)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(looking()(error)),
            }
        }
        if folders.is_empty() {
            return Err(looking()(io::ErrorKind::NotFound.into()));
        }
        Ok(Self { fs, folders, key })
    }

    /// The messages that fit `query`, over all folders in the order of their acceptance.
    ///
    /// # Errors
    /// [`JournalError`]: a missing or wrong key, an unknown version, or the system's refusal.
    pub fn find(&self, query: &Query<'_>) -> Result<Vec<Stored>, JournalError> {
        let mut folders = Vec::with_capacity(self.folders.len());
        let mut best: Vec<(usize, usize, Row)> = Vec::new();
        for (at, (_, dir)) in self.folders.iter().enumerate() {
            let source = self.source(dir);
            let mut folder = Folder::open(source)?;
            folder.candidates(source, query, |view, row| {
                best.push((at, view, row));
                if best.len() / 2 > query.limit.max(1024) {
                    trim(&mut best, query);
                }
            })?;
            folders.push(folder);
        }
        trim(&mut best, query);
        let stored = best.into_iter().filter_map(|(at, view, row)| {
            let (name, dir) = self.folders.get(at)?;
            folders
                .get(at)?
                .stored(self.source(dir), (name, query), (view, row))
        });
        Ok(stored.collect())
    }

    /// Message `seq` of the worker whose folder is `folder`.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn get(&self, folder: &str, seq: u64) -> Result<Option<Stored>, JournalError> {
        let Some((name, dir)) = self.folders.iter().find(|(name, _)| name == folder) else {
            return Ok(None);
        };
        let (source, query) = (self.source(dir), Query::default());
        let mut found = Folder::open(source)?;
        if found.void.iter().any(|range| range.contains(&seq)) {
            return Ok(None);
        }
        for at in (0..found.views.len()).rev() {
            let Some(view) = found
                .views
                .get_mut(at)
                .filter(|view| view.header.first_seq <= seq)
            else {
                continue;
            };
            if let Some(row) = view.keys(source)?.row_of(seq) {
                return Ok(found.stored(source, (name, &query), (at, row)));
            }
        }
        Ok(None)
    }

    /// Reads every record of every segment.
    ///
    /// # Errors
    /// [`JournalError`]: a missing or wrong key, or the system's refusal; damage is in the report.
    pub fn verify(&self) -> Result<Vec<FolderReport>, JournalError> {
        let each = |(name, dir): &(String, PathBuf)| verify::folder(self.source(dir), name);
        self.folders.iter().map(each).collect()
    }

    /// Counts what is kept and what waits.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn stats(&self) -> Result<Stats, JournalError> {
        let mut stats = Stats::default();
        for (_, dir) in &self.folders {
            let source = self.source(dir);
            stats.add(source, &mut Folder::open(source)?)?;
        }
        Ok(stats)
    }

    fn source<'a>(&'a self, dir: &'a Path) -> Source<'a> {
        Source {
            fs: &*self.fs,
            dir,
            key: self.key.as_ref(),
        }
    }
}

impl std::fmt::Debug for JournalReader {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("JournalReader")
            .field("folders", &self.folders)
            .finish_non_exhaustive()
    }
}

impl Query<'_> {
    fn fits(&self, entry: &Entry<'_>) -> bool {
        self.id.is_none_or(|id| entry.id == id)
            && self
                .filter
                .subject
                .is_none_or(|subject| entry.subject == Some(subject))
            && self
                .filter
                .account
                .is_none_or(|account| entry.account == account)
            && self
                .filter
                .type_name
                .is_none_or(|name| entry.type_name == name)
            && self
                .filter
                .since
                .is_none_or(|since| entry.accepted >= since)
            && self.filter.until.is_none_or(|until| entry.accepted < until)
    }
}

/// Sorts, and drops what lies beyond the limit.
fn trim(found: &mut Vec<(usize, usize, Row)>, query: &Query<'_>) {
    found.sort_unstable_by_key(|(at, _, row)| (row.accepted, *at, row.place.seq));
    if query.order == Order::Newest {
        found.reverse();
    }
    found.truncate(query.limit);
}

fn is_segment(name: &str) -> bool {
    segment::file_number(name).is_some()
}
