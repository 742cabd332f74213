//! `Limits` of a gateway's messages, `Limiter` for anything else, and the arithmetic of both.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use wxcore::limit::{Decision, Gcra, Limit, rate};

use crate::gateway::Received;

/// Key, interval and tolerance in microseconds, index of the rule.
pub(crate) type LimitRow = (PyBackedBytes, i64, i64, usize);

/// The rates among the limits of a message; those of concurrency are a matter of each process.
pub(crate) fn rows(py: Python<'_>, limits: &[Limit]) -> Vec<LimitRow> {
    let row = |one: &Limit| {
        let rate = one.rate?;
        let key = PyBytes::new(py, &one.key).into();
        Some((key, rate.interval(), rate.tolerance(), one.rule))
    };
    limits.iter().filter_map(row).collect()
}

/// Whether any of them is one of concurrency.
pub(crate) fn take_places(limits: &[Limit]) -> bool {
    limits.iter().any(|one| one.concurrency.is_some())
}

fn gcra(interval: i64, tolerance: i64) -> PyResult<Gcra> {
    Gcra::from_parts(interval, tolerance)
        .ok_or_else(|| PyValueError::new_err("interval or tolerance: out of range"))
}

/// Decides on one message: `(tat, 0)` if it passes, `(None, wait)` if it would in `wait` microseconds.
///
/// `tat` is what was returned for the key before; `interval` and `tolerance` are in microseconds, as
/// `now` is. What the stores' scripts must agree with.
#[pyfunction]
pub(crate) fn decide(
    tat: Option<i64>,
    interval: i64,
    tolerance: i64,
    now: i64,
) -> PyResult<(Option<i64>, i64)> {
    Ok(match gcra(interval, tolerance)?.decide(tat, now, 1) {
        Decision::Admitted(next) => (Some(next), 0),
        Decision::Denied(wait) => (None, wait),
    })
}

/// The limits of one process: what its messages have used up. `parts` is among how many processes or
/// nodes each limit is divided.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Limits(Mutex<wxcore::limit::Limiter>);

impl Limits {
    fn locked(&self) -> MutexGuard<'_, wxcore::limit::Limiter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (capacity, parts=1))]
    fn new(capacity: usize, parts: u32) -> Self {
        Self(Mutex::new(wxcore::limit::Limiter::new(capacity, parts)))
    }

    /// Lets a message pass all its limits at `now` (µs): `None`; or, using up nothing, the rule that
    /// denies it and after how many microseconds it would pass.
    fn admit(&self, message: &Received, now: i64) -> PyResult<Option<(usize, i64)>> {
        let limits = &message.delivery()?.limits;
        if limits.is_empty() {
            return Ok(None);
        }
        let denied = self.locked().admit(limits, now).err();
        Ok(denied.map(|denied| (denied.rule, denied.retry_after)))
    }

    /// Has a message take its places under limits of concurrency, all or none: `None`, or as `admit`.
    fn hold(&self, message: &Received) -> PyResult<Option<(usize, i64)>> {
        let limits = &message.delivery()?.limits;
        if !take_places(limits) {
            return Ok(None);
        }
        let denied = self.locked().hold(limits).err();
        Ok(denied.map(|denied| (denied.rule, denied.retry_after)))
    }

    /// Notes that rates let a message pass elsewhere.
    fn note(&self, message: &Received, now: i64) -> PyResult<()> {
        let limits = &message.delivery()?.limits;
        if !limits.is_empty() {
            self.locked().note(limits, now);
        }
        Ok(())
    }

    /// Frees the places that a message has under limits of concurrency.
    fn leave(&self, message: &Received) -> PyResult<()> {
        let limits = &message.delivery()?.limits;
        if take_places(limits) {
            self.locked().leave(limits);
        }
        Ok(())
    }

    /// Lets something pass limits as `Received.limits` has them: `None`; or, using up nothing, the
    /// place of the first that denies it and after how many microseconds it would pass.
    fn acquire(&self, limits: Vec<LimitRow>, now: i64) -> PyResult<Option<(usize, i64)>> {
        let compile = |(rule, (key, interval, tolerance, _)): (usize, LimitRow)| {
            let (key, rate) = (key.to_vec(), Some(gcra(interval, tolerance)?));
            let concurrency = None;
            Ok(Limit {
                key,
                rate,
                concurrency,
                rule,
            })
        };
        let limits = limits.into_iter().enumerate().map(compile);
        let limits = limits.collect::<PyResult<Vec<_>>>()?;
        let denied = self.locked().admit(&limits, now).err();
        Ok(denied.map(|denied| (denied.rule, denied.retry_after)))
    }

    /// How many decisions had to be made for several keys together, for want of room.
    #[getter]
    fn crowded(&self) -> u64 {
        self.locked().crowded()
    }

    fn __len__(&self) -> usize {
        self.locked().len()
    }
}

/// A rate limit by key: `burst` at once, then `rate` (`"5/s"`, `"100/min"`, `"20000/day"`).
///
/// Exact, and bounded by `capacity` keys: what has no room shares one place. Raises `ValueError`.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Limiter {
    gcra: Gcra,
    limiter: Mutex<wxcore::limit::Limiter>,
}

#[pymethods]
impl Limiter {
    #[new]
    #[pyo3(signature = (rate, burst=1, *, capacity=100_000))]
    fn new(rate: &str, burst: u32, capacity: usize) -> PyResult<Self> {
        let interval = rate::interval(rate)
            .ok_or_else(|| PyValueError::new_err(format!("rate: {}", rate::EXPECTED)))?;
        let gcra = Gcra::new(interval, burst).ok_or_else(|| {
            PyValueError::new_err("burst: is 0, or takes more than a year to come back")
        })?;
        let limiter = Mutex::new(wxcore::limit::Limiter::new(capacity, 1));
        Ok(Self { gcra, limiter })
    }

    /// Lets `cost` messages of `key` pass at `now`, all or none: 0, or the microseconds after which
    /// they would pass. `now` is in microseconds of a steady clock.
    #[pyo3(signature = (key, now, cost=1))]
    fn acquire(&self, key: &str, now: i64, cost: u32) -> i64 {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = limiter.acquire(key.as_bytes(), self.gcra, now, cost);
        passed.err().unwrap_or(0)
    }

    fn __len__(&self) -> usize {
        self.limiter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}
