//! The journal over a simulated disk: what it promises, under everything that can happen to it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests: a failure here is the finding"
)]

mod basics;
mod crashes;
mod damage;
mod disk;
mod faults;
mod support;
