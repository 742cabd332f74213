//! The payloads of all kinds of frames but messages.

use std::ops::Range;

use super::varint::{put, take, take_array, take_bytes};
use crate::time::UnixMillis;

/// Kind 2: what a destination has taken, or put among its dead letters.
///
/// `u16` destination, then LEB128: the first seq, then the gap to each next one.
pub(crate) fn put_settled(out: &mut Vec<u8>, destination: u16, ascending: &[u64]) {
    out.extend_from_slice(&destination.to_le_bytes());
    let mut last = 0;
    for seq in ascending {
        put(out, seq - last);
        last = *seq;
    }
}

/// Reads [`put_settled`]; calls `each` with every seq. `None` if it is not whole.
pub(crate) fn settled(mut bytes: &[u8], mut each: impl FnMut(u16, u64)) -> Option<()> {
    let destination = u16::from_le_bytes(take_array(&mut bytes)?);
    let mut seq = 0u64;
    while !bytes.is_empty() {
        seq = seq.checked_add(take(&mut bytes)?)?;
        each(destination, seq);
    }
    Some(())
}

/// Kind 5: messages that were never acknowledged. LEB128: the first seq, and how many.
pub(crate) fn put_void(out: &mut Vec<u8>, seqs: &Range<u64>) {
    put(out, seqs.start);
    put(out, seqs.end - seqs.start);
}

/// Reads [`put_void`].
pub(crate) fn void(mut bytes: &[u8]) -> Option<Range<u64>> {
    let start = take(&mut bytes)?;
    let end = start.checked_add(take(&mut bytes)?)?;
    bytes.is_empty().then_some(start..end)
}

/// The answer to a message, for its retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// [`digest`](super::entry::digest) of the message's id.
    pub digest: [u8; 16],
    /// Until when a retry gets it.
    pub expires: UnixMillis,
    /// The answer, opaque to the journal.
    pub answer: Vec<u8>,
}

impl Reply {
    /// Kind 4: 16 bytes of digest, `i64` expiry, the answer.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.digest);
        out.extend_from_slice(&self.expires.0.to_le_bytes());
        out.extend_from_slice(&self.answer);
    }

    /// Reads [`put`](Self::put).
    pub(crate) fn read(mut bytes: &[u8]) -> Option<Self> {
        Some(Self {
            digest: take_array(&mut bytes)?,
            expires: UnixMillis(i64::from_le_bytes(take_array(&mut bytes)?)),
            answer: bytes.to_vec(),
        })
    }
}

/// Kind 3: where every destination stands, and which segments there are.
///
/// LEB128 throughout, but for `i64` times: count of destinations, each with its name, its cursor and
/// the runs of seqs up to it that are not settled (count; gap and length of each); count of
/// segments, each with number, first and last seq, 1 if not all is settled, and until when claims
/// in it live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) destinations: Vec<Stand>,
    pub(crate) segments: Vec<Listed>,
}

/// Where a destination stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stand {
    pub(crate) name: String,
    /// All it was sent up to here is settled, but for `unsettled`.
    pub(crate) cursor: u64,
    /// Ascending, apart from each other.
    pub(crate) unsettled: Vec<Range<u64>>,
}

/// A segment that was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) number: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) pending: bool,
    pub(crate) claims_until: UnixMillis,
}

impl Checkpoint {
    /// Appends it.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put(out, self.destinations.len() as u64);
        for stand in &self.destinations {
            put(out, stand.name.len() as u64);
            out.extend_from_slice(stand.name.as_bytes());
            put(out, stand.cursor);
            put(out, stand.unsettled.len() as u64);
            let mut last = 0;
            for run in &stand.unsettled {
                put(out, run.start - last);
                put(out, run.end - run.start);
                last = run.end;
            }
        }
        put(out, self.segments.len() as u64);
        for one in &self.segments {
            for number in [one.number, one.first_seq, one.last_seq, one.pending.into()] {
                put(out, number);
            }
            out.extend_from_slice(&one.claims_until.0.to_le_bytes());
        }
    }

    /// Reads [`put`](Self::put).
    pub(crate) fn read(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let mut checkpoint = Self::default();
        for _ in 0..take(bytes)? {
            checkpoint.destinations.push(take_stand(bytes)?);
        }
        for _ in 0..take(bytes)? {
            checkpoint.segments.push(Listed {
                number: take(bytes)?,
                first_seq: take(bytes)?,
                last_seq: take(bytes)?,
                pending: take(bytes)? != 0,
                claims_until: UnixMillis(i64::from_le_bytes(take_array(bytes)?)),
            });
        }
        bytes.is_empty().then_some(checkpoint)
    }
}

fn take_stand(bytes: &mut &[u8]) -> Option<Stand> {
    let len = take(bytes)?;
    let mut stand = Stand {
        name: std::str::from_utf8(take_bytes(bytes, len)?)
            .ok()?
            .to_owned(),
        cursor: take(bytes)?,
        unsettled: Vec::new(),
    };
    let mut last = 0u64;
    for _ in 0..take(bytes)? {
        let start = last.checked_add(take(bytes)?)?;
        last = start.checked_add(take(bytes)?)?;
        stand.unsettled.push(start..last);
    }
    Some(stand)
}

#[cfg(test)]
mod tests {
    use super::{Checkpoint, Listed, Reply, Stand, put_settled, put_void, settled, void};
    use crate::time::UnixMillis;
    use proptest::prelude::*;

    #[test]
    fn a_checkpoint_reads_back_and_a_cut_one_does_not() {
        let checkpoint = Checkpoint {
            destinations: vec![
                Stand {
                    name: "upstream:orders".to_owned(),
                    cursor: 300,
                    unsettled: vec![1..2, 10..250],
                },
                Stand::default(),
            ],
            segments: vec![Listed {
                number: 3,
                first_seq: 1,
                last_seq: 300,
                pending: true,
                claims_until: UnixMillis(-1),
            }],
        };
        let mut bytes = Vec::new();
        checkpoint.put(&mut bytes);
        assert_eq!(Checkpoint::read(&bytes), Some(checkpoint));
        for cut in 0..bytes.len() {
            assert_eq!(Checkpoint::read(&bytes[..cut]), None, "{cut}");
        }
    }

    proptest! {
        #[test]
        fn settled_void_and_reply_read_back(
            seqs in proptest::collection::btree_set(any::<u64>(), 0..40),
            destination in any::<u16>(),
            digest in any::<[u8; 16]>(),
            answer in proptest::collection::vec(any::<u8>(), 0..60),
            ends in any::<(u64, u64)>(),
        ) {
            let seqs: Vec<u64> = seqs.into_iter().collect();
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            put_settled(&mut bytes, destination, &seqs);
            settled(&bytes, |to, seq| back.push((to, seq))).unwrap();
            prop_assert!(back.iter().copied().eq(seqs.iter().map(|seq| (destination, *seq))));

            let range = ends.0.min(ends.1)..ends.0.max(ends.1);
            let mut bytes = Vec::new();
            put_void(&mut bytes, &range);
            prop_assert_eq!(void(&bytes), Some(range));

            let reply = Reply { digest, expires: UnixMillis(ends.0.cast_signed()), answer };
            let mut bytes = Vec::new();
            reply.put(&mut bytes);
            prop_assert_eq!(Reply::read(&bytes), Some(reply));
        }

        #[test]
        fn no_bytes_make_them_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = (Checkpoint::read(&bytes), void(&bytes), Reply::read(&bytes));
            let _ = settled(&bytes, |_, _| {});
        }
    }
}
