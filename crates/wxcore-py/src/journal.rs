//! `Journal`: appends by the batch, and a descriptor that becomes readable after each commit.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::Deserialize;
use wxcore::gateway::Delivery;
use wxcore::journal::disk::Disk;
use wxcore::journal::entry::{Destinations, Entry};
use wxcore::journal::index::files::IndexFiles;
use wxcore::journal::seal::SealKey;
use wxcore::journal::{self, Durability, OnCommit, Recovered, Reply, State};
use wxcore::time::UnixMillis;

use crate::gateway::{Received, no_place};
use crate::journal_error::journal_error;
use crate::stored::Stored;

/// Key of a claim, end of its life in milliseconds since 1970, what was answered.
type Claimed<'py> = ([u8; 16], i64, Bound<'py, PyBytes>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    segment_bytes: u64,
    durability: String,
    max_bytes: u64,
    retain_ms: i64,
    retain_bytes: u64,
    destinations: Vec<String>,
}

/// A worker's journal: messages are on disk before their senders are told so.
///
/// `options` is JSON: `segment_bytes`, `durability` (`"buffer"`, `"data"`, `"full"`), `max_bytes`,
/// `retain_ms`, `retain_bytes` and `destinations` (names, by their indexes). `key` (32 bytes) seals at
/// rest. `now` is in milliseconds since 1970. Raises `JournalError`, or `ValueError` for the options.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Journal {
    inner: journal::Journal,
    bell: Arc<Bell>,
    recovered: Mutex<Recovered>,
}

#[pymethods]
impl Journal {
    #[new]
    #[pyo3(signature = (folder, options, key, now))]
    fn new(
        py: Python<'_>,
        folder: PathBuf,
        options: &[u8],
        key: Option<&[u8]>,
        now: i64,
    ) -> PyResult<Self> {
        let read: Options = serde_json::from_slice(options)
            .map_err(|error| PyValueError::new_err(format!("options: {error}")))?;
        let options = core_options(&read, key)?;
        let bell = Arc::new(Bell::new()?);
        let ringing = Arc::clone(&bell);
        let on_commit: OnCommit = Box::new(move || ringing.ring());
        // Recovery reads files for milliseconds to seconds; nothing of Python's is needed meanwhile.
        let opened = py.detach(|| {
            journal::Journal::open(Arc::new(Disk), &folder, options, UnixMillis(now), on_commit)
        });
        let (journal, recovered) = opened.map_err(|error| raised(py, &error))?;
        Ok(Self {
            inner: journal,
            bell,
            recovered: Mutex::new(recovered),
        })
    }

    /// A descriptor that becomes readable after each commit; `progress` empties it.
    fn fileno(&self) -> i32 {
        self.bell.hears.as_raw_fd()
    }

    /// Queues messages at `now` (ms), without waiting; returns the number of the first. They are on
    /// disk once `progress` says so. Raises `JournalError`; then none of them is queued.
    fn append(
        &self,
        py: Python<'_>,
        messages: Vec<PyRef<'_, Received>>,
        now: i64,
    ) -> PyResult<u64> {
        let mut deliveries = Vec::with_capacity(messages.len());
        for message in &messages {
            let delivery = message.delivery()?;
            deliveries.push((delivery, destinations(message, delivery)?));
        }
        let entries: Vec<Entry<'_>> = deliveries
            .iter()
            .map(|(delivery, destinations)| entry(delivery, destinations, now))
            .collect();
        let first = self.inner.append(&entries, UnixMillis(now));
        first.map_err(|error| journal_error(py, &error))
    }

    /// The indexes of destinations by name; names that are new here are given the next ones. Raises
    /// `JournalError` if there are too many.
    fn extend(&self, py: Python<'_>, names: Vec<String>) -> PyResult<Vec<u16>> {
        let places = self.inner.extend(&names);
        let places = places.map_err(|error| journal_error(py, &error))?;
        let mut recovered = self
            .recovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for one in &mut recovered.undelivered {
            one.configured |= names.contains(&one.name);
        }
        Ok(places)
    }

    /// What is durable: every message up to the number, but for the ranges that failed since the last
    /// call; and the state, `"open"`, `"refusing"`, `"poisoned"` or `"closed"`.
    fn progress(&self) -> (u64, Vec<(u64, u64)>, &'static str) {
        self.bell.hear();
        let progress = self.inner.progress();
        let failed = progress.failed.into_iter();
        (
            progress.durable,
            failed.map(|seqs| (seqs.start, seqs.end)).collect(),
            name(progress.state),
        )
    }

    /// Notes that a destination has taken messages, or given them up.
    fn settle(&self, destination: u16, seqs: Vec<u64>) {
        self.inner.settle(destination, &seqs);
    }

    /// Notes how far a destination has considered messages.
    fn advance(&self, destination: u16, cursor: u64) {
        self.inner.advance(destination, cursor);
    }

    /// Messages behind `after` that a destination has not settled, in order, at most `limit` of them
    /// and `max_bytes` but for the first; and how far it looked. Raises `JournalError`.
    fn read(
        &self,
        py: Python<'_>,
        destination: u16,
        after: u64,
        limit: usize,
        max_bytes: usize,
    ) -> PyResult<(Vec<Stored>, u64)> {
        let batch = self.inner.read(destination, after, limit, max_bytes);
        let batch = batch.map_err(|error| journal_error(py, &error))?;
        let stored = batch
            .iter()
            .map(|(seq, entry)| Stored::read(py, seq, &entry));
        Ok((stored.collect(), batch.position))
    }

    /// Keeps the answer to a message for its retries: `key` and `until` as `Claims.answer` gave them.
    fn remember(&self, key: [u8; 16], until: i64, answer: &[u8]) {
        self.inner.remember(&Reply {
            digest: key,
            expires: UnixMillis(until),
            answer: answer.to_vec(),
        });
    }

    /// The claims of earlier processes, once: key, end of life (ms), answer or `b""`.
    fn claims<'py>(&self, py: Python<'py>) -> Vec<Claimed<'py>> {
        let mut recovered = self
            .recovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let claims = std::mem::take(&mut recovered.claims).into_iter();
        let row = |one: wxcore::journal::sidecar::Claim| {
            let answer = PyBytes::new(py, one.answer.as_deref().unwrap_or_default());
            (one.digest, one.expires.0, answer)
        };
        claims.map(row).collect()
    }

    /// Names that the journal holds messages for and the options do not name.
    fn orphans(&self) -> Vec<String> {
        let recovered = self
            .recovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let unknown = recovered.undelivered.iter();
        let unknown = unknown.filter(|one| !one.configured && one.count > 0);
        unknown.map(|one| one.name.clone()).collect()
    }

    /// Figures: of the files, of what waits, of what was found at the start.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.inner.stats();
        let all = PyDict::new(py);
        all.set_item("state", name(stats.state))?;
        if let State::Refusing(reason) = stats.state {
            all.set_item("reason", reason.name())?;
        }
        all.set_item("segments", stats.segments)?;
        all.set_item("bytes", stats.bytes)?;
        all.set_item("queued", stats.queued)?;
        all.set_item("next", stats.next_seq)?;
        all.set_item(
            "oldest_unsettled",
            stats.oldest_unsettled.map(|time| time.0),
        )?;
        let unsettled = PyDict::new(py);
        for (name, count) in &stats.unsettled {
            unsettled.set_item(name, count)?;
        }
        all.set_item("unsettled", unsettled)?;
        let counters = stats.counters;
        all.set_item("appended", counters.appended)?;
        all.set_item("groups", counters.groups)?;
        all.set_item("written", counters.written)?;
        all.set_item("syncs", counters.syncs)?;
        all.set_item("failures", counters.failures)?;
        all.set_item("unreadable", counters.unreadable)?;
        all.set_item("removed", counters.removed)?;
        let recovery = stats.recovery;
        all.set_item("torn_bytes", recovery.torn_bytes)?;
        all.set_item("damaged_bytes", recovery.damaged_bytes)?;
        all.set_item("lost_messages", recovery.lost_messages)?;
        all.set_item("missing_segments", recovery.missing_segments)?;
        all.set_item("unreadable_segments", recovery.unreadable_segments)?;
        Ok(all)
    }

    /// Writes what waits, durably, and lets the folder go.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.inner.close());
    }
}

/// Each destination once, though several routes lead there.
fn destinations(message: &Received, delivery: &Delivery) -> PyResult<Vec<u16>> {
    let mut found = Vec::with_capacity(delivery.destinations.len());
    for destination in &delivery.destinations {
        let route = destination.route;
        let index = message.place(route).ok_or_else(|| no_place(route))?;
        if !found.contains(&index) {
            found.push(index);
        }
    }
    Ok(found)
}

fn entry<'a>(delivery: &'a Delivery, destinations: &'a [u16], now: i64) -> Entry<'a> {
    Entry {
        id: &delivery.id,
        account: delivery.account(),
        type_name: &delivery.type_name,
        key: &delivery.key,
        subject: delivery.subject(),
        accepted: UnixMillis(now),
        lifetime: delivery.lifetime,
        destinations: Destinations::Indexes(destinations),
        wait: delivery.waits(),
        event: &delivery.event,
    }
}

fn core_options(read: &Options, key: Option<&[u8]>) -> PyResult<journal::Options> {
    let durability = Durability::ALL
        .into_iter()
        .find(|one| one.name() == read.durability)
        .ok_or_else(|| PyValueError::new_err("options: unknown durability"))?;
    let seal = match key.map(<[u8; 32]>::try_from) {
        None => None,
        Some(Ok(key)) => Some(SealKey::new(key)),
        Some(Err(_)) => return Err(PyValueError::new_err("a key has 32 bytes")),
    };
    Ok(journal::Options {
        segment_bytes: read.segment_bytes,
        durability,
        seal,
        max_bytes: read.max_bytes,
        retain_ms: read.retain_ms,
        retain_bytes: read.retain_bytes,
        sidecar: Some(Arc::new(IndexFiles::default())),
        ..journal::Options::new(read.destinations.clone())
    })
}

/// Makes a file descriptor readable, once until it is heard. Never blocks, needs no interpreter.
struct Bell {
    rings: UnixStream,
    hears: UnixStream,
    rung: AtomicBool,
}

impl Bell {
    fn new() -> std::io::Result<Self> {
        let (rings, hears) = UnixStream::pair()?;
        rings.set_nonblocking(true)?;
        hears.set_nonblocking(true)?;
        let rung = AtomicBool::new(false);
        Ok(Self { rings, hears, rung })
    }

    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // A full pipe wakes as well as another byte would.
            let _ = (&self.rings).write(&[1]);
        }
    }

    /// Takes what was rung. Whoever rings meanwhile finds `rung` set: what they rang for must be looked
    /// at after this.
    fn hear(&self) {
        let mut bytes = [0; 16];
        while (&self.hears).read(&mut bytes).is_ok_and(|count| count > 0) {}
        self.rung.store(false, Ordering::Release);
    }
}

/// Options that make no sense are no failure of the journal.
fn raised(py: Python<'_>, error: &journal::JournalError) -> PyErr {
    match error {
        journal::JournalError::Invalid(what) => PyValueError::new_err(format!("options: {what}")),
        other => journal_error(py, other),
    }
}

fn name(state: State) -> &'static str {
    match state {
        State::Open => "open",
        State::Refusing(_) => "refusing",
        State::Poisoned => "poisoned",
        State::Closed => "closed",
    }
}
