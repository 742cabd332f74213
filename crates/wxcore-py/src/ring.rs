//! `HashRing`.

use pyo3::prelude::*;
use wxcore::ring::FEW;

use crate::convert::config_error;

/// Consistent hashing by weighted rendezvous: removing a node moves only that node's keys, and more
/// weight only attracts keys.
///
/// `nodes` are names, or `(name, weight)`. Raises `ValueError` for an empty list or one of more than
/// 4096, a name that stands twice, or a weight that is not above zero.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct HashRing(wxcore::ring::HashRing);

#[derive(FromPyObject)]
enum Node {
    Named(String),
    Weighted(String, f64),
}

#[pymethods]
impl HashRing {
    #[new]
    fn new(nodes: Vec<Node>) -> PyResult<Self> {
        let nodes = nodes.into_iter().map(|node| match node {
            Node::Named(name) => (name, 1.0),
            Node::Weighted(name, weight) => (name, weight),
        });
        wxcore::ring::HashRing::new(nodes)
            .map(Self)
            .map_err(|error| config_error(&[error]))
    }

    /// The name of the node that `key` belongs to.
    fn pick(&self, key: &str) -> &str {
        self.0.name(self.0.pick(key.as_bytes()))
    }

    /// The names, the one `key` belongs to first, then those it would go to without it: all of them,
    /// or the first `count`. Up to four cost little however many nodes there are.
    #[pyo3(signature = (key, count=None))]
    fn ranked(&self, key: &str, count: Option<usize>) -> Vec<&str> {
        let count = count.unwrap_or(usize::MAX);
        let found = if count <= FEW {
            self.0.few(key.as_bytes())
        } else {
            self.0.ranked(key.as_bytes())
        };
        let names = found.into_iter().map(|index| self.0.name(index));
        names.take(count).collect()
    }

    /// Whether there are so many nodes that the first of each ranking are looked up in a table.
    #[getter]
    fn table(&self) -> bool {
        self.0.has_table()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}
