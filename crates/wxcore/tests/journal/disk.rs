//! The same on the real file system.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;

use wxcore::journal::disk::Disk;
use wxcore::journal::{Journal, JournalError, Progress};

use crate::support::{NOW, Note, options};

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wxcore-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(folder: &Folder) -> Result<(Journal, mpsc::Receiver<()>, u64), JournalError> {
    let (sender, receiver) = mpsc::channel();
    let on_commit = Box::new(move || {
        // Nobody listens any more once a test is over.
        let _ = sender.send(());
    });
    let names = options(1 << 20, &["a"]);
    let (journal, recovered) =
        Journal::open(Arc::new(Disk), &folder.0.join("00"), names, NOW, on_commit)?;
    Ok((journal, receiver, recovered.undelivered[0].count))
}

fn keep(journal: &Journal, commits: &mpsc::Receiver<()>, note: &Note) -> Progress {
    let seq = note.with(|entry| journal.append(&[*entry], NOW)).unwrap();
    loop {
        commits.recv().unwrap();
        let progress = journal.progress();
        if progress.durable >= seq {
            return progress;
        }
    }
}

#[test]
fn a_journal_on_disk_outlives_its_process() {
    let folder = Folder::new("outlives");
    for round in 0..3u64 {
        let (journal, commits, before) = open(&folder).unwrap();
        assert_eq!(before, round * 300);
        assert!(matches!(open(&folder), Err(JournalError::Locked)));
        for number in 1..=300 {
            let note = Note::new(round * 300 + number, &[0], 500);
            assert!(keep(&journal, &commits, &note).failed.is_empty());
        }
        let batch = journal.read(0, 0, 10_000, 1 << 30).unwrap();
        let numbers = 1..=(round + 1) * 300;
        assert!(batch.iter().map(|(seq, _)| seq).eq(numbers.clone()));
        assert!(
            batch.iter().zip(numbers).all(|((_, entry), number)| {
                entry.event == Note::new(number, &[0], 500).event()
            })
        );
    }
}

#[test]
fn a_folder_removed_under_it_is_noticed() {
    let folder = Folder::new("removed");
    let (journal, commits, _) = open(&folder).unwrap();
    assert!(
        keep(&journal, &commits, &Note::new(1, &[0], 10))
            .failed
            .is_empty()
    );
    std::fs::remove_dir_all(&folder.0).unwrap();
    assert_eq!(
        keep(&journal, &commits, &Note::new(2, &[0], 10)).failed,
        vec![2..3]
    );
}
