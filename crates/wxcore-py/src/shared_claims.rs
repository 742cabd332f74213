//! `SharedClaims`: what the workers of a machine know of the messages that they have seen.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wxcore::admit::shared::{Claims, Known, Shape};
use wxcore::admit::{ClaimKey, claim_key};
use wxcore::time::UnixMillis;

use crate::gateway::Received;
use crate::shared::Shared;

/// A message that is done: key, end of life (ms), answer or `b""`.
type Done<'py> = (ClaimKey, i64, Bound<'py, PyBytes>);

/// The claims of the workers of a machine: as `Claims`, but that a lease ends after four seconds.
/// Every call but `size` raises `OSError` if the lock cannot be had.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct SharedClaims {
    shared: Shared,
    shape: Shape,
}

impl SharedClaims {
    fn visit<R>(&self, py: Python<'_>, act: impl FnOnce(&Claims<'_>) -> R) -> PyResult<R> {
        self.shared.visit(py, |words| {
            let claims = Claims::enter(words, self.shape);
            let done = act(&claims);
            claims.leave();
            done
        })
    }

    /// How many are kept, and were dropped.
    fn counts(&self, py: Python<'_>) -> PyResult<(usize, u64)> {
        self.visit(py, |claims| (claims.len(), claims.dropped()))
    }
}

#[pymethods]
impl SharedClaims {
    /// Bytes of memory for so many claims and bytes of answers, all zero at first.
    #[staticmethod]
    fn size(capacity: usize, answer_bytes: usize) -> PyResult<usize> {
        Ok(shape(capacity, answer_bytes)?.words() * 8)
    }

    #[new]
    fn new(
        memory: PyBuffer<u64>,
        lock: &str,
        capacity: usize,
        answer_bytes: usize,
    ) -> PyResult<Self> {
        let shape = shape(capacity, answer_bytes)?;
        let shared = Shared::new(memory, lock, shape.words())?;
        Ok(Self { shared, shape })
    }

    /// Asks for a message at `now` (ms): `True` if it is new, and the asker's from now on; `False` if
    /// somebody has it; the answer kept for it, or `b""`, if it is done.
    fn claim<'py>(
        &self,
        py: Python<'py>,
        message: &Received,
        now: i64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let key = claim_key(&message.delivery()?.id);
        let known = self.visit(py, |claims| claims.claim(&key, UnixMillis(now)))?;
        Ok(match known {
            Known::New => true.into_pyobject(py)?.to_owned().into_any(),
            Known::Leased => false.into_pyobject(py)?.to_owned().into_any(),
            Known::Done(answer) => PyBytes::new(py, &answer).into_any(),
        })
    }

    /// The messages are done at `now` (ms), and their senders need no more than an acknowledgement.
    fn complete(
        &self,
        py: Python<'_>,
        messages: Vec<PyRef<'_, Received>>,
        now: i64,
    ) -> PyResult<()> {
        let row = |message: &PyRef<'_, Received>| {
            let delivery = message.delivery()?;
            let until = UnixMillis(now.saturating_add(delivery.lifetime));
            Ok((claim_key(&delivery.id), until))
        };
        let rows = messages.iter().map(row).collect::<PyResult<Vec<_>>>()?;
        self.visit(py, |claims| {
            for (key, until) in &rows {
                claims.complete(key, *until, b"");
            }
        })
    }

    /// Takes messages by their keys that are on disk, but unfinished, until then (ms).
    fn lease(&self, py: Python<'_>, key: ClaimKey, until: i64) -> PyResult<()> {
        self.visit(py, |claims| claims.lease(&key, UnixMillis(until)))
    }

    /// The message was not taken after all: its next try is new.
    fn abandon(&self, py: Python<'_>, message: &Received) -> PyResult<()> {
        let key = claim_key(&message.delivery()?.id);
        self.visit(py, |claims| claims.abandon(&key))
    }

    /// A message is done until `until` (ms), with `answer` for whoever sends it again.
    fn restore(&self, py: Python<'_>, key: ClaimKey, until: i64, answer: &[u8]) -> PyResult<()> {
        self.visit(py, |claims| {
            claims.complete(&key, UnixMillis(until), answer);
        })
    }

    /// What is done, in one of `parts` equal parts: rows of key, end of life (ms), answer or `b""`.
    #[pyo3(signature = (part=0, parts=1))]
    fn done<'py>(&self, py: Python<'py>, part: usize, parts: usize) -> PyResult<Vec<Done<'py>>> {
        let rows = self.visit(py, |claims| claims.done(part, parts))?;
        let row = |(key, until, answer): (ClaimKey, UnixMillis, Vec<u8>)| {
            (key, until.0, PyBytes::new(py, &answer))
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// How many claims and answers were dropped before their time, for want of room.
    #[getter]
    fn dropped(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.counts(py)?.1)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.counts(py)?.0)
    }
}

fn shape(capacity: usize, answer_bytes: usize) -> PyResult<Shape> {
    Shape::new(capacity, answer_bytes)
        .ok_or_else(|| PyValueError::new_err("more than a table for all workers can count"))
}
