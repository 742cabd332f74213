//! A call on its way: made, sent, answered, and tried again as WeChat does.

use rand::RngExt;

use crate::connection::Ended;
use crate::engine::{Engine, now_ms, seconds};
use crate::message::{Body, Message, Number, push};
use crate::mix::Drawn;
use crate::outcome::{Call, Role, digest};
use crate::seal::{FORGERIES, Stamp};
use crate::spec::What;

/// What is kept of an answer.
#[derive(Clone, Copy)]
struct Answer {
    status: u16,
    digest: u64,
    success: bool,
}

/// Whether an answer ends WeChat's tries: 204, or 200 with `success` or a reply.
fn is_success(status: u16, body: &[u8]) -> bool {
    status == 204
        || (status == 200
            && (body.is_empty()
                || body == b"success"
                || body.starts_with(b"<")
                || body.starts_with(b"{")))
}

impl Engine<'_> {
    /// Makes the first try of the next message; or of a stranger's.
    pub(crate) fn first_try(&mut self, due: u64, leg: usize) -> Option<Call> {
        self.numbers += 1;
        let drawn = self.mix.draw(&mut self.random)?;
        if self.spec.forged > 0.0 && self.random.random_bool(self.spec.forged) {
            let at = self.random.random_range(0..FORGERIES.len());
            let forgery = FORGERIES.get(at).copied()?;
            let message = self.message(drawn, now_ms())?.0;
            self.tally.counts.forged += 1;
            return Some(Call {
                message,
                due,
                leg,
                part: drawn.part,
                role: Role::Forged(forgery),
            });
        }
        let (message, made) = self.message(drawn, now_ms())?;
        self.tally.sent(leg, drawn.part);
        self.tally.counts.payments += u64::from(drawn.what == What::Payment);
        let call = Call {
            message,
            due,
            leg,
            part: drawn.part,
            role: Role::Try(1),
        };
        let Some(request) = made else {
            return Some(call);
        };
        let now = self.now();
        self.exchange(call, &request, now);
        None
    }

    /// Makes a message up; the request too, where it was made before.
    fn message(&mut self, drawn: Drawn, now: i64) -> Option<(Message, Option<Vec<u8>>)> {
        let Drawn { account, what, .. } = drawn;
        if what == What::Payment {
            return self.mill.write(self.store.next()?, now);
        }
        let sender = self.senders.get(account)?;
        let user = self.users.draw(&mut self.random);
        let number = Number {
            epoch: self.spec.epoch,
            n: self.numbers,
        };
        let seconds = u64::try_from(now / 1000).unwrap_or_default();
        let (openid, content) = push(sender.style, what, user, number, seconds);
        Some((
            Message {
                account,
                openid,
                body: Body::Push(content),
            },
            None,
        ))
    }

    pub(crate) fn send(&mut self, call: Call, now: u64) {
        let forgery = match call.role {
            Role::Forged(forgery) => Some(forgery),
            Role::Try(_) | Role::Repeat(_) => None,
        };
        let stamp = Stamp::new(now_ms(), &mut self.random, forgery);
        let sender = self.senders.get(call.message.account);
        let request = sender.and_then(|sender| sender.write(&call.message, &stamp));
        if let Some(request) = request {
            self.exchange(call, &request, now);
        }
    }

    fn exchange(&mut self, call: Call, request: &[u8], now: u64) {
        let Some(Ok(at)) = self.lines.send(request) else {
            self.tally.counts.broken += 1;
            return self.failed(call, now);
        };
        let deadline = now + seconds(self.spec.patience);
        self.deadlines.push_back((deadline, at));
        if let Some(open) = self.open.get_mut(at) {
            *open = Some((call, deadline));
        }
    }

    pub(crate) fn receive(&mut self, at: usize) {
        let Some(ended) = self.lines.receive(at) else {
            return;
        };
        let Some((call, _)) = self.open.get_mut(at).and_then(Option::take) else {
            return;
        };
        let answer = match ended {
            Ended::Answered(status, body) => Some(Answer {
                status,
                digest: digest(status, body),
                success: is_success(status, body),
            }),
            Ended::Broken => None,
        };
        let now = self.now();
        self.forget_ended();
        if let Some(answer) = answer {
            self.answered(call, now, answer);
        } else {
            self.tally.counts.broken += 1;
            self.failed(call, now);
        }
    }

    fn answered(&mut self, call: Call, now: u64, answer: Answer) {
        let Answer {
            status,
            digest,
            success,
        } = answer;
        let took = now.saturating_sub(call.due);
        let counts = &mut self.tally.counts;
        match call.role {
            Role::Forged(_) if success => counts.let_in += 1,
            Role::Forged(_) => {
                counts.kept_out += 1;
                self.tally.forged.add(took);
            }
            Role::Repeat(first) if success => {
                counts.repeats_alike += u64::from(first == digest);
                counts.repeats_unlike += u64::from(first != digest);
                self.tally.repeats.add(took);
            }
            Role::Try(number) if success => {
                counts.acknowledged += 1;
                if number == 1 {
                    self.tally.acknowledged(call.leg, call.part, took);
                }
                self.repeat(call, now, digest);
            }
            Role::Try(_) | Role::Repeat(_) if status >= 500 => {
                counts.refused += 1;
                self.tally.refused(call.leg, took);
                self.failed(call, now);
            }
            Role::Try(_) | Role::Repeat(_) => counts.denied += 1,
        }
    }

    /// Sends some of the acknowledged messages once more, as WeChat does whose first try was lost.
    fn repeat(&mut self, call: Call, now: u64, digest: u64) {
        if self.spec.retries > 0.0 && self.random.random_bool(self.spec.retries) {
            self.tally.counts.repeats += 1;
            let due = now + seconds(self.spec.retry_after);
            self.later.add(Call {
                due,
                role: Role::Repeat(digest),
                ..call
            });
        }
    }

    /// Tries again what was not acknowledged, as often as WeChat does.
    fn failed(&mut self, call: Call, now: u64) {
        let due = now + seconds(self.spec.retry_after);
        match call.role {
            Role::Forged(_) => {}
            Role::Repeat(_) => self.later.add(Call { due, ..call }),
            Role::Try(number) if number < self.spec.tries => {
                self.tally.counts.tried_again += 1;
                self.later.add(Call {
                    due,
                    role: Role::Try(number + 1),
                    ..call
                });
            }
            Role::Try(_) => self.tally.counts.given_up += 1,
        }
    }

    /// Gives up calls that nobody has answered in time.
    pub(crate) fn expire(&mut self, now: u64) {
        while let Some((deadline, at)) = self.deadlines.front().copied() {
            let current = self.open.get(at).and_then(Option::as_ref);
            let is_open = current.is_some_and(|(_, until)| *until == deadline);
            if is_open && deadline > now {
                return;
            }
            self.deadlines.pop_front();
            if is_open && let Some((call, _)) = self.open.get_mut(at).and_then(Option::take) {
                self.lines.close(at);
                self.tally.counts.unanswered += 1;
                self.failed(call, now);
            }
        }
    }

    /// Drops the deadlines at the front whose calls have ended.
    fn forget_ended(&mut self) {
        while let Some((deadline, at)) = self.deadlines.front() {
            let current = self.open.get(*at).and_then(Option::as_ref);
            if current.is_some_and(|(_, until)| until == deadline) {
                return;
            }
            self.deadlines.pop_front();
        }
    }
}
