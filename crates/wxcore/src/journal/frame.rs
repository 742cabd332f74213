//! Frames: how a record lies in a segment.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..4 | `len` | bytes of the payload, at most [`MAX_PAYLOAD`] |
//! | 4..8 | `crc` | CRC-32C of everything else: `len`, then `seq` up to the payload's end |
//! | 8..16 | `seq` | number of the message; of the last message before it for any other kind |
//! | 16..20 | `epoch` | the segment's; a recycled file holds frames of older epochs, which are stale |
//! | 20 | `kind` | a [`Kind`] |
//! | 21.. | payload | sealed at rest: ciphertext and tag, `len` counting both |
//!
//! All numbers are little endian. Frames follow each other without gaps.

/// Bytes before the payload.
pub const HEADER: usize = 21;

/// The largest payload that is written or believed.
pub const MAX_PAYLOAD: usize = 16 << 20;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// An [`Entry`](super::entry::Entry).
    Message = 1,
    /// Messages that a destination has taken.
    Settled = 2,
    /// Names of destinations, their cursors, live segments: the first record of every segment.
    Checkpoint = 3,
    /// The answer to a message, for its retries.
    Reply = 4,
    /// Messages that were never acknowledged and never will be delivered.
    Void = 5,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Message,
            2 => Self::Settled,
            3 => Self::Checkpoint,
            4 => Self::Reply,
            5 => Self::Void,
            _ => return None,
        })
    }
}

/// A frame that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The message's number, or that of the last one before.
    pub seq: u64,
    /// What the payload is.
    pub kind: Kind,
    /// The payload; ciphertext and tag if the segment is sealed.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Bytes of the whole frame.
    pub fn size(&self) -> usize {
        HEADER + self.payload.len()
    }
}

/// Appends a frame that is not [`stamped`](stamp) yet. `fill` appends the payload; `tag` bytes stay
/// free behind it for the seal.
pub fn begin(out: &mut Vec<u8>, kind: Kind, seq: u64, tag: usize, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.push(kind as u8);
    fill(out);
    out.resize(out.len() + tag, 0);
    let len = u32::try_from(out.len() - start - HEADER).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(start..start + 4) {
        field.copy_from_slice(&len.to_le_bytes());
    }
}

/// The frame at the head of `bytes`, stamped or not: its size, `seq` and kind.
pub(crate) fn head(bytes: &[u8]) -> Option<(usize, u64, Kind)> {
    let header: &[u8; HEADER] = bytes.first_chunk()?;
    let len = u32::from_le_bytes(*header.first_chunk()?) as usize;
    let seq = u64::from_le_bytes(*header.get(8..)?.first_chunk()?);
    let kind = Kind::from_byte(*header.last()?)?;
    (len <= MAX_PAYLOAD).then_some((HEADER + len, seq, kind))
}

/// Writes `epoch` into a whole frame that [`begin`] made.
pub(crate) fn set_epoch(frame: &mut [u8], epoch: u32) {
    if let Some(field) = frame.get_mut(16..20) {
        field.copy_from_slice(&epoch.to_le_bytes());
    }
}

/// Writes the checksum of a whole frame, once all else in it is final.
pub(crate) fn set_crc(frame: &mut [u8]) {
    let crc = checksum(frame);
    if let Some(field) = frame.get_mut(4..8) {
        field.copy_from_slice(&crc.to_le_bytes());
    }
}

/// Makes a frame of [`begin`] valid in the segment of that epoch.
pub fn stamp(frame: &mut [u8], epoch: u32) {
    set_epoch(frame, epoch);
    set_crc(frame);
}

/// Reads the frame at the head of `bytes`; `None` unless it is whole, valid, and of that epoch.
pub fn read(bytes: &[u8], epoch: u32) -> Option<Frame<'_>> {
    let found = bytes.get(16..20)?;
    if found != epoch.to_le_bytes() {
        return None;
    }
    let (size, seq, kind) = head(bytes)?;
    let frame = bytes.get(..size)?;
    let crc = u32::from_le_bytes(*frame.get(4..)?.first_chunk()?);
    (crc == checksum(frame)).then_some(Frame {
        seq,
        kind,
        payload: frame.get(HEADER..)?,
    })
}

fn checksum(frame: &[u8]) -> u32 {
    let (len, rest) = frame.split_at(frame.len().min(4));
    crc32c::crc32c_append(crc32c::crc32c(len), rest.get(4..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{HEADER, Kind, MAX_PAYLOAD, begin, read, stamp};
    use proptest::prelude::*;

    fn framed(kind: Kind, seq: u64, epoch: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        begin(&mut out, kind, seq, 0, |out| out.extend_from_slice(payload));
        stamp(&mut out, epoch);
        out
    }

    #[test]
    fn the_layout_is_as_documented() {
        let frame = framed(Kind::Reply, 0x0102, 0x0A0B_0C0D, b"xyz");
        assert_eq!(frame.len(), HEADER + 3);
        assert_eq!(frame[..4], [3, 0, 0, 0]);
        assert_eq!(frame[8..16], [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(frame[16..20], [0x0D, 0x0C, 0x0B, 0x0A]);
        assert_eq!(frame[20], 4);
        let covered: Vec<u8> = [&frame[..4], &frame[8..]].concat();
        assert_eq!(frame[4..8], crc32c::crc32c(&covered).to_le_bytes());
    }

    #[test]
    fn zeros_and_stale_frames_are_none() {
        assert_eq!(read(&[0; 64], 0), None);
        assert_eq!(read(&framed(Kind::Message, 1, 7, b"x"), 8), None);
    }

    #[test]
    fn an_unknown_kind_and_an_absurd_length_are_none() {
        let mut frame = framed(Kind::Message, 1, 7, b"x");
        frame[20] = 9;
        super::set_crc(&mut frame);
        assert_eq!(read(&frame, 7), None);
        let huge = framed(Kind::Message, 1, 7, &vec![0; MAX_PAYLOAD + 1]);
        assert_eq!(read(&huge, 7), None);
    }

    proptest! {
        #[test]
        fn read_undoes_begin_and_any_flip_or_cut_is_refused(
            payload in proptest::collection::vec(any::<u8>(), 0..80),
            seq in any::<u64>(),
            epoch in any::<u32>(),
            flip in any::<prop::sample::Index>(),
        ) {
            let mut frame = framed(Kind::Message, seq, epoch, &payload);
            let back = read(&frame, epoch).unwrap();
            prop_assert_eq!((back.seq, back.kind, back.payload), (seq, Kind::Message, &payload[..]));
            prop_assert_eq!(read(&frame[..flip.index(frame.len())], epoch), None);
            let bit = flip.index(frame.len() * 8);
            frame[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(read(&frame, epoch), None);
        }
    }
}
