//! `JournalReader`: the journal as others read it, also while a gateway writes.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use wxcore::journal::disk::Disk;
use wxcore::journal::error::JournalError;
use wxcore::journal::index::Filter;
use wxcore::journal::reader::{self, FolderReport, Order, Query, SegmentReport, Stats};
use wxcore::journal::seal::SealKey;
use wxcore::time::UnixMillis;

use crate::journal_error::journal_error;
use crate::stored::Stored;

/// Reads a journal without a lock and without writing: of all workers, or one worker's folder.
///
/// Raises `FileNotFoundError` if there is none, `ValueError` for a key that has not 32 bytes.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct JournalReader(reader::JournalReader);

#[pymethods]
impl JournalReader {
    #[new]
    #[pyo3(signature = (dir, key = None))]
    fn new(py: Python<'_>, dir: PathBuf, key: Option<&[u8]>) -> PyResult<Self> {
        let key = match key.map(<[u8; 32]>::try_from) {
            None => None,
            Some(Ok(key)) => Some(SealKey::new(key)),
            Some(Err(_)) => return Err(PyValueError::new_err("a key has 32 bytes")),
        };
        reader::JournalReader::open(Arc::new(Disk), &dir, key)
            .map(Self)
            .map_err(|error| raised(py, error))
    }

    /// Messages in the order of their acceptance, the newest first unless `oldest_first`.
    ///
    /// `since` (included) and `until` (not included) are in milliseconds since 1970.
    #[pyo3(signature = (
        *, openid = None, since = None, until = None, r#type = None, account = None, id = None,
        limit = 100, oldest_first = false
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "all by name, each of them optional"
    )]
    fn find(
        &self,
        py: Python<'_>,
        openid: Option<&str>,
        since: Option<i64>,
        until: Option<i64>,
        r#type: Option<&str>,
        account: Option<&str>,
        id: Option<&str>,
        limit: usize,
        oldest_first: bool,
    ) -> PyResult<Vec<Stored>> {
        let query = Query {
            filter: Filter {
                subject: openid,
                since: since.map(UnixMillis),
                until: until.map(UnixMillis),
                type_name: r#type,
                account,
            },
            id,
            limit,
            order: if oldest_first {
                Order::Oldest
            } else {
                Order::Newest
            },
        };
        // Reads files for milliseconds to seconds; nothing of Python's is needed meanwhile.
        let found = py
            .detach(|| self.0.find(&query))
            .map_err(|error| raised(py, error))?;
        Ok(found
            .into_iter()
            .map(|one| Stored::found(py, one))
            .collect())
    }

    /// Message `seq` of the worker whose folder is named `folder`; `None` if it is not there.
    fn get(&self, py: Python<'_>, folder: &str, seq: u64) -> PyResult<Option<Stored>> {
        let found = py
            .detach(|| self.0.get(folder, seq))
            .map_err(|error| raised(py, error))?;
        Ok(found.map(|one| Stored::found(py, one)))
    }

    /// Reads every record; damage is in the report, `sound` its summary.
    fn verify<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = py
            .detach(|| self.0.verify())
            .map_err(|error| raised(py, error))?;
        let folders = PyList::empty(py);
        for one in &report {
            folders.append(folder(py, one)?)?;
        }
        let all = PyDict::new(py);
        all.set_item("sound", report.iter().all(FolderReport::is_sound))?;
        all.set_item("folders", folders)?;
        Ok(all)
    }

    /// Counts what is kept and what waits, by destination.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = py
            .detach(|| self.0.stats())
            .map_err(|error| raised(py, error))?;
        counted(py, &stats)
    }
}

/// What the system refuses is an `OSError` of its own kind, as from `open`.
fn raised(py: Python<'_>, error: JournalError) -> PyErr {
    match error {
        JournalError::Io { source, .. } => source.into(),
        other => journal_error(py, &other),
    }
}

fn counted<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyDict>> {
    let undelivered = PyDict::new(py);
    for (name, waiting) in &stats.undelivered {
        let one = PyDict::new(py);
        one.set_item("messages", waiting.messages)?;
        one.set_item("oldest", waiting.oldest.map(|time| time.0))?;
        undelivered.set_item(name, one)?;
    }
    let all = PyDict::new(py);
    all.set_item("segments", stats.segments)?;
    all.set_item("bytes", stats.bytes)?;
    all.set_item("messages", stats.messages)?;
    all.set_item("earliest", stats.accepted.map(|(first, _)| first.0))?;
    all.set_item("latest", stats.accepted.map(|(_, last)| last.0))?;
    all.set_item("undelivered", undelivered)?;
    Ok(all)
}

fn folder<'py>(py: Python<'py>, report: &FolderReport) -> PyResult<Bound<'py, PyDict>> {
    let segments = PyList::empty(py);
    for one in &report.segments {
        segments.append(segment(py, one)?)?;
    }
    let all = PyDict::new(py);
    all.set_item("folder", &report.folder)?;
    all.set_item("missing", &report.missing)?;
    all.set_item("segments", segments)?;
    Ok(all)
}

fn segment<'py>(py: Python<'py>, report: &SegmentReport) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    all.set_item("number", report.number)?;
    all.set_item("name", wxcore::journal::segment::file_name(report.number))?;
    all.set_item("bytes", report.bytes)?;
    all.set_item("version", report.version)?;
    all.set_item("sealed", report.sealed)?;
    let kinds = ["messages", "settled", "checkpoints", "replies", "void"];
    for (kind, count) in kinds.iter().zip(report.records) {
        all.set_item(kind, count)?;
    }
    all.set_item("first_seq", report.seqs.map(|(first, _)| first))?;
    all.set_item("last_seq", report.seqs.map(|(_, last)| last))?;
    all.set_item("torn", report.torn)?;
    all.set_item("index", report.index)?;
    all.set_item("problems", &report.problems)?;
    Ok(all)
}
