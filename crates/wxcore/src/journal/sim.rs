//! A file system in memory that fails as real ones do: for tests, seeded.
//!
//! Writes go to a page cache. A sync moves dirty blocks to the disk; a power cut keeps what is on the
//! disk and any of the dirty blocks or parts of them; `kill -9` keeps the cache. After a sync that
//! failed the blocks count as clean although the disk does not have them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::fs::{File, Fs, Held, Lock, Mode};
use super::queue::lock;

const BLOCK: usize = 4096;
const SECTOR: usize = 512;

/// A simulated file system. Clones share it.
#[derive(Clone)]
pub struct Sim(Arc<Mutex<State>>);

#[derive(Default)]
struct Inode {
    cache: Vec<u8>,
    disk: Vec<u8>,
    dirty: BTreeSet<usize>,
    links: usize,
}

/// A change of names that no sync has covered.
enum Change {
    Link(PathBuf, usize),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf),
}

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    names: HashMap<PathBuf, usize>,
    durable_names: HashMap<PathBuf, usize>,
    changes: Vec<Change>,
    dirs: HashSet<PathBuf>,
    /// By path, which of all that were ever taken.
    locks: HashMap<PathBuf, u64>,
    locked: u64,
    /// Handles of earlier machines are dead.
    life: u64,
    random: u64,
    operations: u64,
    crash_at: Option<u64>,
    crashed: bool,
    failing_syncs: u32,
    failing_writes: u32,
    short_writes: bool,
    capacity: Option<usize>,
    read_only: bool,
}

impl State {
    /// splitmix64.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.draw() % (bound.max(1) as u64)).unwrap_or(0)
    }

    /// Counts an operation that changes something; whether the machine dies in it.
    fn step(&mut self) -> io::Result<bool> {
        if self.crashed {
            return Err(io::Error::other("the machine is off"));
        }
        if self.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        self.operations += 1;
        self.crashed = self.crash_at.is_some_and(|at| self.operations >= at);
        Ok(self.crashed)
    }

    fn linked(&mut self, path: &Path, inode: Option<usize>) {
        let old = match inode {
            Some(inode) => self.names.insert(path.to_owned(), inode),
            None => self.names.remove(path),
        };
        for (which, up) in [(inode, true), (old, false)] {
            if let Some(inode) = which.and_then(|which| self.inodes.get_mut(which)) {
                inode.links = if up { inode.links + 1 } else { inode.links - 1 };
            }
        }
        self.changes.push(match inode {
            Some(inode) => Change::Link(path.to_owned(), inode),
            None => Change::Unlink(path.to_owned()),
        });
    }

    /// Makes the first `count` changes of names durable.
    fn settle_names(&mut self, count: usize) {
        for change in self.changes.drain(..count.min(self.changes.len())) {
            match change {
                Change::Link(path, inode) => {
                    self.durable_names.insert(path, inode);
                }
                Change::Unlink(path) => {
                    self.durable_names.remove(&path);
                }
                Change::Rename(from, to) => {
                    if let Some(inode) = self.durable_names.remove(&from) {
                        self.durable_names.insert(to, inode);
                    }
                }
            }
        }
    }

    fn used(&self) -> usize {
        let live = self.inodes.iter().filter(|inode| inode.links > 0);
        live.map(|inode| inode.cache.len().div_ceil(BLOCK)).sum()
    }

    /// Moves dirty blocks to the disk: all, or those that chance picks, some of them torn.
    fn flush(&mut self, index: usize, all: bool) {
        let mut random = self.draw();
        let Some(inode) = self.inodes.get_mut(index) else {
            return;
        };
        let reach = inode.cache.len();
        if all || !random.is_multiple_of(3) {
            inode.disk.resize(reach, 0);
        }
        for block in std::mem::take(&mut inode.dirty) {
            random = random.rotate_left(7).wrapping_mul(0xD129_0B8C_5E4F_3A21) ^ (block as u64);
            let (start, end) = (block * BLOCK, ((block + 1) * BLOCK).min(reach));
            let survives = all || random.is_multiple_of(2);
            let torn = !all && random.is_multiple_of(7);
            for from in (start..end).step_by(SECTOR) {
                let to = (from + SECTOR).min(end);
                let keep = if torn {
                    random >> (from / SECTOR % 8) & 8 == 0
                } else {
                    survives
                };
                if let (true, Some(disk), Some(cache)) = (
                    keep,
                    inode.disk.get_mut(from..to),
                    inode.cache.get(from..to),
                ) {
                    disk.copy_from_slice(cache);
                }
            }
        }
    }

    fn restart(&mut self) {
        self.life += 1;
        self.crashed = false;
        self.crash_at = None;
        self.locks.clear();
        self.failing_syncs = 0;
        self.failing_writes = 0;
    }
}

impl Sim {
    /// An empty one.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: seed,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }

    /// The machine dies in the `count`-th change from now.
    pub fn crash_after(&self, count: u64) {
        let mut state = self.state();
        state.crash_at = Some(state.operations + count);
    }

    /// Changes so far.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Ends the process: what it wrote is in the page cache.
    pub fn kill(&self) {
        self.state().restart();
    }

    /// Cuts the power: what was not synced is lost, or not.
    pub fn power_cut(&self) {
        let mut state = self.state();
        let count = state.changes.len() + 1;
        let kept = state.below(count);
        state.settle_names(kept);
        state.changes.clear();
        for index in 0..state.inodes.len() {
            state.flush(index, false);
            if let Some(inode) = state.inodes.get_mut(index) {
                inode.cache = inode.disk.clone();
                inode.links = 0;
            }
        }
        let names = state.durable_names.clone();
        state.names = names;
        let inodes: Vec<usize> = state.names.values().copied().collect();
        for index in inodes {
            if let Some(inode) = state.inodes.get_mut(index) {
                inode.links += 1;
            }
        }
        state.restart();
    }

    /// The next syncs fail, and leave their blocks clean.
    pub fn fail_syncs(&self, count: u32) {
        self.state().failing_syncs = count;
    }

    /// The next writes fail.
    pub fn fail_writes(&self, count: u32) {
        self.state().failing_writes = count;
    }

    /// Writes take any part of what they are given.
    pub fn short_writes(&self, on: bool) {
        self.state().short_writes = on;
    }

    /// Bytes that there is room for.
    pub fn capacity(&self, bytes: Option<usize>) {
        self.state().capacity = bytes.map(|bytes| bytes / BLOCK);
    }

    /// Mounts it read-only, or back.
    pub fn read_only(&self, on: bool) {
        self.state().read_only = on;
    }

    /// Removes a folder with all that is in it.
    pub fn remove_dir(&self, dir: &Path) {
        let mut state = self.state();
        let all: Vec<PathBuf> = state.names.keys().cloned().collect();
        for path in all.iter().filter(|path| path.starts_with(dir)) {
            state.linked(path, None);
        }
        state.dirs.remove(dir);
        state.locks.retain(|path, _| !path.starts_with(dir));
    }

    /// A file's bytes as a reader sees them.
    pub fn get(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let inode = state.inodes.get(*state.names.get(path)?)?;
        Some(inode.cache.clone())
    }

    /// Puts a file there, durably.
    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        state.dirs.extend(path.parent().map(Path::to_owned));
        let inode = state.inodes.len();
        state.inodes.push(Inode {
            disk: bytes.clone(),
            cache: bytes,
            ..Inode::default()
        });
        state.linked(path, Some(inode));
        let count = state.changes.len();
        state.settle_names(count);
    }

    /// Paths of all files.
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self.state().names.keys().cloned().collect();
        paths.sort();
        paths
    }
}

impl Fs for Sim {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.state().dirs.insert(dir.to_owned());
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(String, u64)>> {
        let state = self.state();
        if !state.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = state
            .names
            .iter()
            .filter(|(path, _)| path.parent() == Some(dir));
        let item = |(path, inode): (&PathBuf, &usize)| {
            let name = path.file_name()?.to_str()?.to_owned();
            Some((name, state.inodes.get(*inode)?.cache.len() as u64))
        };
        Ok(inside.filter_map(item).collect())
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        if !path.parent().is_some_and(|dir| state.dirs.contains(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let found = state.names.get(path).copied();
        let inode = match (mode, found) {
            (Mode::Create, Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Mode::Create, None) => {
                state.step()?;
                let inode = state.inodes.len();
                state.inodes.push(Inode::default());
                state.linked(path, Some(inode));
                inode
            }
            (_, found) => found.ok_or(io::ErrorKind::NotFound)?,
        };
        Ok(Arc::new(Handle {
            sim: self.clone(),
            inode,
            life: state.life,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let inode = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.step()?;
        state.linked(to, Some(inode));
        state.linked(from, None);
        let before = state.changes.len() - 2;
        state.changes.truncate(before);
        state
            .changes
            .push(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.step()?;
        state.linked(path, None);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let dies = state.step()?;
        let count = state.changes.len();
        let count = if dies { state.below(count) } else { count };
        state.settle_names(count);
        if dies {
            Err(io::Error::other("off"))
        } else {
            Ok(())
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        let mut state = self.state();
        if state.locks.contains_key(path) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.locked += 1;
        let id = state.locked;
        state.locks.insert(path.to_owned(), id);
        Ok(Box::new(Locked {
            sim: self.clone(),
            path: path.to_owned(),
            id,
        }))
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        for byte in bytes {
            *byte = state.draw().to_le_bytes()[0];
        }
        Ok(())
    }
}

struct Locked {
    sim: Sim,
    path: PathBuf,
    id: u64,
}

impl Held for Locked {
    fn is_at(&self, path: &Path) -> bool {
        self.sim.state().locks.get(path) == Some(&self.id)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let mut state = self.sim.state();
        if state.locks.get(&self.path) == Some(&self.id) {
            state.locks.remove(&self.path);
        }
    }
}

struct Handle {
    sim: Sim,
    inode: usize,
    life: u64,
}

impl Handle {
    /// The state, unless the machine this handle belongs to is gone.
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.sim.state();
        if state.life == self.life && !state.crashed {
            Ok(state)
        } else {
            Err(io::Error::other("the machine is off"))
        }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.alive()?;
        let dies = state.step()?;
        if state.failing_syncs > 0 {
            state.failing_syncs -= 1;
            // Some blocks arrive, all count as clean.
            state.flush(self.inode, false);
            return Err(io::Error::other("input/output error"));
        }
        if dies {
            // Which blocks arrive is drawn at the power cut.
            return Err(io::Error::other("off"));
        }
        state.flush(self.inode, true);
        Ok(())
    }
}

impl File for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.alive()?;
        let inode = state
            .inodes
            .get(self.inode)
            .ok_or(io::ErrorKind::NotFound)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = inode.cache.get(start..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.alive()?;
        let dies = state.step()?;
        if state.failing_writes > 0 {
            state.failing_writes -= 1;
            return Err(io::Error::other("input/output error"));
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX / 2);
        let short = dies || (state.short_writes && bytes.len() > 1);
        let count = if short {
            state.below(bytes.len()) + usize::from(!dies)
        } else {
            bytes.len()
        };
        let count = count.min(bytes.len());
        let (room, used) = (state.capacity.unwrap_or(usize::MAX), state.used());
        let inode = state
            .inodes
            .get_mut(self.inode)
            .ok_or(io::ErrorKind::NotFound)?;
        let end = start + count;
        let more = end
            .div_ceil(BLOCK)
            .saturating_sub(inode.cache.len().div_ceil(BLOCK));
        if more > 0 && used + more > room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if end > inode.cache.len() {
            inode.cache.resize(end, 0);
        }
        if let (Some(to), Some(from)) = (inode.cache.get_mut(start..end), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        if count > 0 {
            inode.dirty.extend(start / BLOCK..=(end - 1) / BLOCK);
        }
        if dies {
            Err(io::Error::other("off"))
        } else {
            Ok(count)
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.alive()?;
        state.step()?;
        let len = usize::try_from(len).unwrap_or(0);
        let inode = state
            .inodes
            .get_mut(self.inode)
            .ok_or(io::ErrorKind::NotFound)?;
        inode.cache.resize(len, 0);
        inode.dirty.retain(|block| block * BLOCK < len);
        inode.dirty.insert(len / BLOCK);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let state = self.alive()?;
        let inode = state
            .inodes
            .get(self.inode)
            .ok_or(io::ErrorKind::NotFound)?;
        Ok(inode.cache.len() as u64)
    }

    fn is_linked(&self) -> io::Result<bool> {
        let state = self.alive()?;
        Ok(state
            .inodes
            .get(self.inode)
            .is_some_and(|inode| inode.links > 0))
    }
}
