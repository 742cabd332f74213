//! The loop that does it all on one thread.

use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::connection::Lines;
use crate::mill::{Mill, Signed, Store};
use crate::mix::Mix;
use crate::outcome::{Call, Later};
use crate::report::{Ahead, Ran, Report, Tally};
use crate::schedule::Schedule;
use crate::seal::Sender;
use crate::spec::{LoadError, Spec, Style};
use crate::users::Users;

const NANOS: f64 = 1e9;
const TOLD_EVERY: u64 = 1_000_000_000;
/// No wait is longer, so that a stop is heard.
const LONGEST_WAIT: u64 = 100_000_000;

/// How a run stands; told once a second.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Progress {
    /// Since the start.
    pub seconds: f64,
    /// Seconds that the schedule has.
    pub of: f64,
    /// Messages that the schedule has.
    pub planned: u64,
    /// Messages whose time came.
    pub messages: u64,
    /// Acknowledged so far.
    pub acknowledged: u64,
    /// Refused with 5xx so far.
    pub refused: u64,
    /// The 99th percentile so far, in milliseconds.
    pub p99: f64,
    /// Payments signed so far of those that are signed before the start.
    pub signed: u64,
    /// How many these are.
    pub to_sign: u64,
}

/// Plays a run to its end. `watch` is told of its progress, and ends it by returning false.
///
/// # Errors
/// [`LoadError`] if the specification or the player's own sockets cannot be used. A gateway that
/// does not answer is no error: it is counted.
pub fn run(spec: &Spec, watch: &mut dyn FnMut(&Progress) -> bool) -> Result<Report, LoadError> {
    let senders = spec
        .accounts
        .iter()
        .map(Sender::new)
        .collect::<Result<Vec<_>, _>>()?;
    let mix = Mix::new(spec, &senders)?;
    let users = Users::new(spec.users, spec.skew);
    let schedule = Schedule::new(spec.legs.clone());
    let mill = Mill {
        senders: paying(&senders),
        users: users.clone(),
        epoch: spec.epoch,
        seed: spec.seed ^ 0x9E37_79B9,
        schedule: schedule.clone(),
        apart: mix.apart(),
        wanted: mix.payments(schedule.planned()),
    };
    // Who wants it ended while payments are signed does not want it played either.
    let mut goes_on = true;
    let mut watch = |at: &Progress| {
        goes_on = goes_on && watch(at);
        goes_on
    };
    let to_sign = mix.payments(spec.planned(&schedule)).min(spec.ahead);
    let (ready, ahead) = signed_ahead(&mill, to_sign, spec, &mut watch);
    let signed = ready.last().map_or(0, Signed::behind);
    let (fill, store) = Store::new(ready);
    std::thread::scope(|scope| {
        if signed < mill.wanted {
            // Owned by the thread: the store ends once it is gone, and it once the store is.
            let (fill, mill): (SyncSender<Signed>, _) = (fill, &mill);
            scope.spawn(move || mill.run(signed, &fill));
        } else {
            drop(fill);
        }
        let mut engine = Engine {
            spec,
            senders: &senders,
            mix,
            users,
            mill: &mill,
            store,
            lines: Lines::new(spec.address, spec.connections)?,
            open: (0..spec.connections).map(|_| None).collect(),
            deadlines: VecDeque::new(),
            later: Later::default(),
            random: StdRng::seed_from_u64(spec.seed),
            tally: Tally::new(spec.legs.len(), spec.mix.len()),
            numbers: 0,
            next: None,
            start: Instant::now(),
        };
        engine.play(schedule, ahead, &mut watch)
    })
}

/// Signs as many payments as are to be signed before the start.
fn signed_ahead(
    mill: &Mill<'_>,
    to_sign: u64,
    spec: &Spec,
    watch: &mut dyn FnMut(&Progress) -> bool,
) -> (Vec<Signed>, Ahead) {
    let began = Instant::now();
    let mut told = |signed| {
        watch(&Progress {
            of: mill.schedule.seconds(),
            planned: spec.planned(&mill.schedule),
            signed,
            to_sign,
            ..Progress::default()
        })
    };
    let ready = mill.ahead(to_sign, &mut told);
    let ahead = Ahead {
        payments: ready.len() as u64,
        seconds: began.elapsed().as_secs_f64(),
    };
    (ready, ahead)
}

fn paying(senders: &[Sender]) -> Vec<(usize, &Sender)> {
    senders
        .iter()
        .enumerate()
        .filter(|(_, sender)| sender.style == Style::Pay)
        .collect()
}

pub(crate) struct Engine<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) senders: &'a [Sender],
    pub(crate) mix: Mix,
    pub(crate) users: Users,
    pub(crate) mill: &'a Mill<'a>,
    pub(crate) store: Store,
    pub(crate) lines: Lines,
    /// What is under way on each connection, and its deadline.
    pub(crate) open: Vec<Option<(Call, u64)>>,
    /// Deadlines in the order of their beginnings, which is that of their ends.
    pub(crate) deadlines: VecDeque<(u64, usize)>,
    pub(crate) later: Later,
    pub(crate) random: StdRng,
    pub(crate) tally: Tally,
    pub(crate) numbers: u64,
    /// The next message of the schedule: its time and leg.
    pub(crate) next: Option<(u64, usize)>,
    pub(crate) start: Instant,
}

impl Engine<'_> {
    fn play(
        &mut self,
        mut schedule: Schedule,
        ahead: Ahead,
        watch: &mut dyn FnMut(&Progress) -> bool,
    ) -> Result<Report, LoadError> {
        let seconds = schedule.seconds();
        let planned = self.spec.planned(&schedule);
        let cpu = cpu_seconds();
        self.start = Instant::now();
        self.next = schedule.next();
        let mut told = 0;
        let mut ready = Vec::new();
        let mut idle_since = 0;
        let stopped = !watch(&self.progress(0, seconds, planned, ahead))
            || loop {
                let now = self.now();
                self.expire(now);
                idle_since = self.take_up(&mut schedule, now, idle_since);
                if self.is_over() {
                    break false;
                }
                if now >= told + TOLD_EVERY {
                    told = now;
                    if !watch(&self.progress(now, seconds, planned, ahead)) {
                        break true;
                    }
                }
                self.rest(now);
                self.lines.wait(self.until_next(), &mut ready)?;
                for at in ready.drain(..) {
                    self.receive(at);
                }
            };
        let seconds = self.start.elapsed().as_secs_f64();
        let cpu = cpu_seconds() - cpu;
        let ran = Ran {
            planned,
            stopped,
            seconds,
            cpu,
            ahead,
        };
        Ok(self.tally.report(&self.spec.legs, &ran))
    }

    /// Sends all that is due and finds an idle connection. Returns since when one has been idle.
    fn take_up(&mut self, schedule: &mut Schedule, now: u64, idle_since: u64) -> u64 {
        let mut now = now;
        // While all were busy the gateway was late, not the player.
        let mut idle_since = idle_since;
        loop {
            if !self.lines.has_idle() {
                return u64::MAX;
            }
            if idle_since == u64::MAX {
                idle_since = now;
            }
            // What is sent again keeps its distance, however far behind the schedule is: WeChat's
            // timers know of no queue here, and claims are remembered for a time.
            let (due, call) = if let Some(due) = self.later.due().filter(|due| *due <= now) {
                (due, self.later.take())
            } else if let Some((due, leg)) = self.next.filter(|(due, _)| *due <= now) {
                let call = self.first_try(due, leg);
                self.next = self.following(schedule);
                (due, call)
            } else {
                return idle_since;
            };
            self.tally.taken_up(now - due.max(idle_since).min(now));
            if let Some(call) = call {
                self.send(call, now);
            }
            now = self.now();
        }
    }

    /// Sleeps what is left of the time between two looks, the last of which was at `looked`.
    fn rest(&self, looked: u64) {
        let until = looked + seconds(self.spec.rest);
        if let Some(left) = until.checked_sub(self.now()).filter(|left| *left > 0) {
            std::thread::sleep(Duration::from_nanos(left));
        }
    }

    /// The next call of the schedule, until all messages that were asked for are sent.
    fn following(&self, schedule: &mut Schedule) -> Option<(u64, usize)> {
        let sent = self.tally.counts.messages;
        schedule
            .next()
            .filter(|_| self.spec.messages.is_none_or(|all| sent < all))
    }

    fn is_over(&self) -> bool {
        self.next.is_none() && self.later.is_empty() && self.deadlines.is_empty()
    }

    /// Nanoseconds until something is due.
    fn until_next(&self) -> u64 {
        let due = if self.lines.has_idle() {
            self.next
                .map(|(due, _)| due)
                .into_iter()
                .chain(self.later.due())
                .min()
        } else {
            None
        };
        let deadline = self.deadlines.front().map(|(deadline, _)| *deadline);
        let next = due.into_iter().chain(deadline).min().unwrap_or(u64::MAX);
        next.saturating_sub(self.now()).min(LONGEST_WAIT)
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    #[expect(clippy::cast_precision_loss, reason = "times of a run")]
    fn progress(&self, now: u64, of: f64, planned: u64, ahead: Ahead) -> Progress {
        let counts = &self.tally.counts;
        Progress {
            seconds: now as f64 / NANOS,
            of,
            planned,
            messages: counts.messages,
            acknowledged: counts.acknowledged,
            refused: counts.refused,
            p99: self.tally.p99(),
            signed: ahead.payments,
            to_sign: ahead.payments,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds, from 0"
)]
pub(crate) fn seconds(value: f64) -> u64 {
    (value * NANOS) as u64
}

pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "seconds of a process")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / NANOS;
    seconds
}
