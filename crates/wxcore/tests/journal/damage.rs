//! What lies on the disk is not what was written: cut, flipped, zeroed, gone, of another version.

use std::path::Path;

use wxcore::journal::JournalError;
use wxcore::journal::entry::{Destinations, Entry};
use wxcore::journal::segment::PAGE;
use wxcore::journal::sim::Sim;

use crate::support::{Note, Process, copy, dir, options, segments};

const NAMES: [&str; 2] = ["a", "b"];

/// A machine on which a process was killed that had kept `count` messages in one segment.
fn small(count: u64) -> Sim {
    let sim = Sim::new(5);
    let mut process = Process::start(&sim, options(16 << 10, &NAMES)).unwrap();
    for number in 1..=count {
        process.keep(&Note::new(number, &[0], 40)).unwrap();
    }
    process.journal.settle(0, &[2]);
    process.keep(&Note::new(count + 1, &[1], 40)).unwrap();
    sim.kill();
    sim
}

/// The file with messages: the one that is not blank.
fn used(sim: &Sim) -> (std::path::PathBuf, Vec<u8>) {
    let files = segments(sim)
        .into_iter()
        .map(|path| (path.clone(), sim.get(&path).unwrap()));
    let mut files = files;
    files
        .rfind(|(_, bytes)| bytes.iter().any(|byte| *byte != 0))
        .unwrap()
}

fn end(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
}

#[test]
fn cut_anywhere_it_holds_a_prefix() {
    let sim = small(6);
    let (path, bytes) = used(&sim);
    let mut counts = Vec::new();
    for cut in 0..end(&bytes) {
        let other = copy(&sim, 1);
        other.put(&path, bytes[..cut].to_vec());
        let process = Process::start(&other, options(16 << 10, &NAMES)).unwrap();
        let found = process.ids(0);
        let whole = process.recovered.messages.min(6);
        let settled = whole == 6 && found.len() == 5;
        let expected: Vec<String> = (1..=whole)
            .filter(|number| !(settled && *number == 2))
            .map(|number| format!("shop:m:{number}"))
            .collect();
        assert_eq!(found, expected, "{cut}");
        assert_eq!(process.recovered.damaged_bytes, 0);
        counts.push(found.len());
    }
    assert_eq!((counts[0], counts[counts.len() - 1]), (0, 5));
}

#[test]
fn a_flip_anywhere_costs_one_record_and_is_told() {
    let sim = small(6);
    let (path, bytes) = used(&sim);
    let last = end(&bytes);
    for at in 0..last {
        let mut hurt = bytes.clone();
        hurt[at] ^= 0x41;
        let other = copy(&sim, 1);
        other.put(&path, hurt);
        let process = Process::start(&other, options(16 << 10, &NAMES)).unwrap();
        let mut found = process.ids(0);
        let total = found.len() + process.ids(1).len();
        // All but the settled one are there, or one of them is lost, or it comes back.
        assert!((5..=7).contains(&total), "{at}: {total}");
        found.retain(|id| id != "shop:m:2");
        assert!(found.is_sorted());
        let recovered = &process.recovered;
        let told = recovered.damaged_bytes + recovered.torn_bytes + recovered.lost_messages;
        if at >= PAGE {
            let tail_epoch = total == 5 && told == 0;
            assert!(told > 0 || tail_epoch, "{at}: nobody was told");
        }
    }
}

#[test]
fn a_flip_in_an_earlier_segment_is_damage() {
    let sim = Sim::new(5);
    let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    for number in 1..=60 {
        process.keep(&Note::new(number, &[0], 200)).unwrap();
    }
    drop(process);
    let path = segments(&sim)[1].clone();
    let bytes = sim.get(&path).unwrap();
    let (from, to) = (PAGE + 200, end(&bytes));
    for at in (from..to).step_by(7) {
        let mut hurt = bytes.clone();
        hurt[at] ^= 2;
        let other = copy(&sim, 1);
        other.put(&path, hurt);
        let process = Process::start(&other, options(8 << 10, &NAMES)).unwrap();
        let left = process.ids(0).len();
        assert_eq!(process.recovered.lost_messages, 60 - left as u64, "{at}");
        assert!(left >= 59, "{at}");
    }
}

#[test]
fn a_zeroed_page_is_survived_wherever_it_is() {
    let sim = Sim::new(5);
    let mut process = Process::start(&sim, options(16 << 10, &NAMES)).unwrap();
    for number in 1..=100 {
        process.keep(&Note::new(number, &[0], 200)).unwrap();
    }
    drop(process);
    for path in segments(&sim) {
        let bytes = sim.get(&path).unwrap();
        for page in 0..bytes.len() / PAGE {
            let mut hurt = bytes.clone();
            hurt[page * PAGE..(page + 1) * PAGE].fill(0);
            let other = copy(&sim, 1);
            other.put(&path, hurt);
            let process = Process::start(&other, options(16 << 10, &NAMES)).unwrap();
            let left = process.ids(0).len();
            let floor = if page == 0 { 100 } else { 78 };
            assert!(left >= floor, "{path:?} {page}: {left}");
        }
    }
}

#[test]
fn a_missing_segment_is_counted_and_the_rest_goes_on() {
    let sim = Sim::new(5);
    let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    for number in 1..=60 {
        process.keep(&Note::new(number, &[0], 200)).unwrap();
    }
    drop(process);
    let gone = Sim::new(1);
    for path in sim
        .paths()
        .iter()
        .filter(|path| !path.ends_with("0000000002.seg"))
    {
        gone.put(path, sim.get(path).unwrap());
    }
    let mut process = Process::start(&gone, options(8 << 10, &NAMES)).unwrap();
    assert_eq!(process.recovered.missing_segments, [2]);
    assert!(process.ids(0).len() > 30);
    process.keep(&Note::new(61, &[0], 10)).unwrap();
    drop(process);
    let process = Process::start(&gone, options(8 << 10, &NAMES)).unwrap();
    assert!(process.recovered.missing_segments.is_empty());
}

#[test]
fn a_segment_without_any_header_is_set_aside() {
    let sim = Sim::new(5);
    sim.put(&dir().join("0000000003.seg"), vec![7; 20_000]);
    let process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    assert_eq!(process.recovered.unreadable_segments, [3]);
    drop(process);
    assert!(sim.get(&dir().join("0000000003.bad")).is_some());
    let process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    assert!(process.recovered.unreadable_segments.is_empty());
}

#[test]
fn another_version_is_refused_and_nothing_is_touched() {
    let sim = small(3);
    let (path, mut bytes) = used(&sim);
    for copy in [0, 2048] {
        bytes[copy + 8] = 9;
        let crc = crc32c::crc32c(&bytes[copy..copy + 76]);
        bytes[copy + 76..copy + 80].copy_from_slice(&crc.to_le_bytes());
    }
    let other = copy(&sim, 1);
    other.put(&path, bytes.clone());
    let error = Process::start(&other, options(16 << 10, &NAMES))
        .err()
        .unwrap();
    assert!(matches!(error, JournalError::Version { version: 9, .. }));
    assert_eq!(error.code(), "version");
    assert_eq!(other.get(&path), Some(bytes));
}

#[test]
fn a_message_that_rots_while_the_process_runs_is_left_out_and_counted() {
    let sim = Sim::new(5);
    let mut process = Process::start(&sim, options(16 << 10, &NAMES)).unwrap();
    for number in 1..=5 {
        process.keep(&Note::new(number, &[0], 200)).unwrap();
    }
    let (path, mut bytes) = used(&sim);
    let id = b"shop:m:3";
    let at = bytes.windows(id.len()).position(|part| part == id).unwrap();
    bytes[at] ^= 1;
    sim.put(&path, bytes);
    let batch = process.journal.read(0, 0, 100, 1 << 20).unwrap();
    assert_eq!(
        (batch.len(), batch.unreadable.clone(), batch.position),
        (4, vec![3], 5)
    );
    assert_eq!(process.journal.stats().counters.unreadable, 1);
}

#[test]
fn random_files_never_panic() {
    let mut seed = 1u64;
    for _ in 0..200 {
        let sim = small(2);
        let (path, mut bytes) = used(&sim);
        for _ in 0..20 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (seed >> 33) as usize % end(&bytes);
            bytes[at] = seed.to_le_bytes()[3];
        }
        let other = copy(&sim, 1);
        other.put(&path, bytes);
        let _ = Process::start(&other, options(16 << 10, &NAMES)).map(|process| process.ids(0));
    }
}

/// Format 1 as it was first written: it must open for ever.
#[test]
fn journals_of_format_1_open() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal-v1");
    let sim = Sim::new(1);
    for item in std::fs::read_dir(&folder).unwrap() {
        let path = item.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        sim.put(&dir().join(path.file_name().unwrap()), bytes);
    }
    let process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    let recovered = &process.recovered;
    assert_eq!(
        (
            recovered.damaged_bytes,
            recovered.torn_bytes,
            recovered.lost_messages
        ),
        (0, 0, 0)
    );
    assert_eq!(recovered.messages, 30);
    let expected: Vec<String> = (1..=30)
        .filter(|number| number % 3 != 0)
        .map(|number| format!("shop:m:{number}"))
        .collect();
    assert_eq!(process.ids(0), expected);
    assert_eq!(process.ids(1).len(), 30);
    assert!(
        recovered
            .claims
            .iter()
            .any(|claim| claim.answer.as_deref() == Some(b"success"))
    );
    let note = Note::new(7, &[0, 1], 300);
    let batch = process.journal.read(1, 6, 1, 1).unwrap();
    let (seq, entry) = batch.iter().next().unwrap();
    let same = note.with(|own| {
        Entry {
            destinations: Destinations::Indexes(&note.to),
            ..*own
        } == entry
    });
    assert!(same && seq == 7, "{seq} {entry:?}");
}

/// Writes the fixture of the test above; run by hand when a format is born.
#[test]
#[ignore = "writes tests/fixtures/journal-v1"]
fn write_format_1() {
    let sim = Sim::new(1);
    let mut process = Process::start(&sim, options(8 << 10, &NAMES)).unwrap();
    for number in 1..=30 {
        let seq = process.keep(&Note::new(number, &[0, 1], 300)).unwrap();
        if number % 3 == 0 {
            process.journal.settle(0, &[seq]);
        }
    }
    process.journal.remember(&wxcore::journal::Reply {
        digest: wxcore::journal::entry::digest("shop:m:30"),
        expires: wxcore::time::UnixMillis(crate::support::NOW.0 + 60_000),
        answer: b"success".to_vec(),
    });
    drop(process);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal-v1");
    std::fs::create_dir_all(&folder).unwrap();
    for path in segments(&sim) {
        let bytes = sim.get(&path).unwrap();
        if bytes.iter().all(|byte| *byte == 0) {
            continue;
        }
        std::fs::write(folder.join(path.file_name().unwrap()), bytes).unwrap();
    }
}
