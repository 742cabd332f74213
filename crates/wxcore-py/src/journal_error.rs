//! `JournalError`: why the journal cannot do what it was asked.

use pyo3::create_exception;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use wxcore::journal::error::JournalError as Core;

create_exception!(
    wxcore,
    JournalError,
    PyOSError,
    "The journal cannot do what it was asked; `code` is a stable name for why."
);

/// Raises [`JournalError`] with its `code`.
#[cold]
pub(crate) fn journal_error(py: Python<'_>, error: &Core) -> PyErr {
    let raised = JournalError::new_err(error.to_string());
    // Setting an attribute on a fresh exception cannot fail but for memory; the message says it too.
    let _ = raised.value(py).setattr("code", error.code());
    raised
}
