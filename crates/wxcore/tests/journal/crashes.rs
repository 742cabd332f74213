//! The journal against a plain list, with crashes anywhere. Broken variants must be found out.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use wxcore::journal::entry::digest;
use wxcore::journal::options::Flaw;
use wxcore::journal::seal::SealKey;
use wxcore::journal::sim::Sim;
use wxcore::journal::{Options, Reply};
use wxcore::time::UnixMillis;

use crate::support::{NOW, Note, Process, flawed, options};

const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    /// Messages of these sizes, to destinations by bits; queued at once, or awaited one by one.
    Append {
        sizes: Vec<usize>,
        to: u8,
        wait: bool,
    },
    /// Settles every `nth` of what is undelivered.
    Settle {
        destination: u16,
        nth: usize,
    },
    Advance {
        destination: u16,
    },
    Remember,
    FailSyncs(u32),
    ShortWrites(bool),
}

/// A life of the process, and how it ends.
#[derive(Clone, Debug)]
struct Life {
    steps: Vec<Step>,
    crash_after: Option<u64>,
    power_cut: bool,
    /// It learns of most destinations only once the journal is open.
    late: bool,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (proptest::collection::vec(0usize..1500, 1..12), 1u8..8, any::<bool>())
            .prop_map(|(sizes, to, wait)| Step::Append { sizes, to, wait }),
        3 => (0u16..3, 1usize..4).prop_map(|(destination, nth)| Step::Settle { destination, nth }),
        1 => (0u16..3).prop_map(|destination| Step::Advance { destination }),
        1 => Just(Step::Remember),
        1 => (1u32..3).prop_map(Step::FailSyncs),
        1 => any::<bool>().prop_map(Step::ShortWrites),
    ]
}

fn lives() -> impl Strategy<Value = (Vec<Life>, u64)> {
    let life = (
        proptest::collection::vec(step(), 1..14),
        proptest::option::weighted(0.7, 1u64..120),
        any::<bool>(),
        any::<bool>(),
    );
    let life = life.prop_map(|(steps, crash_after, power_cut, late)| Life {
        steps,
        crash_after,
        power_cut,
        late,
    });
    (proptest::collection::vec(life, 1..5), any::<u64>())
}

/// What must be true, kept beside the journal.
#[derive(Default)]
struct Model {
    sent: HashMap<String, Note>,
    acked: Vec<Note>,
    /// By destination: what was settled.
    settled: [HashSet<String>; 3],
    /// The same, and synced: a later group was acknowledged.
    firm: [HashSet<String>; 3],
    replies: Vec<(String, Vec<u8>)>,
    next: u64,
}

impl Model {
    fn note(&mut self, to: u8, size: usize) -> Note {
        self.next += 1;
        let to: Vec<u16> = (0..3).filter(|bit| to >> bit & 1 == 1).collect();
        let note = Note::new(self.next, &to, size);
        self.sent.insert(note.id(), note.clone());
        note
    }

    fn acked(&mut self, note: Note, settled_before: &[HashSet<String>; 3]) {
        self.acked.push(note);
        for (firm, settled) in self.firm.iter_mut().zip(settled_before) {
            firm.extend(settled.iter().cloned());
        }
    }

    /// The oracle: nothing lost, nothing invented, in order, each once.
    fn check(&mut self, process: &Process) {
        let claims: HashSet<[u8; 16]> = process
            .recovered
            .claims
            .iter()
            .map(|claim| claim.digest)
            .collect();
        for note in &self.acked {
            assert!(
                claims.contains(&digest(&note.id())),
                "no claim of {}",
                note.number
            );
        }
        for destination in 0..3u16 {
            let lane = usize::from(destination);
            let found = process.undelivered(destination);
            let mut numbers = Vec::new();
            for (_, id, event) in &found {
                let note = self.sent.get(id).expect("nothing is invented");
                assert_eq!(&note.event(), event, "its bytes are what was sent");
                assert!(note.to.contains(&destination), "it goes where it was sent");
                assert!(!self.firm[lane].contains(id), "{id} was settled, durably");
                numbers.push(note.number);
            }
            assert!(numbers.is_sorted(), "in order: {numbers:?}");
            assert!(
                numbers.windows(2).all(|pair| pair[0] < pair[1]),
                "each once"
            );
            let found: HashSet<&String> = found.iter().map(|(_, id, _)| id).collect();
            // What was settled without a sync may come again, and then must not go.
            self.settled[lane].retain(|id| !found.contains(id));
            for note in self
                .acked
                .iter()
                .filter(|note| note.to.contains(&destination))
            {
                let settled = self.settled[lane].contains(&note.id());
                assert!(
                    settled || found.contains(&note.id()),
                    "{} is lost to {destination}",
                    note.number
                );
            }
        }
    }
}

fn live(process: &mut Process, sim: &Sim, model: &mut Model, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Append { sizes, to, wait } => {
                let before = model.settled.clone();
                let mut queued = Vec::new();
                for size in sizes {
                    let note = model.note(*to, *size);
                    let Ok(seq) = process.append(&note) else {
                        continue;
                    };
                    if *wait {
                        if process.wait(seq) {
                            model.acked(note, &before);
                        }
                    } else {
                        queued.push((seq, note));
                    }
                }
                for (seq, note) in queued {
                    if process.wait(seq) {
                        model.acked(note, &before);
                    }
                }
            }
            Step::Settle { destination, nth } => {
                let Ok(batch) = process.read(*destination, 50, 20_000) else {
                    continue;
                };
                let taken: Vec<(u64, String)> = batch
                    .iter()
                    .step_by(*nth)
                    .map(|(seq, entry)| (seq, entry.id.to_owned()))
                    .collect();
                let seqs: Vec<u64> = taken.iter().map(|(seq, _)| *seq).collect();
                process.settle(*destination, &seqs);
                model.settled[usize::from(*destination)]
                    .extend(taken.into_iter().map(|(_, id)| id));
            }
            Step::Advance { destination } => {
                let cursor = process.journal.progress_durable();
                process.advance(*destination, cursor);
            }
            Step::Remember => {
                let Some(note) = model.acked.last() else {
                    continue;
                };
                let (digest, answer) = (digest(&note.id()), note.event());
                let expires = UnixMillis(NOW.0 + 60_000);
                process.journal.remember(&Reply {
                    digest,
                    expires,
                    answer: answer.clone(),
                });
                model.replies.push((note.id(), answer));
            }
            Step::FailSyncs(count) => sim.fail_syncs(*count),
            Step::ShortWrites(on) => sim.short_writes(*on),
        }
    }
}

trait Durable {
    fn progress_durable(&self) -> u64;
}

impl Durable for wxcore::journal::Journal {
    /// A cursor that may be too far: it must do no harm.
    fn progress_durable(&self) -> u64 {
        self.stats().next_seq
    }
}

/// Lives' ends by their kind, and what was acknowledged in them.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    power_cuts: usize,
    acknowledged: usize,
}

fn run(options: &Options, lives: &[Life], seed: u64) -> Tally {
    let sim = Sim::new(seed);
    let mut model = Model::default();
    for life in lives {
        let started = if life.late {
            Process::start_late(&sim, options)
        } else {
            Process::start(&sim, options.clone())
        };
        let mut process = started.expect("it opens");
        model.check(&process);
        if let Some(after) = life.crash_after {
            sim.crash_after(after);
        }
        live(&mut process, &sim, &mut model, &life.steps);
        if life.power_cut {
            sim.power_cut();
        } else {
            sim.kill();
        }
        drop(process);
    }
    let process = Process::start(&sim, options.clone()).expect("it opens");
    model.check(&process);
    drop(process);
    let process = Process::start(&sim, options.clone()).expect("it opens after a clean end");
    model.check(&process);
    let power_cuts = lives.iter().filter(|life| life.power_cut).count();
    Tally {
        kills: lives.len() - power_cuts,
        power_cuts,
        acknowledged: model.acked.len(),
    }
}

fn cases(count: u32) -> Config {
    Config {
        failure_persistence: None,
        ..Config::with_cases(count)
    }
}

#[test]
fn whatever_happens_nothing_acknowledged_is_lost() {
    let mut runner = TestRunner::new(cases(250));
    let tested = runner.run(&lives(), |(lives, seed)| {
        run(&options(16 << 10, &NAMES), &lives, seed);
        Ok(())
    });
    tested.unwrap();
}

#[test]
fn nor_is_it_when_sealed() {
    let sealed = Options {
        seal: Some(SealKey::new([3; 32])),
        ..options(16 << 10, &NAMES)
    };
    let mut runner = TestRunner::new(cases(60));
    let tested = runner.run(&lives(), |(lives, seed)| {
        run(&sealed, &lives, seed);
        Ok(())
    });
    tested.unwrap();
}

#[expect(clippy::disallowed_methods, reason = "how long, and under which seed")]
fn number(name: &str, default: usize) -> usize {
    let told = std::env::var(name).ok();
    told.and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// `make faults` asks for more, with its own seed, and reads the last line.
#[test]
fn power_cuts_anywhere_lose_nothing_and_repeat_nothing() {
    let (wanted, seed) = (
        number("FAULT_POWER_CUTS", 40),
        number("WXGATE_FAULT_SEED", 1),
    );
    let config = Config {
        rng_seed: RngSeed::Fixed(seed as u64),
        ..cases(1)
    };
    let (mut runner, mut all) = (TestRunner::new(config), Tally::default());
    while all.power_cuts < wanted {
        let drawn = lives().new_tree(&mut runner).expect("lives").current();
        let one = run(&options(16 << 10, &NAMES), &drawn.0, drawn.1);
        all.kills += one.kills;
        all.power_cuts += one.power_cuts;
        all.acknowledged += one.acknowledged;
    }
    let Tally {
        kills,
        power_cuts,
        acknowledged,
    } = all;
    println!("power cuts {power_cuts}, kills {kills}, acknowledged {acknowledged}");
}

#[test]
fn power_cuts_at_every_change_of_a_busy_life() {
    let append = |wait| Step::Append {
        sizes: vec![10, 900, 1400, 300, 2000, 50],
        to: 7,
        wait,
    };
    let settle = |destination| Step::Settle {
        destination,
        nth: 1,
    };
    let steps = vec![
        append(true),
        settle(0),
        append(false),
        settle(1),
        append(true),
        settle(2),
        settle(0),
        append(false),
        settle(1),
        append(true),
        settle(0),
        settle(2),
        append(false),
        append(true),
    ];
    for cut in 1..160 {
        let life = Life {
            steps: steps.clone(),
            crash_after: Some(cut),
            power_cut: true,
            late: false,
        };
        let late = Life {
            late: true,
            ..life.clone()
        };
        run(&options(8 << 10, &NAMES), &[life.clone(), life], cut);
        run(&options(8 << 10, &NAMES), &[late.clone(), late], cut);
    }
}

/// How many of `count` seeds end in a broken promise under a journal that is broken on purpose.
fn caught(flaw: Flaw, count: u64) -> u64 {
    let append = Step::Append {
        sizes: vec![700; 9],
        to: 7,
        wait: true,
    };
    let burst = Step::Append {
        sizes: vec![700; 9],
        to: 7,
        wait: false,
    };
    let settle = Step::Settle {
        destination: 1,
        nth: 2,
    };
    let mut found = 0;
    for seed in 1..=count {
        let mut steps = vec![
            append.clone(),
            settle.clone(),
            burst.clone(),
            append.clone(),
        ];
        if flaw == Flaw::RetrySync {
            // A group of several blocks: the last one is written again by the group behind it.
            let large = Step::Append {
                sizes: vec![20_000],
                to: 7,
                wait: true,
            };
            steps = vec![append.clone(), Step::FailSyncs(1), large, append.clone()];
        }
        let life = Life {
            steps,
            crash_after: Some(15 + seed),
            power_cut: true,
            late: false,
        };
        let whole = Life {
            crash_after: None,
            ..life.clone()
        };
        let broken = flawed(options(8 << 10, &NAMES), flaw);
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&broken, &[whole, life], seed)));
        found += u64::from(outcome.is_err());
    }
    found
}

#[test]
fn a_journal_that_is_broken_on_purpose_is_found_out() {
    let counts: Vec<(Flaw, u64)> = [
        Flaw::None,
        Flaw::NoSync,
        Flaw::EarlyAck,
        Flaw::RetrySync,
        Flaw::BlindCheckpoint,
    ]
    .map(|flaw| (flaw, caught(flaw, 30)))
    .to_vec();
    for (flaw, count) in &counts {
        assert_eq!(*count > 0, *flaw != Flaw::None, "{counts:?}");
    }
}

/// A run under a given seed, to look into one that failed.
#[test]
fn seeds_are_repeatable() {
    let config = Config {
        rng_seed: RngSeed::Fixed(7),
        ..cases(5)
    };
    let mut runner = TestRunner::new(config);
    let tested = runner.run(&lives(), |(lives, seed)| {
        run(&options(8 << 10, &NAMES), &lives, seed);
        Ok(())
    });
    tested.unwrap();
}
