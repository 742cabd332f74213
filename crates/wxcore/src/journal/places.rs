//! Where the messages of a segment lie: one place in so many, since a backlog may be millions.
//!
//! A reader starts at the place before the message that it wants, and finds it on the way. That
//! costs it a read of some 128 KiB at most, and the journal less than a bit for each message.

use std::ops::Range;

/// Messages, bytes and milliseconds between two places that are kept.
const EVERY: usize = 128;
const BYTES: u32 = 128 << 10;
const AGE: u32 = 10_000;

/// A message of which the place is known.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Counted from the segment's first message.
    index: usize,
    /// In its file.
    offset: u32,
    /// Milliseconds from the segment's creation to the message's acceptance.
    age: u32,
}

/// The places of one segment.
#[derive(Debug, Default)]
pub(crate) struct Places {
    kept: Vec<Place>,
    /// Numbers from the first message to the last.
    len: usize,
    /// Numbers between them that no message has, counted from the first message.
    holes: Vec<Range<usize>>,
}

/// A stretch of a segment in which a message lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) start: u32,
    /// Where the next one begins; `None` for the last.
    pub(crate) end: Option<u32>,
}

impl Places {
    /// Numbers from the first message to the last.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no message.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Numbers that no message has.
    pub(crate) fn holes(&self) -> &[Range<usize>] {
        &self.holes
    }

    /// Enters a message behind all that are there.
    pub(crate) fn push(&mut self, index: usize, offset: u32, age: u32) {
        if index > self.len {
            self.holes.push(self.len..index);
        }
        self.len = index + 1;
        let near = self.kept.last().is_some_and(|last| {
            index - last.index < EVERY
                && offset.saturating_sub(last.offset) < BYTES
                && age.saturating_sub(last.age) < AGE
        });
        if !near {
            self.kept.push(Place { index, offset, age });
        }
    }

    fn before(&self, index: usize) -> Option<usize> {
        let behind = self.kept.partition_point(|place| place.index <= index);
        behind.checked_sub(1)
    }

    /// Where to look for a message.
    pub(crate) fn stretch(&self, index: usize) -> Option<Stretch> {
        let at = self.before(index)?;
        Some(Stretch {
            start: self.kept.get(at)?.offset,
            end: self.kept.get(at + 1).map(|next| next.offset),
        })
    }

    /// The age of a message, less ten seconds at most.
    pub(crate) fn age(&self, index: usize) -> u32 {
        let place = self.before(index).and_then(|at| self.kept.get(at));
        place.map_or(0, |place| place.age)
    }
}

#[cfg(test)]
mod tests {
    use super::{Places, Stretch};

    #[test]
    fn a_stretch_holds_its_message_and_ends_where_the_next_begins() {
        let mut places = Places::default();
        for index in 0..300 {
            places.push(index, 4096 + 100 * u32::try_from(index).unwrap(), 0);
        }
        let (first, second) = (places.stretch(127).unwrap(), places.stretch(128).unwrap());
        assert_eq!(first.start, 4096);
        assert_eq!(first.end, Some(second.start));
        assert_eq!(second.start, 4096 + 12_800);
        assert_eq!(places.stretch(299).unwrap().end, None);
        assert_eq!(places.kept.len(), 3);
    }

    #[test]
    fn large_messages_and_slow_ones_have_places_of_their_own() {
        let mut places = Places::default();
        places.push(0, 0, 0);
        places.push(1, 200 << 10, 0);
        places.push(2, 201 << 10, 20_000);
        let stretch = |start, end| Some(Stretch { start, end });
        assert_eq!(places.stretch(0), stretch(0, Some(200 << 10)));
        assert_eq!(places.stretch(2), stretch(201 << 10, None));
        assert_eq!([places.age(1), places.age(2)], [0, 20_000]);
    }

    #[test]
    fn numbers_without_a_message_are_known() {
        let mut places = Places::default();
        for index in [0, 1, 5] {
            places.push(index, 0, 0);
        }
        assert_eq!(places.len(), 6);
        assert!(places.holes().iter().eq([&(2..5)]));
    }
}
