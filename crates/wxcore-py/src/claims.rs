//! `Claims`: what this process knows of the messages it has seen.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wxcore::admit::{Claim, ClaimKey, claim_key};
use wxcore::time::UnixMillis;

use crate::gateway::Received;

/// A message that is done: key, end of life (ms), answer or `b""`.
type Done<'py> = (ClaimKey, i64, Bound<'py, PyBytes>);

/// The claims of one process, bounded by their number and by the bytes of the answers kept.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Claims(Mutex<wxcore::admit::Claims>);

impl Claims {
    fn locked(&self) -> MutexGuard<'_, wxcore::admit::Claims> {
        // Each operation leaves the table whole, also if it panics between two of them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Claims {
    #[new]
    fn new(capacity: usize, answer_bytes: usize, now: i64) -> Self {
        let claims = wxcore::admit::Claims::new(capacity, answer_bytes, UnixMillis(now));
        Self(Mutex::new(claims))
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
        let mut claims = self.locked();
        Ok(match claims.claim(key, UnixMillis(now)) {
            Claim::New => true.into_pyobject(py)?.to_owned().into_any(),
            Claim::Leased => false.into_pyobject(py)?.to_owned().into_any(),
            Claim::Done(answer) => PyBytes::new(py, answer.unwrap_or_default()).into_any(),
        })
    }

    /// The messages are done at `now` (ms), and their senders need no more than an acknowledgement.
    fn complete(&self, messages: Vec<PyRef<'_, Received>>, now: i64) -> PyResult<()> {
        let mut claims = self.locked();
        for message in &messages {
            let delivery = message.delivery()?;
            let until = UnixMillis(now.saturating_add(delivery.lifetime));
            claims.complete(claim_key(&delivery.id), until, None);
        }
        Ok(())
    }

    /// The message is done at `now` (ms), with `answer` for whoever sends it again. Returns the key
    /// and the end of its life (ms), by which the journal keeps them.
    fn answer(&self, message: &Received, answer: &[u8], now: i64) -> PyResult<(ClaimKey, i64)> {
        let delivery = message.delivery()?;
        let (key, until) = (
            claim_key(&delivery.id),
            now.saturating_add(delivery.lifetime),
        );
        let kept = (!answer.is_empty()).then_some(answer);
        self.locked().complete(key, UnixMillis(until), kept);
        Ok((key, until))
    }

    /// The message was not taken after all: its next try is new.
    fn abandon(&self, message: &Received) -> PyResult<()> {
        self.locked().abandon(&claim_key(&message.delivery()?.id));
        Ok(())
    }

    /// The message is on disk at `now` (ms) and its answer still to come. A lease of one's own process
    /// does not expire, so there is nothing to do; a store that is shared has to know.
    #[expect(clippy::unused_self, reason = "one protocol for all stores")]
    fn pending(&self, message: &Received, now: i64) {
        let _ = (message, now);
    }

    /// Takes a message by its id that is on disk, but unfinished; a shared store, until `until` (ms).
    /// Returns its key.
    fn lease(&self, message_id: &str, until: i64) -> ClaimKey {
        let _ = until;
        let key = claim_key(message_id);
        self.locked().lease(key);
        key
    }

    /// A message is done until `until` (ms): what a journal remembers of it, or what came at last.
    fn restore(&self, key: ClaimKey, until: i64, answer: &[u8]) {
        let answer = (!answer.is_empty()).then_some(answer);
        self.locked().complete(key, UnixMillis(until), answer);
    }

    /// What is done, in one of `parts` equal parts: rows of key, end of life (ms), answer or `b""`.
    #[pyo3(signature = (part=0, parts=1))]
    fn done<'py>(&self, py: Python<'py>, part: usize, parts: usize) -> Vec<Done<'py>> {
        let claims = self.locked();
        let row = |(key, until, answer): (ClaimKey, UnixMillis, Option<&[u8]>)| {
            (key, until.0, PyBytes::new(py, answer.unwrap_or_default()))
        };
        claims.done(part, parts).map(row).collect()
    }

    /// How many claims and answers were dropped before their time, for want of room.
    #[getter]
    fn dropped(&self) -> u64 {
        self.locked().dropped()
    }

    fn __len__(&self) -> usize {
        self.locked().len()
    }
}
