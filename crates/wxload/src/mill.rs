//! What is made ahead of its time: the signatures of payment notices, 0.3 ms each.
//!
//! Before a run all processors sign; during it a thread signs what was too much to be kept. Each
//! notice has the timestamp of the moment for which it is planned.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::engine::now_ms;
use crate::message::{Body, Message, Number, notice};
use crate::schedule::Schedule;
use crate::seal::{Sender, Stamp};
use crate::users::{Users, openid};

/// WeChat's timestamps may be five minutes off.
const FRESH_MS: i64 = 240_000;
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// Signatures kept for a run that has more payments than were signed before it.
const ROOM: usize = 1024;

/// The signature of a notice. The rest is made again from its number, so that a million take some
/// 400 MB and not 1.5 GB.
pub(crate) struct Signed {
    number: u64,
    /// Milliseconds since 1970, as signed.
    at: i64,
    signature: String,
}

impl Signed {
    /// The number behind its own.
    pub(crate) const fn behind(&self) -> u64 {
        self.number + 1
    }
}

/// All payments of a run, by number.
pub(crate) struct Mill<'a> {
    /// Index and sender of each account that sends notices.
    pub(crate) senders: Vec<(usize, &'a Sender)>,
    pub(crate) users: Users,
    pub(crate) epoch: u64,
    pub(crate) seed: u64,
    pub(crate) schedule: Schedule,
    /// Calls of the schedule to one payment.
    pub(crate) apart: f64,
    /// How many are wanted.
    pub(crate) wanted: u64,
}

impl Mill<'_> {
    /// Signs the first `count` on all processors. `told` hears once a second how many there are, and
    /// ends it by returning false: then there may be fewer.
    pub(crate) fn ahead(&self, count: u64, told: &mut dyn FnMut(u64) -> bool) -> Vec<Signed> {
        let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
        let share = count.div_ceil(threads).max(1);
        let (done, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            let (ends, ended) = channel::<()>();
            let signing: Vec<_> = (0..threads)
                .map(|thread| {
                    let (ends, done, stopped) = (ends.clone(), &done, &stopped);
                    scope.spawn(move || {
                        let numbers = thread * share..count.min((thread + 1) * share);
                        let signed = self.sign_all(numbers, done, stopped);
                        drop(ends);
                        signed
                    })
                })
                .collect();
            drop(ends);
            while ended.recv_timeout(TOLD_EVERY) == Err(RecvTimeoutError::Timeout) {
                if !told(done.load(Ordering::Relaxed)) {
                    stopped.store(true, Ordering::Relaxed);
                }
            }
            let all = signing.into_iter().map(thread::ScopedJoinHandle::join);
            all.flat_map(|signed| signed.unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        })
    }

    /// Signs some before the run begins, which is when all threads have done their part.
    fn sign_all(
        &self,
        numbers: std::ops::Range<u64>,
        done: &AtomicU64,
        stopped: &AtomicBool,
    ) -> Vec<Signed> {
        let (first, end, began) = (numbers.start, numbers.end, Instant::now());
        numbers
            .take_while(|_| !stopped.load(Ordering::Relaxed))
            .map_while(|number| {
                let left = left(began.elapsed(), number - first, end - number);
                let signed = self.sign(number, now_ms() + left);
                done.fetch_add(1, Ordering::Relaxed);
                signed
            })
            .collect()
    }

    /// Signs those from `first` on into `out`, for a run that begins now.
    pub(crate) fn run(&self, first: u64, out: &SyncSender<Signed>) {
        let begin = now_ms();
        for number in first..self.wanted {
            let Some(signed) = self.sign(number, begin) else {
                return;
            };
            if out.send(signed).is_err() {
                return;
            }
        }
    }

    /// `begin` is when the run begins, in milliseconds since 1970.
    fn sign(&self, number: u64, begin: i64) -> Option<Signed> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a count of messages; milliseconds of a run"
        )]
        let due = (self.schedule.due(number as f64 * self.apart) * 1000.0) as i64;
        let at = begin + due;
        let (sender, message, stamp) = self.made(number, at)?;
        let Body::Notice(notice) = &message.body else {
            return None;
        };
        Some(Signed {
            number,
            at,
            signature: sender.sign(notice, &stamp)?,
        })
    }

    /// A message, and the request that carries its first try: unless it is too late for that.
    pub(crate) fn write(&self, signed: Signed, now: i64) -> Option<(Message, Option<Vec<u8>>)> {
        let (sender, message, stamp) = self.made(signed.number, signed.at)?;
        let request = match &message.body {
            Body::Notice(notice) if (now - signed.at).abs() < FRESH_MS => {
                sender.write_signed(notice, &stamp, signed.signature)
            }
            _ => None,
        };
        Some((message, request))
    }

    /// The same for the same number and time.
    fn made(&self, number: u64, at: i64) -> Option<(&Sender, Message, Stamp)> {
        let mut random = StdRng::seed_from_u64(self.seed ^ number);
        let turn = usize::try_from(number).ok()? % self.senders.len().max(1);
        let (account, sender) = self.senders.get(turn).copied()?;
        let user = self.users.draw(&mut random);
        // The numbers of notices do not meet those of pushes; both end up in ids of their own kinds.
        let id = Number {
            epoch: self.epoch,
            n: number,
        };
        let message = Message {
            account,
            openid: openid(user),
            body: Body::Notice(notice(&sender.receiver, user, id, at)),
        };
        Some((sender, message, Stamp::new(at, &mut random, None)))
    }
}

/// Milliseconds until `left` more are made, if `made` took so long.
fn left(took: Duration, made: u64, left: u64) -> i64 {
    let all = took.as_nanos() * u128::from(left) / u128::from(made.max(1));
    i64::try_from(all / 1_000_000).unwrap_or_default()
}

/// What is signed, in the order of its times.
pub(crate) struct Store {
    ready: std::vec::IntoIter<Signed>,
    more: Receiver<Signed>,
}

impl Store {
    /// A store of what lies ready, and what brings more.
    pub(crate) fn new(ready: Vec<Signed>) -> (SyncSender<Signed>, Self) {
        let (send, more) = sync_channel(ROOM);
        let ready = ready.into_iter();
        (send, Self { ready, more })
    }

    /// The next one; waits for it. `None` once there are no more.
    pub(crate) fn next(&mut self) -> Option<Signed> {
        self.ready.next().or_else(|| self.more.recv().ok())
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use wxcore::crypto::keygen::generate_rsa;
    use wxcore::dialect::pay::{PayHeaders, PayVerifier};
    use wxcore::time::UnixMillis;

    use super::{FRESH_MS, Mill, Signed, Store, left, now_ms};
    use crate::schedule::Schedule;
    use crate::seal::Sender;
    use crate::spec::{AccountSpec, Leg, Style};
    use crate::users::Users;

    const SERIAL: &str = "PUB_KEY_ID_0000000001";
    const APIV3: &str = "0123456789abcdef0123456789ABCDEF";

    /// A merchant's sender, and who checks it.
    fn merchant() -> (Sender, PayVerifier) {
        let (private_key, public_key) = generate_rsa().unwrap();
        let sender = Sender::new(&AccountSpec {
            name: "mch".to_owned(),
            style: Style::Pay,
            receiver: "1900000001".to_owned(),
            token: String::new(),
            aes_key: String::new(),
            apiv3_key: APIV3.to_owned(),
            serial: SERIAL.to_owned(),
            private_key,
        });
        let keys = [(SERIAL.to_owned(), public_key)];
        let verifier = PayVerifier::new(&keys, &[APIV3.to_owned()]);
        (sender.unwrap(), verifier.unwrap())
    }

    /// Ten payments a second among a hundred messages.
    fn mill(sender: &Sender, wanted: u64) -> Mill<'_> {
        Mill {
            senders: vec![(0, sender)],
            users: Users::new(100, 1.0),
            epoch: 1_764_000_000,
            seed: 7,
            schedule: Schedule::new(vec![Leg {
                seconds: 1000.0,
                rate: 100.0,
                to: None,
            }]),
            apart: 10.0,
            wanted,
        }
    }

    /// The `out_trade_no` of a request, if its signature holds at that time.
    fn verified(request: &[u8], verifier: &PayVerifier, at: i64) -> String {
        let text = std::str::from_utf8(request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let headers = head.lines().filter_map(|line| line.split_once(": "));
        let headers = PayHeaders::read(headers).unwrap();
        verifier
            .verify(&headers, body.as_bytes(), UnixMillis(at))
            .unwrap();
        let resource = verifier.open(body.as_bytes()).unwrap().resource;
        let resource: serde_json::Value = serde_json::from_slice(&resource).unwrap();
        resource["out_trade_no"].as_str().unwrap().to_owned()
    }

    #[test]
    fn each_payment_comes_once_signed_for_the_time_for_which_it_is_planned() {
        let (sender, verifier) = merchant();
        let mill = mill(&sender, 20);
        let before = now_ms();
        let (more, mut store) = Store::new(mill.ahead(7, &mut |_| true));
        let all: Vec<_> = thread::scope(|scope| {
            let (mill, more) = (&mill, more);
            scope.spawn(move || mill.run(7, &more));
            std::iter::from_fn(|| store.next()).collect()
        });
        assert_eq!(all.len(), 20);
        for (number, signed) in (0_i64..).zip(all) {
            let at = signed.at;
            let from = before + number * 100;
            // When it begins is only known about, while others are still being signed.
            assert!((from..from + 60_000).contains(&at), "{number}: {at} {from}");
            let (message, request) = mill.write(signed, at + FRESH_MS - 1).unwrap();
            assert_eq!(message.account, 0);
            let paid = verified(&request.unwrap(), &verifier, at);
            assert_eq!(paid, format!("L1764000000{number:010}"));
        }
    }

    #[test]
    fn how_long_the_others_take_is_told_by_those_that_are_made() {
        let took = Duration::from_micros(1500);
        assert_eq!(left(took, 5, 1000), 300);
        assert_eq!(left(Duration::ZERO, 0, 1000), 0);
    }

    #[test]
    fn what_was_signed_for_another_time_is_to_be_signed_again() {
        let (sender, _) = merchant();
        let mill = mill(&sender, 1);
        for late in [FRESH_MS, -FRESH_MS] {
            let signed = mill.sign(0, 1_764_000_000_000).unwrap();
            let now = signed.at + late;
            let (message, request) = mill.write(signed, now).unwrap();
            assert!(request.is_none());
            assert_eq!(message.openid.len(), 28);
        }
    }

    #[test]
    fn who_is_told_can_end_it() {
        let (sender, _) = merchant();
        let mut told = 0;
        let signed: Vec<Signed> = mill(&sender, 1 << 40).ahead(1 << 40, &mut |count| {
            told = count;
            false
        });
        assert!(told > 0);
        assert!(signed.len() as u64 >= told);
    }
}
