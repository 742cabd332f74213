//! What becomes of each message: its tries, and what it was answered.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::message::Message;
use crate::seal::Forgery;

/// A call under way, or one that is to come.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) message: Message,
    /// Its time on the schedule, in nanoseconds since the start.
    pub(crate) due: u64,
    pub(crate) leg: usize,
    /// Index of its part of the mix.
    pub(crate) part: usize,
    pub(crate) role: Role,
}

/// Why a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The first try, or one that follows a try which nobody acknowledged: the how-manieth.
    Try(u8),
    /// It was acknowledged with this digest, and is sent all the same.
    Repeat(u64),
    /// A stranger's.
    Forged(Forgery),
}

/// Calls that are to come, the next one first.
#[derive(Debug, Default)]
pub(crate) struct Later(BinaryHeap<Reverse<Due>>);

#[derive(Debug)]
struct Due(Call);

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.0.due == other.0.due
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.due.cmp(&other.0.due)
    }
}

impl Later {
    pub(crate) fn add(&mut self, call: Call) {
        self.0.push(Reverse(Due(call)));
    }

    /// When the next one is due.
    pub(crate) fn due(&self) -> Option<u64> {
        self.0.peek().map(|Reverse(Due(call))| call.due)
    }

    pub(crate) fn take(&mut self) -> Option<Call> {
        self.0.pop().map(|Reverse(Due(call))| call)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A digest by which two answers are told apart.
pub(crate) fn digest(status: u16, body: &[u8]) -> u64 {
    // FNV-1a: answers are short, and nobody here is hostile.
    let start = 0xCBF2_9CE4_8422_2325 ^ u64::from(status);
    body.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::{Call, Later, Role, digest};
    use crate::message::{Body, Message};

    #[test]
    fn what_is_due_first_is_taken_first() {
        let mut later = Later::default();
        for due in [5, 1, 3] {
            let message = Message {
                account: 0,
                openid: String::new(),
                body: Body::Push(Vec::new()),
            };
            later.add(Call {
                message,
                due,
                leg: 0,
                part: 0,
                role: Role::Try(2),
            });
        }
        assert_eq!(later.due(), Some(1));
        let order: Vec<_> = std::iter::from_fn(|| later.take())
            .map(|call| call.due)
            .collect();
        assert_eq!(order, [1, 3, 5]);
        assert!(later.is_empty());
    }

    #[test]
    fn answers_differ_by_status_and_by_body() {
        assert_eq!(digest(200, b"success"), digest(200, b"success"));
        assert_ne!(digest(200, b"success"), digest(204, b"success"));
        assert_ne!(digest(200, b"success"), digest(200, b"succes"));
    }
}
