//! `Journal`: a batch of messages in one crossing, and a file descriptor that wakes the loop.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use wxcore::config::ReplyMode;
use wxcore::journal::blob::{self, Table};
use wxcore::journal::disk::Disk;
use wxcore::journal::entry::{Destinations, Entry, digest};
use wxcore::journal::index::files::IndexFiles;
use wxcore::journal::sidecar::Claim;
use wxcore::journal::{self as core, Recovered, Reply, State};
use wxcore::time::UnixMillis;

use crate::convert::config_error;
use crate::gateway::Received;
use crate::journal_error::journal_error;
use crate::stored::Stored;

/// Claims as Python sees them: digest, expiry, answer.
type Claims<'py> = Vec<(Bound<'py, PyBytes>, i64, Option<Bound<'py, PyBytes>>)>;

/// Makes a file descriptor readable, once until it is heard. Never blocks, and needs no interpreter.
struct Bell {
    rings: UnixStream,
    hears: UnixStream,
    rung: AtomicBool,
}

impl Bell {
    fn new() -> io::Result<Self> {
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

    /// Takes what was rung. Whoever rings while the pipe is drained sees `rung` still set, so it must
    /// be read after this what they rang for.
    fn hear(&self) {
        let mut bytes = [0; 16];
        while (&self.hears).read(&mut bytes).is_ok_and(|count| count > 0) {}
        self.rung.store(false, Ordering::Release);
    }
}

/// The durable queue of one worker: messages are on disk before they are acknowledged.
///
/// `options` is one JSON object: `destinations` (names), `routes` (by route, the index of its
/// destination), `lifetimes` (milliseconds by account for which a retry is known as one), and what
/// differs from the defaults of `segment_bytes`, `durability`, `key`, `max_bytes`, `retain_ms` and
/// `retain_bytes`. Starts two threads: not to be made before a fork. Raises `JournalError`, and
/// `ValueError` for options that make no sense.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Journal {
    inner: core::Journal,
    bell: Arc<Bell>,
    table: RwLock<Table>,
    recovered: Mutex<Recovered>,
}

#[pymethods]
impl Journal {
    #[new]
    fn new(py: Python<'_>, folder: PathBuf, options: &[u8], now: i64) -> PyResult<Self> {
        let configured = blob::read(options).map_err(|problem| config_error(&[problem]))?;
        let mut options = configured.options;
        options.sidecar = Some(Arc::new(IndexFiles));
        let bell = Arc::new(Bell::new()?);
        let ringer = Arc::clone(&bell);
        let on_commit = Box::new(move || ringer.ring());
        let opened = py.detach(|| {
            core::Journal::open(Arc::new(Disk), &folder, options, UnixMillis(now), on_commit)
        });
        let (inner, recovered) = opened.map_err(|error| raised(py, &error))?;
        Ok(Self {
            inner,
            bell,
            table: RwLock::new(configured.table),
            recovered: Mutex::new(recovered),
        })
    }

    /// Readable after a commit, until `progress` is called.
    fn fileno(&self) -> RawFd {
        self.bell.hears.as_raw_fd()
    }

    /// Queues messages, without waiting; the number of the first. `now` in milliseconds since 1970.
    fn append(&self, py: Python<'_>, batch: Vec<Bound<'_, Received>>, now: i64) -> PyResult<u64> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let mut indexes = Vec::with_capacity(batch.len() * 2);
        let mut ends = Vec::with_capacity(batch.len());
        for message in &batch {
            let start = indexes.len();
            for one in &message.get().parts()?.1.destinations {
                let index = table.routes.get(one.route).copied();
                let wrong = || PyValueError::new_err("a route without a destination");
                let index = index.ok_or_else(wrong)?;
                if !indexes.iter().skip(start).any(|known| *known == index) {
                    indexes.push(index);
                }
            }
            ends.push(start..indexes.len());
        }
        let mut entries = Vec::with_capacity(batch.len());
        for (message, own) in batch.iter().zip(ends) {
            let (account, delivery) = message.get().parts()?;
            let waits = |one: &wxcore::route::Destination| one.reply == ReplyMode::Wait;
            entries.push(Entry {
                id: &delivery.id,
                account,
                type_name: &delivery.type_name,
                key: &delivery.key,
                subject: delivery.subject.as_deref(),
                accepted: UnixMillis(now),
                lifetime: table.lifetimes.get(account).copied().unwrap_or(0),
                destinations: Destinations::Indexes(indexes.get(own).unwrap_or_default()),
                wait: delivery.destinations.iter().any(waits),
                event: &delivery.event,
            });
        }
        let first = self.inner.append(&entries, UnixMillis(now));
        first.map_err(|error| raised(py, &error))
    }

    /// Keeps the answer to the message of that id until `expires`; not waited for.
    fn remember(&self, message: &str, answer: &[u8], expires: i64) {
        self.inner.remember(&Reply {
            digest: digest(message),
            expires: UnixMillis(expires),
            answer: answer.to_vec(),
        });
    }

    /// Says that a destination has taken messages, or put them among its dead letters.
    fn settle(&self, destination: u16, seqs: Vec<u64>) {
        self.inner.settle(destination, &seqs);
    }

    /// Says how far a destination has considered messages.
    fn advance(&self, destination: u16, cursor: u64) {
        self.inner.advance(destination, cursor);
    }

    /// Durable messages behind `after` that a destination has not settled, in order: `(messages,
    /// position)`. At most `limit`, and `max_bytes` but for the first; read on behind `position`.
    fn read(
        &self,
        py: Python<'_>,
        destination: u16,
        after: u64,
        limit: usize,
        max_bytes: usize,
    ) -> PyResult<(Vec<Stored>, u64)> {
        let batch = self.inner.read(destination, after, limit, max_bytes);
        let batch = batch.map_err(|error| raised(py, &error))?;
        let stored = batch
            .iter()
            .map(|(seq, entry)| Stored::read(py, seq, &entry))
            .collect();
        Ok((stored, batch.position))
    }

    /// `(durable, failed, state)`: every message up to `durable` is on disk, but for the ranges
    /// `failed` (end excluded), which are told once.
    fn progress(&self) -> (u64, Vec<(u64, u64)>, &'static str) {
        self.bell.hear();
        let progress = self.inner.progress();
        let failed = progress.failed.into_iter();
        let failed = failed.map(|range| (range.start, range.end)).collect();
        (progress.durable, failed, name(progress.state))
    }

    /// What was found when the journal was opened: figures, and where each destination stands as
    /// `undelivered`: `(name, configured, cursor, count)`, those of the options first.
    #[getter]
    fn recovered<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = self
            .recovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let undelivered = found.undelivered.iter();
        let undelivered: Vec<(&str, bool, u64, u64)> = undelivered
            .map(|one| (one.name.as_str(), one.configured, one.cursor, one.count))
            .collect();
        let dict = PyDict::new(py);
        dict.set_item("undelivered", undelivered)?;
        dict.set_item("segments", found.segments)?;
        dict.set_item("messages", found.messages)?;
        dict.set_item("torn_bytes", found.torn_bytes)?;
        dict.set_item("damaged_bytes", found.damaged_bytes)?;
        dict.set_item("lost_messages", found.lost_messages)?;
        dict.set_item("missing_segments", &found.missing_segments)?;
        dict.set_item("unreadable_segments", &found.unreadable_segments)?;
        Ok(dict)
    }

    /// Takes the claims that were found when the journal was opened: `(digest, expires, answer)`,
    /// the digest being the first 16 bytes of the id's SHA-256. A second call gets none.
    fn claims<'py>(&self, py: Python<'py>) -> Claims<'py> {
        let mut found = self
            .recovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let claims = std::mem::take(&mut found.claims);
        drop(found);
        let row = |claim: Claim| {
            let answer = claim.answer.map(|answer| PyBytes::new(py, &answer));
            (PyBytes::new(py, &claim.digest), claim.expires.0, answer)
        };
        claims.into_iter().map(row).collect()
    }

    /// Follows a new configuration: `routes` and `lifetimes` of `options` hold from now on. Raises
    /// `ValueError` if they lead to destinations that the journal was not opened with.
    fn reroute(&self, options: &[u8]) -> PyResult<()> {
        let configured = blob::read(options).map_err(|problem| config_error(&[problem]))?;
        if configured.options.destinations != self.inner.destinations() {
            let other = "other destinations: the journal must be opened anew";
            return Err(PyValueError::new_err(other));
        }
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = configured.table;
        Ok(())
    }

    /// Figures.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.inner.stats();
        let (counters, recovery) = (stats.counters, stats.recovery);
        let dict = PyDict::new(py);
        let unsettled: Vec<(String, u64)> = stats.unsettled;
        dict.set_item("state", name(stats.state))?;
        dict.set_item("unsettled", unsettled)?;
        dict.set_item(
            "oldest_unsettled",
            stats.oldest_unsettled.map(|time| time.0),
        )?;
        let figures = [
            ("segments", stats.segments as u64),
            ("bytes", stats.bytes),
            ("queued", stats.queued),
            ("next_seq", stats.next_seq),
            ("appended", counters.appended),
            ("groups", counters.groups),
            ("written", counters.written),
            ("syncs", counters.syncs),
            ("failures", counters.failures),
            ("unreadable", counters.unreadable),
            ("rotations", counters.rotations),
            ("recycled", counters.recycled),
            ("torn_bytes", recovery.torn_bytes),
            ("damaged_bytes", recovery.damaged_bytes),
            ("lost_messages", recovery.lost_messages),
            ("missing_segments", recovery.missing_segments),
            ("unreadable_segments", recovery.unreadable_segments),
        ];
        for (key, value) in figures {
            dict.set_item(key, value)?;
        }
        Ok(dict)
    }

    /// Writes what waits and a checkpoint, durably, and ends the threads. May be called twice.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.inner.close());
    }

    fn __repr__(&self) -> String {
        format!("<{:?}>", self.inner)
    }
}

fn raised(py: Python<'_>, error: &core::JournalError) -> PyErr {
    match error {
        core::JournalError::Invalid(reason) => PyValueError::new_err(*reason),
        _ => journal_error(py, error),
    }
}

fn name(state: State) -> &'static str {
    match state {
        State::Open => "open",
        State::Refusing(reason) => reason.name(),
        State::Poisoned => "poisoned",
        State::Closed => "closed",
    }
}
