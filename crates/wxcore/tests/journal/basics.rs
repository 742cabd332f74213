//! What it does when nothing goes wrong.

use wxcore::journal::entry::digest;
use wxcore::journal::seal::SealKey;
use wxcore::journal::sim::Sim;
use wxcore::journal::{Durability, JournalError, Options, Reply, State};
use wxcore::time::UnixMillis;

use crate::support::{FOREVER, NOW, Note, Process, dir, options, segments};

const NAMES: [&str; 2] = ["upstream:orders", "log:"];

fn notes(count: u64) -> Vec<Note> {
    (1..=count)
        .map(|number| Note::new(number, &[0, 1], 100))
        .collect()
}

#[test]
fn what_was_kept_is_read_in_order_and_settled_once() {
    let sim = Sim::new(1);
    let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    let notes = notes(200);
    let seqs = process.keep_all(&notes);
    assert_eq!(seqs, (1..=200).collect::<Vec<u64>>());
    let read = process.undelivered(0);
    for (note, (seq, id, event)) in notes.iter().zip(&read) {
        assert_eq!((note.number, &note.id(), &note.event()), (*seq, id, event));
    }
    process.journal.settle(0, &seqs[..150]);
    assert_eq!(process.undelivered(0).len(), 50);
    assert_eq!(process.undelivered(1).len(), 200);
    process.journal.settle(0, &seqs[..150]);
    let stats = process.journal.stats();
    assert_eq!(stats.unsettled[0], ("upstream:orders".to_owned(), 50));
    assert_eq!(stats.oldest_unsettled, Some(NOW));
    assert_eq!(stats.counters.appended, 200);
    assert!(stats.segments > 3);
}

#[test]
fn a_batch_ends_at_its_limits_and_says_where() {
    let sim = Sim::new(1);
    let mut process = Process::start(&sim, options(1 << 20, &NAMES)).unwrap();
    process.keep_all(&notes(10));
    let batch = process.journal.read(0, 0, 3, FOREVER).unwrap();
    assert_eq!((batch.len(), batch.position), (3, 3));
    let batch = process.journal.read(0, 3, 100, 1).unwrap();
    assert_eq!((batch.len(), batch.position), (1, 4));
    let batch = process.journal.read(0, 4, 100, FOREVER).unwrap();
    assert_eq!((batch.len(), batch.position), (6, 10));
    let batch = process.journal.read(0, 10, 100, FOREVER).unwrap();
    assert!(batch.is_empty());
    let (_, entry) = process
        .journal
        .read(0, 0, 1, 1)
        .unwrap()
        .iter()
        .next()
        .map(|(seq, entry)| {
            (
                seq,
                (
                    entry.account.to_owned(),
                    entry.subject.map(str::to_owned),
                    entry.wait,
                ),
            )
        })
        .unwrap();
    assert_eq!(entry.0, "shop");
    assert_eq!(entry.1.as_deref(), Some("oMgHVjngRipVsoxg6TuX3vz6glDg"));
}

#[test]
fn a_second_opener_is_told() {
    let sim = Sim::new(1);
    let first = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    let second = Process::start(&sim, options(8 << 10, &NAMES))
        .err()
        .unwrap();
    assert!(matches!(second, JournalError::Locked));
    assert_eq!(second.code(), "locked");
    // Closed is enough: what still holds it, such as a cycle that is yet to be collected, must not
    // keep out a successor in the same process.
    first.journal.close();
    assert!(Process::start(&sim, options(8 << 10, &NAMES)).is_ok());
    drop(first);
}

#[test]
fn a_restart_goes_on_where_the_last_one_stopped() {
    let sim = Sim::new(1);
    let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    let seqs = process.keep_all(&notes(100));
    process.journal.settle(0, &seqs[..40]);
    process.journal.settle(1, &seqs);
    process.journal.advance(0, 60);
    drop(process);
    let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    let found = &process.recovered;
    assert_eq!(
        (found.torn_bytes, found.damaged_bytes, found.lost_messages),
        (0, 0, 0)
    );
    assert!(found.missing_segments.is_empty());
    assert_eq!(
        (found.undelivered[0].count, found.undelivered[0].cursor),
        (60, 60)
    );
    assert_eq!(found.undelivered[1].count, 0);
    assert_eq!(found.claims.len(), 100);
    assert_eq!(process.undelivered(0)[0].0, 41);
    assert_eq!(process.keep(&Note::new(101, &[0], 10)), Some(101));
}

#[test]
fn settled_segments_go_and_their_files_are_used_again() {
    let sim = Sim::new(1);
    let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    for number in 1..=600 {
        let note = Note {
            lifetime: 0,
            ..Note::new(number, &[0], 100)
        };
        let seq = process.keep(&note).unwrap();
        process.journal.settle(0, &[seq]);
    }
    let stats = process.journal.stats();
    assert!(stats.counters.rotations > 8, "{stats:?}");
    assert!(stats.counters.recycled > 3, "{stats:?}");
    assert!(stats.segments <= 3, "{stats:?}");
    drop(process);
    assert!(segments(&sim).len() <= 5);
    let process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    assert!(process.recovered.missing_segments.is_empty());
    assert_eq!(process.recovered.lost_messages, 0);
    assert!(process.undelivered(0).is_empty());
}

#[test]
fn a_segment_stays_for_its_claims_and_for_as_long_as_it_is_retained() {
    for (lifetime, retain) in [(60_000, (0, 0)), (0, (60_000, 1 << 20))] {
        let sim = Sim::new(1);
        let keep = Options {
            retain_ms: retain.0,
            retain_bytes: retain.1,
            ..options(8 << 10, &NAMES)
        };
        let mut process = Process::start(&sim, keep).unwrap();
        for number in 1..=200 {
            let note = Note {
                lifetime,
                ..Note::new(number, &[0], 100)
            };
            let seq = process.keep(&note).unwrap();
            process.journal.settle(0, &[seq]);
        }
        assert!(process.journal.stats().segments > 3);
        let later = UnixMillis(NOW.0 + 60_000);
        for number in 201..=300 {
            let note = Note {
                lifetime: 0,
                ..Note::new(number, &[0], 100)
            };
            let seq = note
                .with(|entry| process.journal.append(&[*entry], later))
                .unwrap();
            assert!(process.wait(seq));
            process.journal.settle(0, &[seq]);
        }
        let stats = process.journal.stats();
        assert!(stats.segments <= 3, "{stats:?}");
    }
}

#[test]
fn replies_come_back_with_their_claims() {
    let sim = Sim::new(1);
    let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    process.keep_all(&notes(3));
    let expires = UnixMillis(NOW.0 + 1000);
    let answer = b"<xml/>".to_vec();
    process.journal.remember(&Reply {
        digest: digest("shop:m:2"),
        expires,
        answer: answer.clone(),
    });
    let gone = UnixMillis(NOW.0);
    process.journal.remember(&Reply {
        digest: digest("shop:m:3"),
        expires: gone,
        answer: answer.clone(),
    });
    drop(process);
    let process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    let answers: Vec<_> = (1..=3)
        .map(|number| {
            let own = digest(&format!("shop:m:{number}"));
            let claim = process
                .recovered
                .claims
                .iter()
                .find(|claim| claim.digest == own)
                .unwrap();
            claim.answer.clone()
        })
        .collect();
    assert_eq!(answers, [None, Some(answer), None]);
    drop(process);
    let later = UnixMillis(NOW.0 + 60_000);
    let process = Process::start_at(&sim, options(8 << 10, &NAMES), later).unwrap();
    assert!(process.recovered.claims.is_empty());
}

#[test]
fn destinations_are_known_by_name() {
    let sim = Sim::new(1);
    let mut process = Process::start(&sim, options(8 << 10, &["a", "b", "c"])).unwrap();
    process.keep(&Note::new(1, &[0], 10)).unwrap();
    process.keep(&Note::new(2, &[1], 10)).unwrap();
    let seq = process.keep(&Note::new(3, &[2], 10)).unwrap();
    process.journal.settle(2, &[seq]);
    drop(process);
    let mut process = Process::start(&sim, options(8 << 10, &["new", "b"])).unwrap();
    let names: Vec<_> = process
        .recovered
        .undelivered
        .iter()
        .map(|one| (one.name.as_str(), one.configured, one.count))
        .collect();
    assert_eq!(names, [("new", true, 0), ("b", true, 1), ("a", false, 1)]);
    assert_eq!(process.ids(1), ["shop:m:2"]);
    assert_eq!(process.ids(2), ["shop:m:1"]);
    process.keep(&Note::new(4, &[1], 10)).unwrap();
    assert!(matches!(
        process.append(&Note::new(5, &[2], 10)),
        Err(JournalError::Invalid(_))
    ));
    process.journal.settle(2, &[1]);
    drop(process);
    let process = Process::start(&sim, options(8 << 10, &["b"])).unwrap();
    assert_eq!(process.recovered.undelivered.len(), 1);
    assert_eq!(process.ids(0), ["shop:m:2", "shop:m:4"]);
}

#[test]
fn a_sealed_journal_shows_nothing_and_wants_its_key() {
    let sim = Sim::new(1);
    let sealed = |key: Option<u8>| Options {
        seal: key.map(|byte| SealKey::new([byte; 32])),
        ..options(8 << 10, &NAMES)
    };
    let mut process = Process::start(&sim, sealed(Some(7))).unwrap();
    let seqs = process.keep_all(&notes(100));
    process.journal.settle(0, &seqs[..30]);
    assert_eq!(process.undelivered(0).len(), 70);
    drop(process);
    for path in segments(&sim) {
        let bytes = sim.get(&path).unwrap();
        for secret in [&b"shop"[..], b"orders", b"oMgHV"] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret));
        }
    }
    for wrong in [None, Some(8)] {
        let error = Process::start(&sim, sealed(wrong)).err().unwrap();
        assert_eq!(error.code(), "key");
        assert!(error.to_string().contains("journal.key"));
    }
    let process = Process::start(&sim, sealed(Some(7))).unwrap();
    assert_eq!(process.recovered.damaged_bytes, 0);
    assert_eq!(process.undelivered(0).len(), 70);
    assert_eq!(process.undelivered(0)[0].1, "shop:m:31");
}

#[test]
fn a_full_journal_refuses_and_takes_again_once_something_is_settled() {
    let sim = Sim::new(1);
    let small = Options {
        max_bytes: 32 << 10,
        ..options(8 << 10, &NAMES)
    };
    let mut process = Process::start(&sim, small).unwrap();
    let (mut seqs, mut number) = (Vec::new(), 0);
    let refusal = loop {
        number += 1;
        let note = Note {
            lifetime: 0,
            ..Note::new(number, &[0], 500)
        };
        match process.append(&note) {
            Ok(seq) => assert!(process.wait(seq)),
            Err(error) => break error,
        }
        seqs.push(number);
    };
    assert_eq!(refusal.code(), "full");
    assert_eq!(process.undelivered(0).len(), seqs.len());
    process.journal.settle(0, &seqs);
    // What is settled goes on other threads; an append that is refused asks for it too.
    let note = Note {
        lifetime: 0,
        ..Note::new(number, &[0], 500)
    };
    let seq = loop {
        match process.append(&note) {
            Ok(seq) => break seq,
            Err(error) => assert_eq!(error.code(), "full"),
        }
        std::thread::yield_now();
    };
    assert!(process.wait(seq));
    assert_eq!(process.ids(0), [note.id()]);
}

#[test]
fn each_durability_keeps_what_it_says() {
    for durability in Durability::ALL {
        let sim = Sim::new(3);
        let kept = Options {
            durability,
            ..options(8 << 10, &NAMES)
        };
        let mut process = Process::start(&sim, kept.clone()).unwrap();
        process.keep_all(&notes(50));
        let syncs = process.journal.stats().counters.syncs;
        assert_eq!(
            durability.name() == "buffer",
            syncs == 0 || durability == Durability::Buffer
        );
        sim.kill();
        drop(process);
        let process = Process::start(&sim, kept).unwrap();
        assert_eq!(process.undelivered(0).len(), 50, "{durability:?}");
    }
}

#[test]
fn closing_ends_it() {
    let sim = Sim::new(1);
    let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    process.keep_all(&notes(3));
    process.journal.close();
    process.journal.close();
    assert_eq!(process.journal.progress().state, State::Closed);
    assert!(process.append(&notes(1)[0]).is_err());
    process.journal.settle(0, &[1]);
}

#[test]
fn what_was_settled_stays_settled_though_the_record_of_it_goes() {
    let sim = Sim::new(1);
    let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    process.keep(&Note::new(1, &[0, 1], 100)).unwrap();
    sim.kill();
    drop(process);
    // The second process only settles; its segment has no message and goes first.
    let process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    process.journal.settle(0, &[1]);
    process.journal.close();
    drop(process);
    let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    for number in 2..=60 {
        process.keep(&Note::new(number, &[1], 500)).unwrap();
    }
    sim.kill();
    drop(process);
    assert!(sim.get(&dir().join("0000000002.seg")).is_none());
    let process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    assert!(process.ids(0).is_empty());
    assert_eq!(process.ids(1).len(), 60);
}

#[test]
fn what_a_destination_took_stays_taken_while_it_is_not_configured() {
    for late in [false, true] {
        let sim = Sim::new(1);
        let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
        process.keep(&Note::new(1, &[0, 1], 100)).unwrap();
        sim.kill();
        drop(process);
        let process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
        process.journal.settle(1, &[1]);
        process.journal.close();
        drop(process);
        // It is not among the options, at most it is named later, and the record goes.
        let started = if late {
            Process::start_late(&sim, &options(8 << 10, &NAMES))
        } else {
            Process::start(&sim, options(8 << 10, &NAMES[..1]))
        };
        let mut process = started.unwrap();
        assert_eq!(process.recovered.undelivered.len(), 1);
        assert_eq!(
            process.journal.stats().unsettled.len(),
            1 + usize::from(late)
        );
        for number in 2..=60 {
            process.keep(&Note::new(number, &[0], 500)).unwrap();
        }
        sim.kill();
        drop(process);
        assert!(sim.get(&dir().join("0000000002.seg")).is_none());
        let process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
        assert!(process.ids(1).is_empty(), "late: {late}");
        assert_eq!(process.ids(0).len(), 60);
    }
}

#[test]
fn a_destination_that_is_gone_is_forgotten_with_its_messages() {
    let sim = Sim::new(1);
    let known = |sim: &Sim| {
        let files = segments(sim).into_iter().rev();
        let mut used = files
            .filter_map(|path| sim.get(&path))
            .filter(|bytes| bytes.first().is_some_and(|byte| *byte != 0));
        let last = used.next().unwrap();
        last.windows(NAMES[1].len())
            .any(|part| part == NAMES[1].as_bytes())
    };
    let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    let seq = process.keep(&Note::new(1, &[0, 1], 100)).unwrap();
    process.journal.settle(1, &[seq]);
    drop(process);
    let late = UnixMillis(NOW.0 + 120_000);
    let mut process = Process::start_at(&sim, options(8 << 10, &NAMES[..1]), late).unwrap();
    assert!(known(&sim), "its message is there");
    process.journal.settle(0, &[seq]);
    // The segment with the message goes as soon as another is begun.
    for number in 2..=60 {
        process.keep(&Note::new(number, &[0], 500)).unwrap();
    }
    drop(process);
    drop(Process::start_at(&sim, options(8 << 10, &NAMES[..1]), late).unwrap());
    assert!(!known(&sim));
}
