//! The load player, for `wxgate bench`.

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wxload::{LoadError, Progress, Spec};

/// Plays a run, described and reported in JSON; `watch` is called with its progress once a second.
///
/// Holds the interpreter only for those calls. An exception in `watch`, or a signal's, ends the run.
#[pyfunction]
pub(crate) fn run_load<'py>(
    py: Python<'py>,
    spec: &[u8],
    watch: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let spec = Spec::from_json(spec).map_err(raised)?;
    let mut ended = None;
    let report = py.detach(|| {
        wxload::run(&spec, &mut |progress| {
            let told = Python::attach(|py| tell(py, watch.as_ref(), progress));
            ended = told.err();
            ended.is_none()
        })
    });
    if let Some(error) = ended {
        return Err(error);
    }
    let json = serde_json::to_vec(&report.map_err(raised)?);
    let json = json.map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &json))
}

fn tell(py: Python<'_>, watch: Option<&Py<PyAny>>, progress: &Progress) -> PyResult<()> {
    py.check_signals()?;
    let Some(watch) = watch else { return Ok(()) };
    let json = serde_json::to_vec(progress);
    let json = json.map_err(|error| PyValueError::new_err(error.to_string()))?;
    watch.call1(py, (PyBytes::new(py, &json),))?;
    Ok(())
}

fn raised(error: LoadError) -> PyErr {
    match error {
        LoadError::Spec(reason) => PyValueError::new_err(reason),
        LoadError::Io(error) => PyOSError::new_err(error.to_string()),
    }
}
