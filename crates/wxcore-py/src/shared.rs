//! Memory that workers share, and the file whose lock says who may look at it.

use std::cell::Cell;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::thread;
use std::time::{Duration, Instant};

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyTimeoutError, PyValueError};
use pyo3::prelude::*;
use wxcore::shared::Words;

/// How often it is tried again at once: the lock is held for a microsecond.
const AT_ONCE: usize = 100;
/// After that its holder has lost the processor, as a rule.
const PAUSE: Duration = Duration::from_micros(100);
/// Then the holder has been stopped, and others must not stand still with it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Words that several processes have mapped.
pub(crate) struct Shared {
    memory: PyBuffer<u64>,
    lock: File,
}

/// The lock, for as long as this lives; the system takes it from a process that dies.
struct Held<'a>(&'a File);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Fails only where there is no such file; then there is no lock either.
        let _ = self.0.unlock();
    }
}

impl Shared {
    /// These words, of which there have to be so many; the file is made where there is none.
    pub(crate) fn new(memory: PyBuffer<u64>, path: &str, words: usize) -> PyResult<Self> {
        if memory.item_count() != words || memory.readonly() {
            let found = memory.item_count();
            return Err(PyValueError::new_err(format!(
                "memory: {words} words that can be written, not {found}"
            )));
        }
        // Opened by each process for itself: what forks share, it holds together.
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self { memory, lock })
    }

    /// Looks at the words while nobody else does. Raises `OSError`.
    pub(crate) fn visit<R>(
        &self,
        py: Python<'_>,
        look: impl FnOnce(Words<'_>) -> R,
    ) -> PyResult<R> {
        let cells: &[Cell<u64>] = self
            .memory
            .as_mut_slice(py)
            .ok_or_else(|| PyValueError::new_err("memory: not contiguous"))?;
        let _held = self.hold()?;
        Ok(look(Words::new(cells)))
    }

    fn hold(&self) -> PyResult<Held<'_>> {
        let mut since = None;
        for tries in 0.. {
            match self.lock.try_lock() {
                Ok(()) => return Ok(Held(&self.lock)),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            if tries < AT_ONCE {
                thread::yield_now();
                continue;
            }
            if since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                break;
            }
            thread::sleep(PAUSE);
        }
        Err(PyTimeoutError::new_err(
            "another worker does not let go of the lock",
        ))
    }
}
