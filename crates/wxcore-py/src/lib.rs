//! The native module `wxcore._wxcore`: an index of what Python sees. Converts; holds no logic.

#![expect(
    clippy::needless_pass_by_value,
    reason = "pyo3 extracts arguments by value"
)]

mod convert;
mod envelope;
mod gateway;
mod ring;

use pyo3::prelude::*;

#[pymodule]
mod _wxcore {
    #[pymodule_export]
    use crate::convert::Rejected;
    #[pymodule_export]
    use crate::envelope::{Envelope, Opened};
    #[pymodule_export]
    use crate::gateway::{Gateway, Received, check, reasons};
    #[pymodule_export]
    use crate::ring::HashRing;
}
