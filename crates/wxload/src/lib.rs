//! Plays WeChat's part at a given rate.
//!
//! An **open loop**: every message has its time on a fixed schedule, and its latency runs from that
//! time, however busy the gateway or the player is then, so that a stall costs every message that
//! fell into it (no coordinated omission). What the player itself is late by is the *slip*; where
//! more than one message in a hundred slips, the result is not to be trusted and says so.
//!
//! ```text
//! schedule ─► message ─► seal ─► engine (connections) ─► report
//! when        who, what   as the   sends, waits, tries     latencies, counts,
//!             by the mix  kind      again as WeChat does    slip, own CPU
//! ```

/// What to play: read from JSON, so that it crosses languages as one blob.
mod spec;

/// When the messages are due: the legs of a rate, as times.
mod schedule;

/// Who writes: users of whom a few write often (Zipf).
mod users;

/// What they write, before anybody seals it.
mod message;

/// Which kind of message comes next, by weight.
mod mix;

/// Sealing and signing, anew for each try.
mod seal;

/// What is made ahead of its time: the signatures of payment notices, 0.3 ms each.
mod mill;

/// HTTP/1.1 as far as a sender needs it.
mod wire;

/// Kept-alive connections, one exchange at a time on each.
mod connection;

/// What becomes of each message: its tries, and what it was answered.
mod outcome;

/// A call on its way: made, sent, answered, and tried again as WeChat does.
mod exchange;

/// The loop that does it all on one thread.
mod engine;

/// What one leg of the rate has shown.
mod leg;

/// Latencies, counts, slip and cost.
mod report;

pub use engine::{Progress, run};
pub use report::{Ahead, Report};
pub use spec::{LoadError, Spec};
