//! `Stored`: a message as the journal gives it back.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wxcore::journal::entry::Entry;
use wxcore::journal::reader;

/// A message in the journal.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Stored {
    seq: u64,
    id: String,
    account: String,
    key: String,
    type_name: String,
    subject: Option<String>,
    accepted: i64,
    event: Py<PyBytes>,
    wait: bool,
    folder: String,
    undelivered: Vec<String>,
}

impl Stored {
    /// As a worker reads its own journal.
    pub(crate) fn read(py: Python<'_>, seq: u64, entry: &Entry<'_>) -> Self {
        Self {
            event: PyBytes::new(py, entry.event).unbind(),
            seq,
            id: entry.id.to_owned(),
            account: entry.account.to_owned(),
            key: entry.key.to_owned(),
            type_name: entry.type_name.to_owned(),
            subject: entry.subject.map(str::to_owned),
            accepted: entry.accepted.0,
            wait: entry.wait,
            folder: String::new(),
            undelivered: Vec::new(),
        }
    }

    pub(crate) fn found(py: Python<'_>, one: reader::Stored) -> Self {
        Self {
            event: PyBytes::new(py, &one.event).unbind(),
            seq: one.seq,
            id: one.id,
            account: one.account,
            key: one.key,
            type_name: one.type_name,
            subject: one.subject,
            accepted: one.accepted.0,
            wait: one.wait,
            folder: one.folder,
            undelivered: one.undelivered,
        }
    }
}

#[pymethods]
impl Stored {
    /// Its number in its folder.
    #[getter]
    fn seq(&self) -> u64 {
        self.seq
    }

    /// The idempotency key.
    #[getter]
    fn id(&self) -> &str {
        &self.id
    }

    /// The account's name.
    #[getter]
    fn account(&self) -> &str {
        &self.account
    }

    /// The routing key.
    #[getter]
    fn key(&self) -> &str {
        &self.key
    }

    /// The CloudEvents type.
    #[getter]
    fn r#type(&self) -> &str {
        &self.type_name
    }

    /// The user, or Pay's order.
    #[getter]
    fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// When it was accepted, in milliseconds since 1970.
    #[getter]
    fn accepted(&self) -> i64 {
        self.accepted
    }

    /// The CloudEvent, as JSON.
    #[getter]
    fn event(&self, py: Python<'_>) -> Py<PyBytes> {
        self.event.clone_ref(py)
    }

    /// Whether the sender waits for a reply.
    #[getter]
    fn wait(&self) -> bool {
        self.wait
    }

    /// The worker's folder; empty where a journal reads its own.
    #[getter]
    fn folder(&self) -> &str {
        &self.folder
    }

    /// Destinations that have not taken it yet; empty where a journal reads its own.
    #[getter]
    fn undelivered(&self) -> Vec<&str> {
        self.undelivered.iter().map(String::as_str).collect()
    }

    fn __repr__(&self) -> String {
        format!("<Stored {}/{} {}>", self.folder, self.seq, self.type_name)
    }
}
