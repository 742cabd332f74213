//! What several bindings share: errors out, strings in, fields out.

use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use wxcore::config::ConfigError;
use wxcore::fields::Node;
use wxcore::reject::Reject;

create_exception!(
    wxcore,
    Rejected,
    PyValueError,
    "A message that is not accepted; `code` says why, as `stage.reason`."
);

/// Raises [`Rejected`] with its stable `code`.
#[cold]
pub(crate) fn rejected(py: Python<'_>, reject: Reject) -> PyErr {
    let code = reject.code();
    let error = Rejected::new_err(format!("{code}: {}", reject.meaning()));
    // Setting an attribute on a fresh exception cannot fail but for memory; the message has the code.
    let _ = error.value(py).setattr("code", code);
    error
}

/// Raises `ValueError` with every problem in one line each.
#[cold]
pub(crate) fn config_error(problems: &[ConfigError]) -> PyErr {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    PyValueError::new_err(lines.join("\n"))
}

/// One string or several, as Python writes `str | Sequence[str]`.
#[derive(FromPyObject)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// Operating-system randomness: a frame's salt.
pub(crate) fn random() -> PyResult<[u8; 16]> {
    let mut bytes = [0; 16];
    // Not AWS-LC's: that measures its own entropy first, 40 ms in which a loop stands still.
    getrandom::fill(&mut bytes)
        .map_err(|_| PyErr::new::<pyo3::exceptions::PyOSError, _>("no randomness"))?;
    Ok(bytes)
}

/// A field tree as `str`, `int`, `float`, `bool`, `None`, `dict` and `list`.
pub(crate) fn to_python<'py>(py: Python<'py>, node: &Node<'_>) -> PyResult<Bound<'py, PyAny>> {
    match node {
        Node::Text(text) => Ok(text.as_ref().into_pyobject(py)?.into_any()),
        Node::Integer(number) => Ok(number.into_pyobject(py)?.into_any()),
        Node::Large(number) => Ok(number.into_pyobject(py)?.into_any()),
        Node::Float(number) => Ok(number.into_pyobject(py)?.into_any()),
        Node::Bool(value) => Ok(value.into_pyobject(py)?.to_owned().into_any()),
        Node::Null => Ok(py.None().into_bound(py)),
        Node::Map(members) => Ok(dict(py, members)?.into_any()),
        Node::List(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            Ok(list.into_any())
        }
    }
}

/// Members as a `dict`, in their order.
pub(crate) fn dict<'py>(
    py: Python<'py>,
    members: &[(std::borrow::Cow<'_, str>, Node<'_>)],
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, node) in members {
        dict.set_item(name.as_ref(), to_python(py, node)?)?;
    }
    Ok(dict)
}
