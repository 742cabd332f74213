//! Rate limits: which rules a message falls under, and whether it may pass.
//!
//! [`gcra`] is the arithmetic, [`rate`] how rates are written, [`rules`] the compiled `[[limit]]`
//! tables, [`limiter`] what one process remembers. Every time is in whole microseconds of a clock
//! that the caller chooses.

pub mod gcra;
pub mod limiter;
pub mod rate;
pub mod rules;

pub use gcra::{Decision, Gcra};
pub use limiter::{Denied, Limiter};
pub use rules::{Limit, LimitTable, Origin};
