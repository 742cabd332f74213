//! Redis commands as they go over the wire.

use std::io::Write;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// What each word takes beside itself, at most.
const AROUND: usize = 16;

/// The words of a command, each after `prefix`, as Redis reads them: `\r\n$LENGTH\r\nWORD`.
///
/// The line's end stands before a word and not behind it, so that what follows may be constant.
#[pyfunction]
pub(crate) fn bulks<'py>(
    py: Python<'py>,
    words: Vec<Bound<'py, PyBytes>>,
    prefix: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let letters = words
        .iter()
        .map(|word| word.as_bytes().len())
        .sum::<usize>();
    let mut written = Vec::with_capacity(letters + words.len() * (AROUND + prefix.len()));
    for word in &words {
        let word = word.as_bytes();
        write!(written, "\r\n${}\r\n", prefix.len() + word.len())?;
        written.extend_from_slice(prefix);
        written.extend_from_slice(word);
    }
    Ok(PyBytes::new(py, &written))
}
