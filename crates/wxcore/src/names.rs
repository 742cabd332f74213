//! Tables by names of the configuration: accounts, and what routes compare with.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Found in a few lines of memory, however many there are. Strangers choose what is looked up, never
/// what is in it, so they cannot make names meet.
pub(crate) type Names<T> = HashMap<Box<str>, T, BuildHasherDefault<NameHasher>>;

/// XXH3 of one text.
#[derive(Default)]
pub(crate) struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    /// A text ends with one such byte, to tell it from what follows: nothing does.
    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
