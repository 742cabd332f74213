//! What is made ahead of its time: payment notices, whose signatures take 0.3 ms each.
//!
//! A thread of its own makes them and keeps a bounded store full. Their timestamps may be five
//! minutes old at most: older ones are thrown away.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::message::{Body, Message, Number, notice};
use crate::seal::{Sender, Stamp};
use crate::users::{Users, openid};

const FRESH_MS: i64 = 240_000;

/// A notice and the request that carries its first try.
pub(crate) struct Made {
    pub(crate) message: Message,
    pub(crate) request: Vec<u8>,
    /// Milliseconds since 1970.
    at: i64,
}

/// The near end of the mill.
pub(crate) struct Store {
    ready: VecDeque<Made>,
    more: Receiver<Made>,
}

/// The far end: runs on a thread of its own, until the store is dropped or there are enough.
pub(crate) struct Mill<'a> {
    /// Index and sender of each account that sends notices.
    pub(crate) senders: Vec<(usize, &'a Sender)>,
    pub(crate) users: Users,
    pub(crate) epoch: u64,
    pub(crate) seed: u64,
    /// How many are wanted.
    pub(crate) wanted: u64,
}

impl Mill<'_> {
    /// Makes notices into `out`. `now` tells milliseconds since 1970.
    pub(crate) fn run(&self, out: &SyncSender<Made>, now: impl Fn() -> i64) {
        let mut random = StdRng::seed_from_u64(self.seed);
        // The numbers of notices do not meet those of pushes; both end up in ids of their own kinds.
        for (n, (account, sender)) in (0..self.wanted).zip(self.senders.iter().cycle()) {
            let user = self.users.draw(&mut random);
            let at = now();
            let body = notice(
                &sender.receiver,
                user,
                Number {
                    epoch: self.epoch,
                    n,
                },
                at,
            );
            let message = Message {
                account: *account,
                openid: openid(user),
                body: Body::Notice(body),
            };
            let Some(request) = sender.write(&message, &Stamp::new(at, &mut random, None)) else {
                return;
            };
            if out
                .send(Made {
                    message,
                    request,
                    at,
                })
                .is_err()
            {
                return;
            }
        }
    }
}

impl Store {
    /// A store, and what fills it.
    pub(crate) fn new(room: usize) -> (SyncSender<Made>, Self) {
        let (send, more) = sync_channel(room.max(1));
        (
            send,
            Self {
                ready: VecDeque::new(),
                more,
            },
        )
    }

    /// Waits until `count` notices lie ready, or there are no more to come.
    pub(crate) fn fill(&mut self, count: u64) {
        while (self.ready.len() as u64) < count
            && let Ok(made) = self.more.recv()
        {
            self.ready.push_back(made);
        }
    }

    /// The next one that is fresh; waits for it. `None` once there are no more.
    pub(crate) fn next(&mut self, now: i64) -> Option<Made> {
        loop {
            let made = self.ready.pop_front().or_else(|| self.more.recv().ok())?;
            if now - made.at < FRESH_MS {
                return Some(made);
            }
        }
    }
}
