//! The journal: a message is on disk before its sender is told "success".
//!
//! A folder of segments, each a header page and then frames. One committer thread writes whatever
//! waits as one group with one sync; a second thread prepares the next segment and clears away old
//! ones. The journal is the queue as well: destinations read it by cursor and settle what they took.
//!
//! First the system beneath, then the format from the inside out, then what a process keeps of it in
//! memory, and the threads that work on both.

pub mod fs;

pub mod disk;

mod varint;

pub mod frame;

pub mod entry;

pub mod record;

pub mod seal;

pub mod segment;

pub mod scan;

pub mod sidecar;

mod survey;

pub mod index;

pub mod error;

pub mod options;

mod bits;

mod places;

mod ledger;

mod queue;

mod active;

mod committer;

mod preparer;

mod retain;

pub mod recover;

pub mod read;

mod handle;

pub mod reader;

#[doc(hidden)]
pub mod sim;

pub use error::{JournalError, Refusal};
pub use handle::{Journal, Progress, Stats};
pub use options::{Durability, Options};
pub use queue::{Counters, OnCommit, State};
pub use read::Batch;
pub use record::Reply;
pub use recover::{Recovered, Undelivered};
