//! What is kept and what waits, counted.

use std::collections::BTreeMap;

use super::folder::Folder;
use super::view::Source;
use crate::journal::error::JournalError;
use crate::journal::index::Row;
use crate::time::UnixMillis;

/// Over all folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Segments that were begun.
    pub segments: u64,
    /// Their bytes; of one that is being written, up to its last record.
    pub bytes: u64,
    /// Messages, without those that were never acknowledged.
    pub messages: u64,
    /// The earliest and the latest acceptance.
    pub accepted: Option<(UnixMillis, UnixMillis)>,
    /// By the name of the destination.
    pub undelivered: BTreeMap<String, Waiting>,
}

/// What waits for one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many messages.
    pub messages: u64,
    /// The earliest acceptance among them.
    pub oldest: Option<UnixMillis>,
}

impl Stats {
    pub(super) fn add(
        &mut self,
        source: Source<'_>,
        folder: &mut Folder,
    ) -> Result<(), JournalError> {
        for name in folder.told.pending.names() {
            self.undelivered.entry(name.to_owned()).or_default();
        }
        let last = folder.views.len().saturating_sub(1);
        let (void, pending) = (&folder.void, &folder.told.pending);
        for (at, view) in folder.views.iter_mut().enumerate() {
            self.segments += 1;
            self.bytes += if at == last {
                view.index.scanned.end
            } else {
                view.size
            };
            let keys = view.keys(source)?;
            for row in keys.iter() {
                if void.iter().any(|range| range.contains(&row.place.seq)) {
                    continue;
                }
                self.count(&row);
                for name in view.meta.destinations(row.set).unwrap_or_default() {
                    if pending.waits(name, row.place.seq) {
                        self.wait(name, row.accepted);
                    }
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, row: &Row) {
        self.messages += 1;
        let (first, last) = self.accepted.unwrap_or((row.accepted, row.accepted));
        self.accepted = Some((first.min(row.accepted), last.max(row.accepted)));
    }

    fn wait(&mut self, name: &str, accepted: UnixMillis) {
        if !self.undelivered.contains_key(name) {
            self.undelivered.insert(name.to_owned(), Waiting::default());
        }
        if let Some(waiting) = self.undelivered.get_mut(name) {
            waiting.messages += 1;
            waiting.oldest = Some(
                waiting
                    .oldest
                    .map_or(accepted, |oldest| oldest.min(accepted)),
            );
        }
    }
}
