//! `openid : time : seq`, sorted; each openid stands once, its rows behind one another.

use std::ops::Range;

use super::header::{Plain, Section};
use super::layout::{i64_at, u16_at, u32_at};
use super::meta::{Meta, may_be};
use super::{IndexError, Place};
use crate::time::UnixMillis;

/// Bytes of a row: accepted i64, seq u32 (after the first), offset u32, type, account, set u16, 0 u16.
pub(super) const ROW: usize = 24;
/// Bytes of a subject: its first row u32, the start of its name u32.
pub(super) const SUBJECT: usize = 8;
/// Stands for a name beyond the 65,535 that have a number.
pub(super) const UNLISTED: u16 = u16::MAX;

/// What is looked for. `None` is anything; all that is given must hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// The openid (for Pay the `out_trade_no`).
    pub subject: Option<&'a str>,
    /// Accepted at this time or later.
    pub since: Option<UnixMillis>,
    /// Accepted before this time.
    pub until: Option<UnixMillis>,
    /// The type of the event, whole.
    pub type_name: Option<&'a str>,
    /// The name of the account.
    pub account: Option<&'a str>,
}

/// A message as the index knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it is.
    pub place: Place,
    /// When it was accepted.
    pub accepted: UnixMillis,
    /// The number of its type in [`Meta`].
    pub type_code: u16,
    /// The number of its account.
    pub account_code: u16,
    /// The number of the set of destinations it went to.
    pub set: u16,
}

/// The rows of a segment.
#[derive(Clone, Debug)]
pub struct Keys {
    bytes: Vec<u8>,
    first_seq: u64,
    subjects: usize,
    names: Range<usize>,
}

impl Keys {
    /// Takes its section.
    ///
    /// # Errors
    /// [`IndexError::Damaged`].
    pub fn parse(plain: Plain) -> Result<Self, IndexError> {
        if plain.section != Section::Keys {
            return Err(IndexError::Damaged);
        }
        Self::lay_out(plain.bytes, plain.first_seq).ok_or(IndexError::Damaged)
    }

    /// `subjects u32 | subject × (subjects + 1) | names | rows`: the last subject marks the ends.
    fn lay_out(bytes: Vec<u8>, first_seq: u64) -> Option<Self> {
        let subjects = usize::try_from(u32_at(&bytes, 0)?).ok()?;
        let start = subjects
            .checked_add(1)?
            .checked_mul(SUBJECT)?
            .checked_add(4)?;
        let last = start.checked_sub(SUBJECT)?;
        let rows = usize::try_from(u32_at(&bytes, last)?).ok()?;
        let length = usize::try_from(u32_at(&bytes, last + 4)?).ok()?;
        let names = start..start.checked_add(length)?;
        let end = names.end.checked_add(rows.checked_mul(ROW)?)?;
        (end == bytes.len()).then_some(Self {
            bytes,
            first_seq,
            subjects,
            names,
        })
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.rows().len() / ROW
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every message that may fit `filter`, by sequence number.
    ///
    /// May, since a segment lists 65,535 names of a kind at most: the caller reads the message
    /// anyway and compares.
    pub fn find(&self, meta: &Meta, filter: &Filter<'_>) -> Vec<Row> {
        let range = match filter.subject {
            Some(subject) => self.rows_of(subject, filter),
            None => 0..self.len(),
        };
        let mut found: Vec<Row> = range
            .filter_map(|at| self.row(at))
            .filter(|row| fits(row, meta, filter))
            .collect();
        found.sort_unstable_by_key(|row| row.place);
        found
    }

    /// The row of message `seq`.
    pub fn row_of(&self, seq: u64) -> Option<Row> {
        let wanted = u32::try_from(seq.checked_sub(self.first_seq)?).ok()?;
        let at = (0..self.len()).find(|at| u32_at(self.rows(), at * ROW + 8) == Some(wanted))?;
        self.row(at)
    }

    /// All rows, by openid and time.
    pub fn iter(&self) -> impl Iterator<Item = Row> {
        (0..self.len()).filter_map(|at| self.row(at))
    }

    fn rows(&self) -> &[u8] {
        self.bytes.get(self.names.end..).unwrap_or_default()
    }

    fn row(&self, at: usize) -> Option<Row> {
        let (rows, at) = (self.rows(), at * ROW);
        Some(Row {
            accepted: UnixMillis(i64_at(rows, at)?),
            place: Place {
                seq: self.first_seq.checked_add(u32_at(rows, at + 8)?.into())?,
                offset: u32_at(rows, at + 12)?.into(),
            },
            type_code: u16_at(rows, at + 16)?,
            account_code: u16_at(rows, at + 18)?,
            set: u16_at(rows, at + 20)?,
        })
    }

    /// The rows of one openid within the times of `filter`.
    fn rows_of(&self, subject: &str, filter: &Filter<'_>) -> Range<usize> {
        let wanted = subject.as_bytes();
        let at = partition(0..self.subjects, |at| {
            self.name(at).is_some_and(|name| name < wanted)
        });
        if self.name(at) != Some(wanted) {
            return 0..0;
        }
        let bound = |at| usize::try_from(self.subject(at).map_or(0, |entry| entry.0)).unwrap_or(0);
        let (first, end) = (bound(at), bound(at + 1).min(self.len()));
        let before = |time: UnixMillis| {
            partition(first..end, |at| {
                self.row(at).is_some_and(|row| row.accepted < time)
            })
        };
        filter.since.map_or(first, before)..filter.until.map_or(end, before)
    }

    /// First row and start of the name of subject `at`; one after the last marks the ends.
    fn subject(&self, at: usize) -> Option<(u32, u32)> {
        let at = at.checked_mul(SUBJECT)?.checked_add(4)?;
        Some((u32_at(&self.bytes, at)?, u32_at(&self.bytes, at + 4)?))
    }

    fn name(&self, at: usize) -> Option<&[u8]> {
        if at >= self.subjects {
            return None;
        }
        let start = usize::try_from(self.subject(at)?.1).ok()?;
        let end = usize::try_from(self.subject(at + 1)?.1).ok()?;
        self.bytes.get(self.names.clone())?.get(start..end)
    }
}

fn fits(row: &Row, meta: &Meta, filter: &Filter<'_>) -> bool {
    filter.since.is_none_or(|since| row.accepted >= since)
        && filter.until.is_none_or(|until| row.accepted < until)
        && may_be(&meta.types, row.type_code, filter.type_name)
        && may_be(&meta.accounts, row.account_code, filter.account)
}

/// The first place in `range` for which `before` no longer holds.
pub(super) fn partition(range: Range<usize>, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (range.start, range.end);
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
