//! The journal: a message is on disk before its sender is told "success".
//!
//! A folder of segments, each a header page and then frames. One committer thread writes whatever
//! waits as one group with one sync; a second thread prepares the next segment and clears away old
//! ones. The journal is the queue as well: destinations read it by cursor and settle what they took.

pub mod fs;

pub mod disk;

pub mod frame;

pub mod entry;

pub mod segment;

pub mod scan;

pub mod seal;

pub mod error;

pub mod record;

pub mod index;

pub mod sidecar;

pub mod reader;

mod survey;
mod varint;
