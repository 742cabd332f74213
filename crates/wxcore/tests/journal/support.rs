//! A journal on a simulated machine, and messages that can be told apart.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use wxcore::journal::entry::{Destinations, Entry};
use wxcore::journal::options::Flaw;
use wxcore::journal::sim::Sim;
use wxcore::journal::{Batch, Journal, JournalError, Options, Recovered, State};
use wxcore::time::UnixMillis;

pub(crate) const NOW: UnixMillis = UnixMillis(1_764_000_000_000);
pub(crate) const FOREVER: usize = 1 << 30;

/// A message to the destinations in `to`; all else follows from `number`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) number: u64,
    pub(crate) to: Vec<u16>,
    pub(crate) size: usize,
    pub(crate) lifetime: i64,
}

impl Note {
    pub(crate) fn new(number: u64, to: &[u16], size: usize) -> Self {
        let (to, lifetime) = (to.to_vec(), 60_000);
        Self {
            number,
            to,
            size,
            lifetime,
        }
    }

    pub(crate) fn id(&self) -> String {
        format!("shop:m:{}", self.number)
    }

    pub(crate) fn event(&self) -> Vec<u8> {
        let seed = self
            .number
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .to_le_bytes();
        (0..self.size)
            .map(|at| seed[at % 8] ^ at.to_le_bytes()[0])
            .collect()
    }

    pub(crate) fn with<T>(&self, use_it: impl FnOnce(&Entry<'_>) -> T) -> T {
        let (id, event) = (self.id(), self.event());
        use_it(&Entry {
            id: &id,
            account: "shop",
            type_name: "wechat.official.text",
            key: "oMgHVjngRipVsoxg6TuX3vz6glDg",
            subject: Some("oMgHVjngRipVsoxg6TuX3vz6glDg"),
            accepted: NOW,
            lifetime: self.lifetime,
            destinations: Destinations::Indexes(&self.to),
            wait: self.number.is_multiple_of(2),
            event: &event,
        })
    }
}

/// One process with the journal open, on a machine that may outlive it.
pub(crate) struct Process {
    pub(crate) journal: Journal,
    pub(crate) recovered: Recovered,
    signal: Arc<(Mutex<()>, Condvar)>,
    pub(crate) failed: Vec<Range<u64>>,
    /// The indexes of destinations that were named while the journal was open.
    places: Vec<u16>,
}

pub(crate) fn dir() -> PathBuf {
    PathBuf::from("/journal/00")
}

pub(crate) fn options(segment_bytes: u64, destinations: &[&str]) -> Options {
    let names = destinations.iter().map(|name| (*name).to_owned()).collect();
    Options {
        segment_bytes,
        ..Options::new(names)
    }
}

pub(crate) fn flawed(mut options: Options, flaw: Flaw) -> Options {
    options.flaw = flaw;
    options
}

impl Process {
    pub(crate) fn start(sim: &Sim, options: Options) -> Result<Self, JournalError> {
        Self::start_at(sim, options, NOW)
    }

    pub(crate) fn start_at(
        sim: &Sim,
        options: Options,
        now: UnixMillis,
    ) -> Result<Self, JournalError> {
        let signal = Arc::new((Mutex::new(()), Condvar::new()));
        let ring = Arc::clone(&signal);
        let on_commit = Box::new(move || {
            drop(ring.0.lock().unwrap());
            ring.1.notify_all();
        });
        let (journal, recovered) =
            Journal::open(Arc::new(sim.clone()), &dir(), options, now, on_commit)?;
        Ok(Self {
            journal,
            recovered,
            signal,
            failed: Vec::new(),
            places: Vec::new(),
        })
    }

    /// Knows only the first destination when it opens the journal, and names the others then.
    pub(crate) fn start_late(sim: &Sim, options: &Options) -> Result<Self, JournalError> {
        let first = Options {
            destinations: options.destinations.iter().take(1).cloned().collect(),
            ..options.clone()
        };
        let mut process = Self::start(sim, first)?;
        process.places = process.journal.extend(&options.destinations)?;
        Ok(process)
    }

    pub(crate) fn read(
        &self,
        destination: u16,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Batch, JournalError> {
        self.journal
            .read(self.place(destination), 0, limit, max_bytes)
    }

    pub(crate) fn settle(&self, destination: u16, seqs: &[u64]) {
        self.journal.settle(self.place(destination), seqs);
    }

    pub(crate) fn advance(&self, destination: u16, cursor: u64) {
        self.journal.advance(self.place(destination), cursor);
    }

    /// The index that a destination has in this process.
    fn place(&self, destination: u16) -> u16 {
        let named = self.places.get(usize::from(destination)).copied();
        named.unwrap_or(destination)
    }

    pub(crate) fn append(&self, note: &Note) -> Result<u64, JournalError> {
        let placed = Note {
            to: note.to.iter().map(|one| self.place(*one)).collect(),
            ..note.clone()
        };
        placed.with(|entry| self.journal.append(&[*entry], NOW))
    }

    /// Waits until it is decided; whether it is durable.
    pub(crate) fn wait(&mut self, seq: u64) -> bool {
        let mut guard = self.signal.0.lock().unwrap();
        loop {
            let progress = self.journal.progress();
            self.failed.extend(progress.failed);
            if progress.durable >= seq {
                break;
            }
            assert_ne!(progress.state, State::Closed);
            guard = self.signal.1.wait(guard).unwrap();
        }
        !self.failed.iter().any(|range| range.contains(&seq))
    }

    /// Appends and waits; the number, if it became durable.
    pub(crate) fn keep(&mut self, note: &Note) -> Option<u64> {
        let seq = self.append(note).ok()?;
        self.wait(seq).then_some(seq)
    }

    pub(crate) fn keep_all(&mut self, notes: &[Note]) -> Vec<u64> {
        notes
            .iter()
            .map(|note| self.keep(note).expect("it is kept"))
            .collect()
    }

    /// All that a destination has not settled, read in small steps: number and id.
    pub(crate) fn undelivered(&self, destination: u16) -> Vec<(u64, String, Vec<u8>)> {
        let (mut found, mut after) = (Vec::new(), 0);
        let destination = self.place(destination);
        loop {
            let batch = self.journal.read(destination, after, 7, 3000).unwrap();
            assert!(batch.unreadable.is_empty(), "{:?}", batch.unreadable);
            found.extend(
                batch
                    .iter()
                    .map(|(seq, entry)| (seq, entry.id.to_owned(), entry.event.to_vec())),
            );
            if batch.is_empty() {
                assert_eq!(batch.position, self.journal.progress_quietly());
                return found;
            }
            after = batch.position;
        }
    }

    pub(crate) fn ids(&self, destination: u16) -> Vec<String> {
        let all = self.undelivered(destination).into_iter();
        all.map(|(_, id, _)| id).collect()
    }
}

pub(crate) trait Quietly {
    fn progress_quietly(&self) -> u64;
}

impl Quietly for Journal {
    /// How far it is durable, without taking what failed.
    fn progress_quietly(&self) -> u64 {
        // A batch of nothing, far behind the end, says how far the journal goes.
        let stats = self.stats();
        stats.next_seq - 1
    }
}

pub(crate) fn segments(sim: &Sim) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|end| end == "seg");
    sim.paths().into_iter().filter(is_segment).collect()
}

pub(crate) fn copy(sim: &Sim, seed: u64) -> Sim {
    let other = Sim::new(seed);
    for path in sim.paths() {
        other.put(&path, sim.get(&path).unwrap());
    }
    other.put(Path::new("/journal/00/lock"), Vec::new());
    other
}
