//! Durable appends beside what the disk itself gives, and how long a start takes.
//!
//! `cargo run --release --bin journal -- FOLDER`, FOLDER being on the disk in question. For groups of
//! 1, 16, 64 and 256 records of 1 KB: the disk's own rate of write + fdatasync into a file whose
//! blocks are there, then the journal's, one group waiting behind another; both in turn, nine times,
//! medians; "of the disk" is the median of each pair's ratio, since a shared disk drifts. The
//! journal's messages are delivered as they come, so that its segments are used again, as they are
//! in a gateway that has run for a while. Then a journal of 1 GB is opened, all of it undelivered.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use wxcore::journal::disk::Disk;
use wxcore::journal::entry::{Destinations, Entry};
use wxcore::journal::{Durability, Journal, Options, Recovered};
use wxcore::time::UnixMillis;

const NOW: UnixMillis = UnixMillis(1_764_000_000_000);
const SPAN: Duration = Duration::from_millis(300);
const SEGMENT: u64 = 16 << 20;
const ROUNDS: usize = 9;
const RECORD: usize = 1024;

fn main() {
    let folder = std::env::args()
        .nth(1)
        .map(PathBuf::from)
        .expect("a folder");
    let folder = folder.join("wxgate-journal-bench");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    println!("| records | disk: groups/s | journal: groups/s | of the disk | records/s | MB/s |");
    println!("|---|---|---|---|---|---|");
    for group in [1, 16, 64, 256] {
        row(&folder, group);
    }
    recovery(&folder);
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}

fn row(folder: &Path, group: usize) {
    let (mut disk, mut journal) = (Vec::new(), Vec::new());
    let running = running(&folder.join("kept"));
    for _ in 0..ROUNDS {
        disk.push(raw(&folder.join("raw"), group));
        journal.push(rate(&running, group));
    }
    let mut ratios: Vec<f64> = journal
        .iter()
        .zip(&disk)
        .map(|(own, raw)| own / raw)
        .collect();
    let ratio = median(&mut ratios);
    let (disk, journal) = (median(&mut disk), median(&mut journal));
    let records = journal * group as f64;
    println!(
        "| {group} | {disk:.0} | {journal:.0} | {:.0} % | {records:.0} | {:.1} |",
        100.0 * ratio,
        records * RECORD as f64 / 1e6,
    );
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Groups a second that the disk takes.
fn raw(path: &Path, group: usize) -> f64 {
    let size = 64 << 20;
    let file = std::fs::File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .open(path);
    let file = file.expect("a file");
    file.write_all_at(&vec![0; size], 0).expect("written");
    file.sync_all().expect("synced");
    let bytes = vec![7; group * RECORD];
    let (start, mut count, mut at) = (Instant::now(), 0u32, 0);
    while start.elapsed() < SPAN {
        if at + bytes.len() > size {
            at = 0;
        }
        file.write_all_at(&bytes, at as u64).expect("written");
        file.sync_data().expect("synced");
        at += bytes.len();
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

struct Kept {
    journal: Journal,
    commits: Receiver<()>,
    recovered: Recovered,
}

fn open(dir: &Path, durability: Durability) -> Kept {
    let (sender, commits) = mpsc::channel();
    let on_commit = Box::new(move || {
        let _ = sender.send(());
    });
    let options = Options {
        durability,
        segment_bytes: SEGMENT,
        ..Options::new(vec!["a".to_owned()])
    };
    let (journal, recovered) =
        Journal::open(Arc::new(Disk), dir, options, NOW, on_commit).expect("it opens");
    Kept {
        journal,
        commits,
        recovered,
    }
}

impl Kept {
    /// Appends one group; returns the number of its last message.
    fn append(&self, count: usize, event: &[u8]) -> u64 {
        let entry = Entry {
            id: "shop:m:24539081234567890",
            account: "shop",
            type_name: "wechat.official.text",
            key: "oMgHVjngRipVsoxg6TuX3vz6glDg",
            subject: Some("oMgHVjngRipVsoxg6TuX3vz6glDg"),
            accepted: NOW,
            lifetime: 0,
            destinations: Destinations::Indexes(&[0]),
            wait: false,
            event,
        };
        let entries = vec![entry; count];
        let first = self.journal.append(&entries, NOW).expect("it is taken");
        first + count as u64 - 1
    }

    /// Waits for a group, and has its messages delivered.
    fn take(&self, last: u64, count: usize) {
        self.wait(last);
        let seqs: Vec<u64> = (last + 1 - count as u64..=last).collect();
        self.journal.settle(0, &seqs);
    }

    /// Waits until a message is on disk.
    fn wait(&self, last: u64) {
        loop {
            let progress = self.journal.progress();
            assert!(progress.failed.is_empty());
            if progress.durable >= last {
                return;
            }
            self.commits.recv().expect("the committer lives");
        }
    }
}

/// An event that makes the frame 1 KB.
fn event() -> Vec<u8> {
    vec![b'x'; RECORD - 160]
}

/// A journal that has come to use its segments again.
fn running(dir: &Path) -> Kept {
    let _ = std::fs::remove_dir_all(dir);
    let kept = open(dir, Durability::Data);
    let event = event();
    while kept.journal.stats().counters.recycled < 4 {
        let last = kept.append(64, &event);
        kept.take(last, 64);
    }
    kept
}

/// Groups a second that the journal keeps: one waits while the one before it is on its way, as it is
/// under load; the committer takes one at a time.
fn rate(kept: &Kept, group: usize) -> f64 {
    let event = event();
    let (start, mut count) = (Instant::now(), 0u32);
    let mut under_way = kept.append(group, &event);
    while start.elapsed() < SPAN {
        let next = kept.append(group, &event);
        kept.take(under_way, group);
        under_way = next;
        count += 1;
    }
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    kept.take(under_way, group);
    rate
}

fn recovery(folder: &Path) {
    let dir = folder.join("large");
    let kept = open(&dir, Durability::Buffer);
    let event = event();
    let groups = (1 << 30) / RECORD / 1024;
    for _ in 0..groups {
        kept.wait(kept.append(1024, &event));
    }
    drop(kept);
    let start = Instant::now();
    let kept = open(&dir, Durability::Data);
    let took = start.elapsed();
    assert_eq!(kept.recovered.messages, groups as u64 * 1024);
    println!(
        "\n1 GB, {} undelivered: opened in {took:?}",
        kept.recovered.undelivered[0].count
    );
}
