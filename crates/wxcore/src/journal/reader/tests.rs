//! The reader over folders that are written frame by frame, as a gateway would leave them.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::journal::disk::Disk;
use crate::journal::entry::{Destinations, digest};
use crate::journal::frame::{self, Kind};
use crate::journal::fs::{File, Lock, Mode};
use crate::journal::index::files::{self, IndexFiles};
use crate::journal::record::{Checkpoint, Listed, Reply, Stand, put_settled, put_void};
use crate::journal::seal::TAG;
use crate::journal::segment::{Header, PAGE};
use crate::journal::sidecar::{Place, Sidecar as _};

const NAMES: [&str; 2] = ["upstream:orders", "log:"];

/// A directory that goes away with the test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wxcore-reader-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn worker(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn reader(&self) -> JournalReader {
        JournalReader::open(Arc::new(Disk), &self.0, None).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A segment in the making.
struct Writer {
    header: Header,
    bytes: Vec<u8>,
    key: Option<SealKey>,
}

impl Writer {
    fn new(number: u64, first_seq: u64) -> Self {
        Self::sealed(number, first_seq, None)
    }

    fn sealed(number: u64, first_seq: u64, key: Option<&SealKey>) -> Self {
        let salt = [7; 16];
        let header = Header {
            epoch: 0x0101_0101 + u32::try_from(number).unwrap(),
            number,
            first_seq,
            created: UnixMillis(0),
            sealed: key.map(|key| (salt, key.segment(&salt).unwrap().1)),
            names: segment::names(&NAMES),
        };
        Self {
            bytes: header.page(),
            header,
            key: key.cloned(),
        }
    }

    fn frame(&mut self, kind: Kind, seq: u64, fill: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        let start = self.bytes.len();
        let tag = if self.key.is_some() { TAG } else { 0 };
        frame::begin(&mut self.bytes, kind, seq, tag, fill);
        let frame = &mut self.bytes[start..];
        frame::set_epoch(frame, self.header.epoch);
        if let Some(key) = &self.key {
            let (sealer, _) = key.segment(&[7; 16]).unwrap();
            sealer
                .seal(frame, seq, u32::try_from(start).unwrap())
                .unwrap();
        }
        frame::set_crc(frame);
        self
    }

    fn checkpoint(&mut self, cursor: u64, unsettled: Range<u64>, live: &[u64]) -> &mut Self {
        let checkpoint = Checkpoint {
            destinations: NAMES
                .iter()
                .map(|name| Stand {
                    name: (*name).to_owned(),
                    cursor,
                    unsettled: Some(unsettled.clone())
                        .into_iter()
                        .filter(|run| !run.is_empty())
                        .collect(),
                })
                .collect(),
            segments: live
                .iter()
                .map(|number| Listed {
                    number: *number,
                    first_seq: 1,
                    last_seq: 1,
                    pending: true,
                    claims_until: UnixMillis(0),
                })
                .collect(),
        };
        self.frame(Kind::Checkpoint, cursor, |out| checkpoint.put(out))
    }

    /// A message of user `u{seq % 3}`, accepted at second `seq`, for both destinations.
    fn message(&mut self, seq: u64) -> &mut Self {
        let (id, subject) = (format!("shop:m:{seq}"), format!("u{}", seq % 3));
        let entry = Entry {
            id: &id,
            account: "shop",
            type_name: "wechat.official.text",
            key: &subject,
            subject: Some(&subject),
            accepted: UnixMillis(i64::try_from(seq).unwrap() * 1000),
            lifetime: 60_000,
            destinations: Destinations::Indexes(&[0, 1]),
            wait: false,
            event: br#"{"data":{"Content":"secret words"}}"#,
        };
        self.frame(Kind::Message, seq, |out| entry.encode(out))
    }

    fn messages(&mut self, seqs: Range<u64>) -> &mut Self {
        for seq in seqs {
            self.message(seq);
        }
        self
    }

    fn settled(&mut self, at: u64, destination: u16, seqs: &[u64]) -> &mut Self {
        self.frame(Kind::Settled, at, |out| put_settled(out, destination, seqs))
    }

    /// Zero-filled ahead, as the gateway leaves it.
    fn save(&self, dir: &Path) {
        let mut bytes = self.bytes.clone();
        bytes.resize(bytes.len() + 5000, 0);
        fs::write(dir.join(segment::file_name(self.header.number)), bytes).unwrap();
    }
}

fn index(dir: &Path, number: u64, void: &[Range<u64>]) {
    let place = Place {
        fs: &Disk,
        dir,
        key: None,
    };
    IndexFiles::default().on_full(place, number, void).unwrap();
}

/// Segments 1 (messages 1..=10) and 2 (11..=15); 1 is indexed.
fn two(dir: &Dir) -> PathBuf {
    let worker = dir.worker("00");
    Writer::new(1, 1)
        .checkpoint(0, 0..0, &[1])
        .messages(1..11)
        .save(&worker);
    index(&worker, 1, &[]);
    let mut second = Writer::new(2, 11);
    second
        .checkpoint(8, 3..5, &[1, 2])
        .messages(11..16)
        .settled(15, 0, &[3, 9, 11]);
    second.save(&worker);
    worker
}

fn seqs(found: &[Stored]) -> Vec<u64> {
    found.iter().map(|one| one.seq).collect()
}

#[test]
fn it_finds_by_user_and_time_in_either_order_across_segments() {
    let dir = Dir::new();
    two(&dir);
    let reader = dir.reader();
    let mut query = Query::default();
    query.filter.subject = Some("u1");
    assert_eq!(seqs(&reader.find(&query).unwrap()), [13, 10, 7, 4, 1]);
    query.order = Order::Oldest;
    query.filter.since = Some(UnixMillis(4000));
    query.filter.until = Some(UnixMillis(13_000));
    assert_eq!(seqs(&reader.find(&query).unwrap()), [4, 7, 10]);
    query.limit = 2;
    assert_eq!(seqs(&reader.find(&query).unwrap()), [4, 7]);
    query.filter.account = Some("other");
    assert!(reader.find(&query).unwrap().is_empty());
}

#[test]
fn it_finds_by_id_and_shows_all_of_a_message() {
    let dir = Dir::new();
    two(&dir);
    let reader = dir.reader();
    for id in ["shop:m:4", "shop:m:12"] {
        let found = reader
            .find(&Query {
                id: Some(id),
                ..Query::default()
            })
            .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].id, id);
    }
    let found = reader.get("00", 4).unwrap().unwrap();
    assert_eq!(found.id, "shop:m:4");
    assert_eq!(found.subject.as_deref(), Some("u1"));
    assert_eq!(found.accepted, UnixMillis(4000));
    assert!(found.event.starts_with(b"{\"data\""));
    assert_eq!(reader.get("00", 99).unwrap(), None);
    assert_eq!(reader.get("01", 4).unwrap(), None);
}

#[test]
fn what_waits_is_what_checkpoint_and_settled_leave() {
    let dir = Dir::new();
    two(&dir);
    let reader = dir.reader();
    let waits = |seq| reader.get("00", seq).unwrap().unwrap().undelivered;
    assert_eq!(waits(2), [""; 0]);
    assert_eq!(
        waits(3),
        ["log:"],
        "settled after the checkpoint, for one of them"
    );
    assert_eq!(waits(4), NAMES, "below the cursor, and not settled");
    assert_eq!(waits(8), [""; 0]);
    assert_eq!(waits(9), ["log:"], "beyond the cursor");
    assert_eq!(waits(12), NAMES);

    let stats = reader.stats().unwrap();
    assert_eq!((stats.segments, stats.messages), (2, 15));
    assert_eq!(stats.accepted, Some((UnixMillis(1000), UnixMillis(15_000))));
    let waiting = |messages, oldest| Waiting {
        messages,
        oldest: Some(UnixMillis(oldest)),
    };
    assert_eq!(
        stats.undelivered["upstream:orders"],
        waiting(1 + 1 + 4, 4000)
    );
    assert_eq!(stats.undelivered["log:"], waiting(2 + 2 + 5, 3000));
}

#[test]
fn workers_are_read_together() {
    let dir = Dir::new();
    two(&dir);
    let other = dir.worker("01");
    Writer::new(1, 1)
        .checkpoint(0, 0..0, &[1])
        .messages(1..3)
        .save(&other);
    let query = Query {
        limit: 5,
        order: Order::Oldest,
        ..Query::default()
    };
    let found = dir.reader().find(&query).unwrap();
    let places: Vec<_> = found
        .iter()
        .map(|one| (one.folder.as_str(), one.seq))
        .collect();
    assert_eq!(
        places,
        [("00", 1), ("01", 1), ("00", 2), ("01", 2), ("00", 3)]
    );
    assert_eq!(dir.reader().stats().unwrap().messages, 17);

    let alone = JournalReader::open(Arc::new(Disk), &other, None).unwrap();
    assert_eq!(seqs(&alone.find(&query).unwrap()), [1, 2]);
}

#[test]
fn a_missing_or_damaged_index_changes_no_answer() {
    let dir = Dir::new();
    let worker = two(&dir);
    let path = worker.join(files::file_name(1));
    let sound = fs::read(&path).unwrap();
    let answers = || {
        let reader = dir.reader();
        let id = Query {
            id: Some("shop:m:4"),
            ..Query::default()
        };
        (
            reader.find(&Query::default()).unwrap(),
            reader.find(&id).unwrap(),
            reader.stats().unwrap(),
        )
    };
    let wanted = answers();
    for at in (0..sound.len()).step_by(7) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x20;
        fs::write(&path, bytes).unwrap();
        assert_eq!(answers(), wanted, "byte {at}");
    }
    fs::write(&path, &sound[..100]).unwrap();
    assert_eq!(answers(), wanted);
    fs::remove_file(&path).unwrap();
    assert_eq!(answers(), wanted);
}

#[test]
fn the_index_of_another_life_of_a_file_is_not_believed() {
    let dir = Dir::new();
    let worker = two(&dir);
    let mut again = Writer::new(1, 1);
    again.header.epoch = 0x0909_0909;
    again.bytes = again.header.page();
    again.checkpoint(0, 0..0, &[1]).messages(5..8).save(&worker);
    let query = Query {
        order: Order::Oldest,
        ..Query::default()
    };
    assert_eq!(seqs(&dir.reader().find(&query).unwrap())[..3], [5, 6, 7]);
}

#[test]
fn a_torn_tail_is_the_end_and_no_damage() {
    let dir = Dir::new();
    let worker = two(&dir);
    let path = worker.join(segment::file_name(2));
    let mut writer = Writer::new(2, 11);
    writer.checkpoint(10, 0..0, &[1, 2]).messages(11..13);
    let end = writer.bytes.len();
    writer.message(13);
    // The next one, prepared and not begun.
    fs::write(worker.join(segment::file_name(3)), [0; 4096]).unwrap();
    for cut in end + 1..writer.bytes.len() {
        let mut bytes = writer.bytes[..cut].to_vec();
        bytes.resize(writer.bytes.len() + 100, 0);
        fs::write(&path, bytes).unwrap();
        let query = Query {
            limit: 1,
            ..Query::default()
        };
        assert_eq!(seqs(&dir.reader().find(&query).unwrap()), [12]);
        assert!(dir.reader().verify().unwrap()[0].is_sound());
    }
}

#[test]
fn verify_tells_every_kind_of_damage() {
    let dir = Dir::new();
    let worker = two(&dir);
    let sound = dir.reader().verify().unwrap();
    assert!(sound[0].is_sound(), "{sound:?}");
    assert_eq!(sound[0].segments[0].records, [10, 0, 1, 0, 0]);
    assert_eq!(sound[0].segments[0].seqs, Some((1, 10)));
    assert_eq!(sound[0].segments[1].records, [5, 1, 1, 0, 0]);
    assert_eq!(
        (sound[0].segments[0].index, sound[0].segments[1].index),
        ("sound", "none")
    );

    let first = worker.join(segment::file_name(1));
    let bytes = fs::read(&first).unwrap();
    let problems = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = bytes.clone();
        change(&mut changed);
        fs::write(&first, changed).unwrap();
        let report = dir.reader().verify().unwrap().remove(0);
        fs::write(&first, &bytes).unwrap();
        assert!(!report.is_sound());
        report.segments[0].problems.join("; ")
    };
    assert!(problems(&|bytes| bytes[PAGE + 400] ^= 1).contains("cannot be read"));
    assert!(problems(&|bytes| bytes[..PAGE].fill(0x55)).contains("header cannot be read"));
    let version = |bytes: &mut Vec<u8>| {
        bytes[8] = 9;
        let crc = crc32c::crc32c(&bytes[..76]).to_le_bytes();
        bytes[76..80].copy_from_slice(&crc);
    };
    assert!(problems(&version).contains("format version 9"));
    let index = worker.join(files::file_name(1));
    fs::write(&index, b"nonsense").unwrap();
    assert!(problems(&|_| {}).contains("index"));
    fs::remove_file(&index).unwrap();
    fs::remove_file(&first).unwrap();
    assert_eq!(dir.reader().verify().unwrap()[0].missing, [1]);
}

#[test]
fn an_unknown_version_is_an_error_and_a_prepared_segment_is_nothing() {
    let dir = Dir::new();
    let worker = two(&dir);
    fs::write(worker.join(segment::file_name(3)), [0; 9000]).unwrap();
    assert_eq!(dir.reader().find(&Query::default()).unwrap().len(), 15);
    assert!(dir.reader().verify().unwrap()[0].is_sound());
    let mut page = Writer::new(3, 16).bytes;
    page[8] = 2;
    let crc = crc32c::crc32c(&page[..76]).to_le_bytes();
    page[76..80].copy_from_slice(&crc);
    fs::write(worker.join(segment::file_name(3)), page).unwrap();
    let error = dir.reader().find(&Query::default()).unwrap_err();
    assert_eq!(error.code(), "version");
}

#[test]
fn void_messages_are_nowhere_also_if_a_later_segment_says_so() {
    let dir = Dir::new();
    let worker = two(&dir);
    let mut second = Writer::new(2, 11);
    second.checkpoint(0, 0..0, &[1, 2]);
    second
        .frame(Kind::Void, 10, |out| put_void(out, &(9..11)))
        .messages(11..13)
        .save(&worker);
    let reader = dir.reader();
    let query = Query {
        limit: 4,
        ..Query::default()
    };
    assert_eq!(seqs(&reader.find(&query).unwrap()), [12, 11, 8, 7]);
    assert_eq!(reader.get("00", 9).unwrap(), None);
    assert_eq!(
        reader
            .find(&Query {
                id: Some("shop:m:9"),
                ..query
            })
            .unwrap(),
        []
    );
    assert_eq!(reader.stats().unwrap().messages, 10);
    let void = 9..11;
    index(&worker, 1, std::slice::from_ref(&void));
    assert!(reader.verify().unwrap()[0].is_sound());
    let place = Place {
        fs: &Disk,
        dir: &worker,
        key: None,
    };
    let claims = IndexFiles::default()
        .claims(place, &[2], UnixMillis(0))
        .unwrap();
    assert_eq!(
        claims.len(),
        8,
        "a message that was never acknowledged claims nothing"
    );
}

#[test]
fn a_lost_checkpoint_makes_it_look_further_back() {
    let dir = Dir::new();
    let worker = dir.worker("00");
    let mut first = Writer::new(1, 1);
    first
        .checkpoint(0, 0..0, &[1])
        .messages(1..5)
        .settled(4, 0, &[1, 2])
        .save(&worker);
    index(&worker, 1, &[]);
    // Begun a moment ago: the header is there, the checkpoint not yet.
    Writer::new(2, 5).save(&worker);
    let reader = dir.reader();
    assert_eq!(reader.get("00", 2).unwrap().unwrap().undelivered, ["log:"]);
    assert_eq!(reader.get("00", 3).unwrap().unwrap().undelivered, NAMES);
}

#[test]
fn a_sealed_journal_opens_with_its_key_alone() {
    let dir = Dir::new();
    let worker = dir.worker("00");
    let key = SealKey::new([9; 32]);
    let mut first = Writer::sealed(1, 1, Some(&key));
    first
        .checkpoint(0, 0..0, &[1])
        .messages(1..5)
        .settled(4, 0, &[1, 2])
        .save(&worker);
    Writer::sealed(2, 5, Some(&key))
        .checkpoint(4, 0..0, &[1, 2])
        .messages(5..7)
        .save(&worker);
    let place = Place {
        fs: &Disk,
        dir: &worker,
        key: Some(&key),
    };
    IndexFiles::default().on_full(place, 1, &[]).unwrap();
    for name in [segment::file_name(1), files::file_name(1)] {
        let bytes = fs::read(worker.join(name)).unwrap();
        for word in ["secret words", "shop", "u1"] {
            assert!(
                !bytes
                    .windows(word.len())
                    .any(|part| part == word.as_bytes())
            );
        }
    }
    let open = |key| JournalReader::open(Arc::new(Disk), &dir.0, key).unwrap();
    for wrong in [None, Some(SealKey::new([8; 32]))] {
        let reader = open(wrong);
        assert_eq!(reader.find(&Query::default()).unwrap_err().code(), "key");
        assert_eq!(reader.verify().unwrap_err().code(), "key");
    }
    let reader = open(Some(key));
    let found = reader.find(&Query::default()).unwrap();
    assert_eq!(seqs(&found), [6, 5, 4, 3, 2, 1]);
    assert!(found[5].event.ends_with(b"secret words\"}}"));
    let report = reader.verify().unwrap();
    assert!(report[0].is_sound(), "{report:?}");
    assert_eq!(report[0].segments[0].index, "sound");
}

#[test]
fn claims_outlive_their_segment_and_are_swept_when_they_end() {
    let dir = Dir::new();
    let worker = dir.worker("00");
    let mut first = Writer::new(1, 1);
    first.checkpoint(0, 0..0, &[1]).messages(1..11);
    let reply = Reply {
        digest: digest("shop:m:9"),
        expires: UnixMillis(68_500),
        answer: b"<xml/>".to_vec(),
    };
    first
        .frame(Kind::Reply, 10, |out| reply.put(out))
        .save(&worker);
    let place = Place {
        fs: &Disk,
        dir: &worker,
        key: None,
    };
    assert!(!IndexFiles::default().has(place, 1));
    index(&worker, 1, &[]);
    assert!(IndexFiles::default().has(place, 1));
    assert_eq!(
        IndexFiles::default()
            .claims(place, &[1], UnixMillis(0))
            .unwrap(),
        [],
        "the segment says it"
    );

    fs::remove_file(worker.join(segment::file_name(1))).unwrap();
    let path = worker.join(files::file_name(1));
    let whole = fs::metadata(&path).unwrap().len();
    // Each claim lives for a minute: those of 8, 9 and 10 are left, and the answer to 9.
    let now = UnixMillis(67_500);
    for _ in 0..2 {
        let mut claims = IndexFiles::default().claims(place, &[2], now).unwrap();
        claims.sort_by_key(|claim| (claim.expires, claim.answer.is_some()));
        let told: Vec<_> = claims
            .iter()
            .map(|one| (one.digest, one.answer.clone()))
            .collect();
        let (eight, nine, ten) = (digest("shop:m:8"), digest("shop:m:9"), digest("shop:m:10"));
        let answer = Some(b"<xml/>".to_vec());
        assert_eq!(
            told,
            [(eight, None), (nine, answer), (nine, None), (ten, None)]
        );
        IndexFiles::default().sweep(place, &[2], now);
        assert!(fs::metadata(&path).unwrap().len() < whole);
        assert!(
            !IndexFiles::default().has(place, 1),
            "cut down, it says nothing of a segment"
        );
    }
    IndexFiles::default().sweep(place, &[2], UnixMillis(70_000));
    assert!(!path.exists());
}

/// Leaves the index of a segment that is gone, with the claims of a hundred messages; that of message
/// n ends at 60 s + n s.
fn alone(worker: &Path) -> PathBuf {
    Writer::new(1, 1)
        .checkpoint(0, 0..0, &[1])
        .messages(1..101)
        .save(worker);
    index(worker, 1, &[]);
    fs::remove_file(worker.join(segment::file_name(1))).unwrap();
    worker.join(files::file_name(1))
}

#[test]
fn an_index_without_its_segment_is_looked_at_when_most_of_its_claims_have_ended() {
    let dir = Dir::new();
    let worker = dir.worker("00");
    let path = alone(&worker);
    let place = Place {
        fs: &Disk,
        dir: &worker,
        key: None,
    };
    let files = IndexFiles::default();
    let at = |now| {
        files.sweep(place, &[2], UnixMillis(now));
        fs::metadata(&path).map_or(0, |file| file.len())
    };
    let all = at(60_000);
    let kept = fs::read(&path).unwrap();
    fs::write(&path, b"not looked at, or it would go").unwrap();
    assert_eq!(at(150_999), 29);
    fs::write(&path, kept).unwrap();
    let few = at(151_000);
    assert!(few < all / 2, "{all} {few}");
    let claims = files.claims(place, &[2], UnixMillis(151_000)).unwrap();
    assert_eq!(claims.len(), 9);
    assert_eq!(at(160_000), 0);
}

/// A process that has no descriptor left.
struct Exhausted;

impl Fs for Exhausted {
    fn open(&self, _: &Path, _: Mode) -> io::Result<Arc<dyn File>> {
        Err(io::Error::from_raw_os_error(24))
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        Disk.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>> {
        Disk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        Disk.lock(path)
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        Disk.random(bytes)
    }
}

#[test]
fn an_index_that_cannot_be_read_just_now_stays() {
    let dir = Dir::new();
    let worker = dir.worker("00");
    let path = worker.join(files::file_name(1));
    fs::write(&path, b"no index").unwrap();
    let sweep = |fs: &dyn Fs| {
        let place = Place {
            fs,
            dir: &worker,
            key: None,
        };
        IndexFiles::default().sweep(place, &[2], UnixMillis(0));
        path.exists()
    };
    assert!(sweep(&Exhausted));
    assert!(!sweep(&Disk), "it makes no sense");
}

#[test]
fn an_index_that_has_been_cut_down_is_left_alone_by_the_next_process() {
    let dir = Dir::new();
    let worker = dir.worker("00");
    let path = alone(&worker);
    let place = Place {
        fs: &Disk,
        dir: &worker,
        key: None,
    };
    let written = |now| {
        IndexFiles::default().sweep(place, &[2], UnixMillis(now));
        fs::metadata(&path).unwrap().ino()
    };
    let first = written(60_000);
    assert_eq!(written(100_000), first, "less than half has ended");
    assert_ne!(written(120_000), first);
}

#[test]
fn there_must_be_a_journal() {
    let dir = Dir::new();
    let open = |path: &Path| {
        JournalReader::open(Arc::new(Disk), path, None)
            .err()
            .unwrap()
    };
    assert!(matches!(open(&dir.0), JournalError::Io { .. }));
    assert!(matches!(
        open(&dir.0.join("nowhere")),
        JournalError::Io { .. }
    ));
}
