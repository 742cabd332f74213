//! A full reading of one segment: every frame with its payload opened, and what could not be read.

use std::ops::Range;

use super::frame::Kind;
use super::scan::{Placed, Scan};
use super::seal::{SealKey, Sealer, WrongKey};
use super::segment::{Header, PAGE};

/// A frame and what is in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// Of its first byte, from the beginning of the file.
    pub(crate) offset: u64,
    pub(crate) seq: u64,
    pub(crate) kind: Kind,
    /// `None` if it is sealed and does not open: damage that the checksum did not show.
    pub(crate) payload: Option<&'a [u8]>,
}

/// What is left to say of a segment when all its frames were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The offset behind the last frame.
    pub(crate) end: u64,
    /// Bytes at the end that began as a frame and are none.
    pub(crate) torn: u64,
    /// Stretches between frames that could not be read.
    pub(crate) damaged: Vec<Range<usize>>,
}

/// Shows `visit` every record of a segment, `bytes` being its file.
///
/// # Errors
/// [`WrongKey`]: the segment is sealed, and not with `key`.
pub(crate) fn survey(
    bytes: &[u8],
    header: &Header,
    key: Option<&SealKey>,
    mut visit: impl FnMut(Record<'_>),
) -> Result<Outcome, WrongKey> {
    let sealer = Sealer::of(header, key)?;
    let mut scan = Scan::new(bytes, PAGE, header.epoch);
    let mut scratch = Vec::new();
    for placed in scan.by_ref() {
        let payload = match &sealer {
            Some(sealer) => {
                scratch.clear();
                scratch.extend_from_slice(whole(bytes, &placed));
                opened(&mut scratch, &placed, sealer)
            }
            None => Some(placed.frame.payload),
        };
        visit(Record {
            offset: placed.offset as u64,
            seq: placed.frame.seq,
            kind: placed.frame.kind,
            payload,
        });
    }
    Ok(Outcome {
        end: scan.end() as u64,
        torn: scan.torn() as u64,
        damaged: scan.damaged,
    })
}

fn whole<'a>(bytes: &'a [u8], placed: &Placed<'_>) -> &'a [u8] {
    let end = placed.offset + placed.frame.size();
    bytes.get(placed.offset..end).unwrap_or_default()
}

fn opened<'a>(frame: &'a mut [u8], placed: &Placed<'_>, sealer: &Sealer) -> Option<&'a [u8]> {
    sealer.open(frame, placed.frame.seq, u32::try_from(placed.offset).ok()?)
}
