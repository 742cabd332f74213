//! The journal.

pub mod index;
