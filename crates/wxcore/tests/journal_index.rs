//! The index as the journal itself makes it: in the background, and again after a start.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wxcore::journal::disk::Disk;
use wxcore::journal::entry::{Destinations, Entry};
use wxcore::journal::index::files::IndexFiles;
use wxcore::journal::reader::{JournalReader, Order, Query};
use wxcore::journal::seal::SealKey;
use wxcore::journal::sidecar::{Place, Sidecar as _};
use wxcore::journal::{Journal, Options};
use wxcore::time::UnixMillis;

const MESSAGES: u64 = 2000;

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wxcore-{name}-{}", std::process::id()));
        Self(path)
    }

    /// Asserts that nobody else can look at what people wrote.
    fn is_private(&self) {
        let files = std::fs::read_dir(self.0.join("00")).unwrap();
        let files = files.map(|file| file.unwrap().path());
        for path in files.chain([self.0.clone(), self.0.join("00")]) {
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    }

    fn files(&self, ending: &str) -> Vec<String> {
        let listed = std::fs::read_dir(self.0.join("00")).unwrap();
        let names = listed.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(ending)).collect()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(dir: &Path, key: Option<&SealKey>) -> Journal {
    let mut options = Options::new(vec!["upstream:orders".to_owned(), "log:".to_owned()]);
    options.segment_bytes = 64 << 10;
    options.retain_ms = 1 << 40;
    options.retain_bytes = 1 << 40;
    options.sidecar = Some(Arc::new(IndexFiles::default()));
    options.seal = key.cloned();
    let on_commit = Box::new(|| {});
    Journal::open(
        Arc::new(Disk),
        &dir.join("00"),
        options,
        UnixMillis(0),
        on_commit,
    )
    .unwrap()
    .0
}

fn fill(journal: &Journal) {
    for seq in 1..=MESSAGES {
        let (id, user) = (format!("shop:m:{seq}"), format!("o{}", seq % 7));
        let now = UnixMillis(i64::try_from(seq).unwrap());
        let entry = Entry {
            id: &id,
            account: "shop",
            type_name: "wechat.official.text",
            key: &user,
            subject: Some(&user),
            accepted: now,
            lifetime: 10,
            destinations: Destinations::Indexes(&[0, 1]),
            wait: false,
            event: &[b'x'; 300],
        };
        assert_eq!(journal.append(&[entry], now).unwrap(), seq);
        if seq % 100 == 0 {
            while journal.progress().durable < seq {
                std::thread::yield_now();
            }
        }
    }
}

fn check(dir: &Path, key: Option<&SealKey>) {
    let reader = JournalReader::open(Arc::new(Disk), dir, key.cloned()).unwrap();
    let mut query = Query {
        order: Order::Oldest,
        ..Query::default()
    };
    query.filter.subject = Some("o3");
    let found = reader.find(&query).unwrap();
    let wanted: Vec<u64> = (1..=MESSAGES).filter(|seq| seq % 7 == 3).collect();
    assert_eq!(found.iter().map(|one| one.seq).collect::<Vec<_>>(), wanted);
    for one in &found {
        let settled = one.seq % 10 != 0;
        assert_eq!(
            one.undelivered.contains(&"upstream:orders".to_owned()),
            !settled,
            "{one:?}"
        );
        assert!(one.undelivered.contains(&"log:".to_owned()));
    }
    let stats = reader.stats().unwrap();
    assert_eq!(stats.messages, MESSAGES);
    assert_eq!(stats.undelivered["upstream:orders"].messages, MESSAGES / 10);
    assert_eq!(
        stats.undelivered["upstream:orders"].oldest,
        Some(UnixMillis(10))
    );
    assert_eq!(stats.undelivered["log:"].messages, MESSAGES);
    for folder in reader.verify().unwrap() {
        assert!(folder.is_sound(), "{folder:?}");
    }
}

fn live(name: &str, key: Option<&SealKey>) {
    let dir = Dir::new(name);
    let journal = open(&dir.0, key);
    fill(&journal);
    let settled: Vec<u64> = (1..=MESSAGES).filter(|seq| seq % 10 != 0).collect();
    journal.settle(0, &settled);
    journal.close();
    drop(journal);
    check(&dir.0, key);
    let made = dir.files(".idx");
    assert!(made.len() > 5, "{made:?}");
    dir.is_private();

    // What the process before did not get to is made at the next start.
    for name in &made {
        std::fs::remove_file(dir.0.join("00").join(name)).unwrap();
    }
    check(&dir.0, key);
    let journal = open(&dir.0, key);
    check(&dir.0, key);
    journal.close();
    assert!(dir.files(".idx").len() >= made.len());
    check(&dir.0, key);
}

#[test]
fn the_number_of_an_index_is_not_given_to_another_segment() {
    let dir = Dir::new("index-alone");
    std::fs::create_dir_all(dir.0.join("00")).unwrap();
    std::fs::write(dir.0.join("00/0000000007.idx"), b"of payments").unwrap();
    let journal = open(&dir.0, None);
    assert_eq!(dir.files(".seg"), ["0000000008.seg"]);
    drop(journal);
}

#[test]
fn a_reader_sees_what_the_journal_wrote() {
    live("index-plain", None);
}

#[test]
fn and_so_it_does_in_a_sealed_one() {
    live("index-sealed", Some(&SealKey::new([4; 32])));
}

#[test]
fn a_reader_beside_a_busy_writer_sees_a_sound_prefix() {
    let dir = Dir::new("index-busy");
    let journal = open(&dir.0, None);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| fill(&journal));
        let reader = loop {
            // The first segment appears when the journal begins it.
            if let Ok(reader) = JournalReader::open(Arc::new(Disk), &dir.0, None) {
                break reader;
            }
        };
        let mut before = 0;
        while !writing.is_finished() {
            let query = Query {
                order: Order::Oldest,
                ..Query::default()
            };
            let found = reader.find(&query).unwrap();
            let seqs: Vec<u64> = found.iter().map(|one| one.seq).collect();
            assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "{seqs:?}");
            assert!(seqs.len() >= before);
            before = seqs.len();
            for folder in reader.verify().unwrap() {
                assert!(folder.is_sound(), "{folder:?}");
            }
        }
    });
    journal.close();
}

/// A journal as version 1 wrote it, and the index of its first segment.
const V1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/journal-v1");
const V1_INDEX: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/journal-index-v1/0000000001.idx"
);

#[test]
fn version_1_can_be_read() {
    let reader = JournalReader::open(Arc::new(Disk), Path::new(V1), None).unwrap();
    let query = Query {
        order: Order::Oldest,
        ..Query::default()
    };
    let found = reader.find(&query).unwrap();
    let seqs: Vec<u64> = found.iter().map(|one| one.seq).collect();
    assert_eq!(seqs, (1..=30).collect::<Vec<u64>>());
    assert!(reader.verify().unwrap()[0].is_sound());
}

#[test]
fn the_index_of_version_1_is_still_what_is_made() {
    let dir = Dir::new("index-v1");
    std::fs::create_dir_all(dir.0.join("00")).unwrap();
    let folder = dir.0.join("00");
    std::fs::copy(
        Path::new(V1).join("0000000001.seg"),
        folder.join("0000000001.seg"),
    )
    .unwrap();
    let place = Place {
        fs: &Disk,
        dir: &folder,
        key: None,
    };
    IndexFiles::default().on_full(place, 1, &[]).unwrap();
    let made = std::fs::read(folder.join("0000000001.idx")).unwrap();
    assert_eq!(made, std::fs::read(V1_INDEX).unwrap());
}
