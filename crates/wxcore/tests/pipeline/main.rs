//! The whole pipeline: what a request becomes, and what hostile ones do not become.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod hostile;
mod limits;
mod pay;
mod push;
mod route;
mod support;
