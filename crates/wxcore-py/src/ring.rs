//! `HashRing`.

use pyo3::prelude::*;

use crate::convert::config_error;

/// Consistent hashing by weighted rendezvous: removing a node moves only that node's keys.
///
/// `nodes` are names, or `(name, weight)`. Raises `ValueError` for an empty list, a name that
/// stands twice, or a weight that is not above zero.
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

    /// All names, the one `key` belongs to first, then those it would go to without it.
    fn ranked(&self, key: &str) -> Vec<&str> {
        self.0
            .ranked(key.as_bytes())
            .into_iter()
            .map(|index| self.0.name(index))
            .collect()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}
