//! Tables in memory that the workers of a machine share.
//!
//! The memory is plain words, mapped before the workers fork, and all zero means empty. One lock,
//! which whoever calls in here holds and the system takes from the dead, lets one worker in at a time:
//! so the tables are as simple as those of one process. What is left is a worker that is killed while
//! it writes. [`Visit`] marks the memory for as long as somebody writes; who finds the mark mends what
//! was half done before anything else. Every step keeps to one order, which is what makes that
//! possible: an entry is filled before its state says that it counts, and stops to count before it is
//! taken apart.
//!
//! [`table`] finds entries by a key, [`chunks`] keeps the bytes that belong to one.
//! [`crate::admit::shared`] makes claims of both.

pub mod chunks;
pub mod table;
mod words;

pub use words::{Visit, Words};

/// Words at the beginning, before everything else.
pub(crate) const HEADER: usize = 16;
