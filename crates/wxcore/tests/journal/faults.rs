//! The disk fails while the process lives on.

use wxcore::journal::sim::Sim;
use wxcore::journal::{JournalError, Refusal, State};
use wxcore::time::UnixMillis;

use crate::support::{NOW, Note, Process, dir, options};

const NAMES: [&str; 1] = ["a"];

fn kept(process: &mut Process, number: u64) -> bool {
    process
        .keep(&Note {
            lifetime: 0,
            ..Note::new(number, &[0], 300)
        })
        .is_some()
}

/// Appends at a given time, and says what became of it.
fn at(process: &mut Process, number: u64, seconds: i64) -> Result<bool, JournalError> {
    let now = UnixMillis(NOW.0 + seconds * 1000);
    let note = Note {
        lifetime: 0,
        ..Note::new(number, &[0], 300)
    };
    let seq = note.with(|entry| process.journal.append(&[*entry], now))?;
    Ok(process.wait(seq))
}

#[test]
fn after_a_failed_sync_the_group_is_void_and_another_segment_is_used() {
    for cut in [false, true] {
        let sim = Sim::new(11);
        let mut process = Process::start(&sim, options(1 << 20, &NAMES)).unwrap();
        assert!(kept(&mut process, 1));
        let rotations = process.journal.stats().counters.rotations;
        // The preparer may be filling; its failure must not cost a message.
        sim.fail_syncs(2);
        let outcomes = [kept(&mut process, 2), kept(&mut process, 3)];
        sim.fail_syncs(0);
        assert!(outcomes.contains(&false));
        assert!(kept(&mut process, 4) && kept(&mut process, 5));
        assert_eq!(process.journal.progress().state, State::Open);
        assert!(process.journal.stats().counters.rotations > rotations);
        let mut expected = vec!["shop:m:1".to_owned()];
        expected.extend(
            outcomes
                .iter()
                .zip(2..)
                .filter(|(ok, _)| **ok)
                .map(|(_, n)| format!("shop:m:{n}")),
        );
        expected.extend(["shop:m:4".to_owned(), "shop:m:5".to_owned()]);
        assert_eq!(process.ids(0), expected);
        if cut {
            sim.power_cut();
        } else {
            sim.kill();
        }
        drop(process);
        let process = Process::start(&sim, options(1 << 20, &NAMES)).unwrap();
        assert_eq!(
            process.ids(0),
            expected,
            "what failed stays void: cut {cut}"
        );
        assert_eq!(process.recovered.lost_messages, 0);
    }
}

#[test]
fn three_failures_in_a_row_poison_it() {
    let sim = Sim::new(11);
    let mut process = Process::start(&sim, options(1 << 20, &NAMES)).unwrap();
    assert!(kept(&mut process, 1));
    sim.fail_writes(1000);
    for number in 2..=4 {
        assert!(!kept(&mut process, number));
    }
    assert_eq!(process.journal.progress().state, State::Poisoned);
    sim.fail_writes(0);
    let error = process.append(&Note::new(5, &[0], 10)).unwrap_err();
    assert_eq!(error.code(), "poisoned");
    assert_eq!(
        process.ids(0),
        ["shop:m:1"],
        "what is there can still be delivered"
    );
    process.journal.settle(0, &[1]);
    assert!(process.ids(0).is_empty());
}

#[test]
fn two_failures_and_a_success_do_not() {
    let sim = Sim::new(11);
    let mut process = Process::start(&sim, options(1 << 20, &NAMES)).unwrap();
    for round in 0..5 {
        sim.fail_writes(1);
        let _ = kept(&mut process, 10 * round + 1);
        sim.fail_writes(1);
        let _ = kept(&mut process, 10 * round + 2);
        sim.fail_writes(0);
        assert!(kept(&mut process, 10 * round + 3));
    }
    assert_eq!(process.journal.progress().state, State::Open);
}

#[test]
fn short_writes_are_completed() {
    let sim = Sim::new(11);
    let mut process = Process::start(&sim, options(16 << 10, &NAMES)).unwrap();
    sim.short_writes(true);
    for number in 1..=100 {
        assert!(kept(&mut process, number));
    }
    sim.power_cut();
    drop(process);
    let process = Process::start(&sim, options(16 << 10, &NAMES)).unwrap();
    assert_eq!(process.ids(0).len(), 100);
}

#[test]
fn a_full_disk_refuses_delivers_and_recovers_unaided() {
    let sim = Sim::new(11);
    let mut process = Process::start(&sim, options(64 << 10, &NAMES)).unwrap();
    sim.capacity(Some(400 << 10));
    let (mut kept, mut number) = (Vec::new(), 0);
    while process.journal.progress().state == State::Open {
        number += 1;
        if let Ok(true) = at(&mut process, number, 0) {
            kept.push(number);
        }
        assert!(number < 5000);
    }
    assert_eq!(
        process.journal.progress().state,
        State::Refusing(Refusal::NoSpace)
    );
    assert!(kept.len() > 300, "{}", kept.len());
    // At once, and without touching the disk.
    let before = sim.operations();
    for _ in 0..1000 {
        let error = at(&mut process, 9999, 0).unwrap_err();
        assert!(matches!(error, JournalError::Refusing(Refusal::NoSpace)));
    }
    assert_eq!(sim.operations(), before, "no busy loop");
    assert!(
        matches!(at(&mut process, 9999, 2), Ok(false)),
        "one try a second"
    );
    assert!(at(&mut process, 9999, 2).is_err());
    // What is there is delivered, and makes room.
    let found = process.undelivered(0);
    assert_eq!(found.len(), kept.len());
    let seqs: Vec<u64> = found.iter().map(|(seq, _, _)| *seq).collect();
    process.journal.settle(0, &seqs);
    let mut second = 4;
    while !matches!(at(&mut process, 10_000, second), Ok(true)) {
        second += 2;
        assert!(second < 1000, "{:?}", process.journal.stats());
        std::thread::yield_now();
    }
    assert_eq!(process.journal.progress().state, State::Open);
    assert_eq!(process.ids(0), ["shop:m:10000"]);
    sim.kill();
    drop(process);
    let process = Process::start(&sim, options(64 << 10, &NAMES)).unwrap();
    assert_eq!(process.ids(0), ["shop:m:10000"]);
}

#[test]
fn a_start_on_a_full_disk_delivers_what_is_there() {
    let sim = Sim::new(11);
    let mut process = Process::start(&sim, options(64 << 10, &NAMES)).unwrap();
    assert!(kept(&mut process, 1));
    drop(process);
    sim.capacity(Some(0));
    let mut process = Process::start(&sim, options(64 << 10, &NAMES)).unwrap();
    assert_eq!(
        process.journal.progress().state,
        State::Refusing(Refusal::NoSpace)
    );
    assert!(matches!(
        at(&mut process, 2, 0),
        Err(JournalError::Refusing(_))
    ));
    assert_eq!(process.ids(0), ["shop:m:1"]);
    sim.capacity(None);
    assert!(matches!(at(&mut process, 2, 2), Ok(true)));
    assert_eq!(process.ids(0), ["shop:m:1", "shop:m:2"]);
}

#[test]
fn a_read_only_disk_refuses_until_it_is_back() {
    let sim = Sim::new(11);
    let mut process = Process::start(&sim, options(64 << 10, &NAMES)).unwrap();
    assert!(kept(&mut process, 1));
    sim.read_only(true);
    assert!(matches!(at(&mut process, 2, 0), Ok(false)));
    let refused = at(&mut process, 3, 0);
    assert!(matches!(
        refused,
        Err(JournalError::Refusing(Refusal::ReadOnly))
    ));
    assert_eq!(process.ids(0), ["shop:m:1"]);
    sim.read_only(false);
    assert!(matches!(at(&mut process, 4, 2), Ok(true)));
    assert_eq!(process.ids(0), ["shop:m:1", "shop:m:4"]);
}

#[test]
fn a_removed_folder_is_noticed_and_made_again() {
    let sim = Sim::new(11);
    let mut process = Process::start(&sim, options(64 << 10, &NAMES)).unwrap();
    assert!(kept(&mut process, 1));
    sim.remove_dir(&dir());
    assert!(
        matches!(at(&mut process, 2, 0), Ok(false)),
        "a file without a name keeps nothing"
    );
    let refused = at(&mut process, 3, 0);
    assert!(matches!(
        refused,
        Err(JournalError::Refusing(Refusal::Gone))
    ));
    // If a file lay ready it has no name either; then there is a new one.
    let mut second = 2;
    while !matches!(at(&mut process, 3, second), Ok(true)) {
        second += 2;
        assert!(second < 100, "{:?}", process.journal.stats());
    }
    assert_eq!(process.ids(0), ["shop:m:3"], "what was removed is gone");
    assert_eq!(process.journal.stats().counters.removed, 1);
    let second = Process::start(&sim, options(64 << 10, &NAMES));
    assert!(matches!(second.err(), Some(JournalError::Locked)));
    sim.power_cut();
    drop(process);
    let process = Process::start(&sim, options(64 << 10, &NAMES)).unwrap();
    assert_eq!(process.ids(0), ["shop:m:3"]);
    assert_eq!(process.recovered.missing_segments, Vec::<u64>::new());
}

#[test]
fn a_folder_that_another_process_made_again_is_left_to_it() {
    let sim = Sim::new(11);
    let mut process = Process::start(&sim, options(64 << 10, &NAMES)).unwrap();
    assert!(kept(&mut process, 1));
    sim.remove_dir(&dir());
    let mut other = Process::start(&sim, options(64 << 10, &NAMES)).unwrap();
    for second in [0, 2, 4, 6] {
        assert!(!matches!(at(&mut process, 2, second), Ok(true)));
    }
    assert!(kept(&mut other, 3));
    assert_eq!(other.ids(0), ["shop:m:3"]);
}

#[test]
fn what_was_settled_beside_a_refused_group_stays_settled() {
    let send = |process: &mut Process, number, size, seconds: i64| {
        let now = UnixMillis(NOW.0 + seconds * 1000);
        let note = Note::new(number, &[0], size);
        let seq = note.with(|entry| process.journal.append(&[*entry], now));
        process.wait(seq.unwrap())
    };
    let sim = Sim::new(11);
    let mut process = Process::start(&sim, options(16 << 10, &NAMES)).unwrap();
    sim.capacity(Some(80 << 10));
    // Each takes a segment of its own, until there is no room for another.
    let mut number = 1;
    while send(&mut process, number, 6000, 0) {
        number += 1;
        assert!(number < 50);
    }
    // Dropped together before anything is written: the segment goes on without them.
    process.journal.settle(0, &[1, 2]);
    assert!(!send(&mut process, 100, 6000, 2));
    assert!(send(&mut process, 101, 10, 4));
    sim.kill();
    drop(process);
    let process = Process::start(&sim, options(16 << 10, &NAMES)).unwrap();
    let mut expected: Vec<String> = (3..number).map(|one| format!("shop:m:{one}")).collect();
    expected.push("shop:m:101".to_owned());
    assert_eq!(process.ids(0), expected);
}
