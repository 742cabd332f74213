//! Scanning a segment: every frame that can be read, whatever lies between.

use std::ops::Range;

use memchr::memmem;

use super::frame::{self, Frame, HEADER};

/// Frames of one segment in their order. Bytes that are not frames are skipped up to the next
/// frame of the same epoch, and counted.
#[derive(Debug)]
pub struct Scan<'a> {
    bytes: &'a [u8],
    epoch: u32,
    at: usize,
    /// Stretches between frames that could not be read.
    pub damaged: Vec<Range<usize>>,
}

/// A frame and where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// Of its first byte, from the beginning of the file.
    pub offset: usize,
    /// The frame.
    pub frame: Frame<'a>,
}

impl<'a> Scan<'a> {
    /// Scans `bytes`, a whole file, from `at` on.
    pub fn new(bytes: &'a [u8], at: usize, epoch: u32) -> Self {
        Self {
            bytes,
            epoch,
            at,
            damaged: Vec::new(),
        }
    }

    /// Behind the last frame that was returned.
    pub fn end(&self) -> usize {
        self.at.min(self.bytes.len())
    }

    /// How many bytes of a frame that was not written whole stand at the end.
    pub fn torn(&self) -> usize {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.get(16..20) != Some(&self.epoch.to_le_bytes()[..]) {
            return 0;
        }
        let size = frame::head(rest).map_or(HEADER, |(size, _, _)| size);
        size.min(rest.len())
    }

    /// The next frame at or behind `from`, by searching for the epoch.
    fn search(&self, from: usize) -> Option<Placed<'a>> {
        let epoch = self.epoch.to_le_bytes();
        let hay = self.bytes.get(from.saturating_add(16)..)?;
        memmem::find_iter(hay, &epoch).find_map(|found| {
            let offset = from + found;
            let frame = frame::read(self.bytes.get(offset..)?, self.epoch)?;
            Some(Placed { offset, frame })
        })
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Placed<'a>;

    fn next(&mut self) -> Option<Placed<'a>> {
        let here = self.bytes.get(self.at..)?;
        let placed = if let Some(frame) = frame::read(here, self.epoch) {
            Placed {
                offset: self.at,
                frame,
            }
        } else {
            let placed = self.search(self.at + 1)?;
            self.damaged.push(self.at..placed.offset);
            placed
        };
        self.at = placed.offset + placed.frame.size();
        Some(placed)
    }
}

#[cfg(test)]
mod tests {
    use super::Scan;
    use crate::journal::frame::{self, Kind};

    const EPOCH: u32 = 0x1122_3344;

    fn file(count: u64, epoch: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for seq in 1..=count {
            let mut one = Vec::new();
            frame::begin(&mut one, Kind::Message, seq, 0, |out| {
                out.extend_from_slice(&[7; 30]);
            });
            frame::stamp(&mut one, epoch);
            out.extend_from_slice(&one);
        }
        out
    }

    fn seqs(scan: &mut Scan<'_>) -> Vec<u64> {
        scan.map(|placed| placed.frame.seq).collect()
    }

    #[test]
    fn zeros_and_stale_frames_end_it_quietly() {
        for tail in [vec![0; 500], file(5, EPOCH + 1), Vec::new()] {
            let mut bytes = file(3, EPOCH);
            let end = bytes.len();
            bytes.extend_from_slice(&tail);
            let mut scan = Scan::new(&bytes, 0, EPOCH);
            assert_eq!(seqs(&mut scan), [1, 2, 3]);
            assert_eq!((scan.end(), scan.torn()), (end, 0));
            assert!(scan.damaged.is_empty());
        }
    }

    #[test]
    fn a_flip_anywhere_costs_one_frame() {
        let size = file(1, EPOCH).len();
        for at in 0..3 * size {
            let mut bytes = file(4, EPOCH);
            bytes[at] ^= 0x10;
            let mut scan = Scan::new(&bytes, 0, EPOCH);
            let hit = (at / size) as u64 + 1;
            let left: Vec<u64> = (1..=4).filter(|seq| *seq != hit).collect();
            assert_eq!(seqs(&mut scan), left, "{at}");
            assert_eq!(scan.damaged.len(), 1);
        }
    }

    #[test]
    fn a_cut_tail_is_torn() {
        let whole = file(2, EPOCH);
        let size = whole.len() / 2;
        for cut in 1..size {
            let bytes = &whole[..whole.len() - cut];
            let mut scan = Scan::new(bytes, 0, EPOCH);
            assert_eq!(seqs(&mut scan), [1]);
            assert_eq!(scan.end(), size);
            let left = size - cut;
            assert_eq!(scan.torn(), if left < 20 { 0 } else { left });
        }
    }
}
