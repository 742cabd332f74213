//! Names, said once, and what the segment declares void.

use std::ops::Range;

use super::header::{Plain, Section};
use super::layout::{Cursor, narrow, put_text};
use super::{IndexError, keys::UNLISTED};

/// What the numbers in a row mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Names of types of messages.
    pub types: Vec<String>,
    /// Names of accounts.
    pub accounts: Vec<String>,
    /// Sets of names of destinations that messages went to.
    pub destinations: Vec<Vec<String>>,
    /// Messages, here or in segments before, that were never acknowledged and are not delivered.
    pub void: Vec<Range<u64>>,
}

impl Meta {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_names(&mut out, &self.types);
        put_names(&mut out, &self.accounts);
        out.extend_from_slice(&narrow(self.destinations.len()).to_le_bytes());
        for set in &self.destinations {
            put_names(&mut out, set);
        }
        out.extend_from_slice(&narrow(self.void.len()).to_le_bytes());
        for range in &self.void {
            out.extend_from_slice(&range.start.to_le_bytes());
            out.extend_from_slice(&range.end.to_le_bytes());
        }
        out
    }

    /// Reads its section.
    ///
    /// # Errors
    /// [`IndexError::Damaged`].
    pub fn parse(plain: &Plain) -> Result<Self, IndexError> {
        if plain.section != Section::Meta {
            return Err(IndexError::Damaged);
        }
        let mut cursor = Cursor::new(&plain.bytes);
        let types = names(&mut cursor)?;
        let accounts = names(&mut cursor)?;
        let sets = cursor.u32()?;
        let destinations = (0..sets)
            .map(|_| names(&mut cursor))
            .collect::<Result<_, _>>()?;
        let ranges = cursor.u32()?;
        let void = (0..ranges)
            .map(|_| Ok(cursor.u64()?..cursor.u64()?))
            .collect::<Result<_, _>>()?;
        if !cursor.is_empty() {
            return Err(IndexError::Damaged);
        }
        Ok(Self {
            types,
            accounts,
            destinations,
            void,
        })
    }

    /// The names behind the number of a set; `None` if the segment had too many sets to list.
    pub fn destinations(&self, set: u16) -> Option<&[String]> {
        self.destinations.get(usize::from(set)).map(Vec::as_slice)
    }
}

/// Whether `code` may stand for `wanted`: a name that was not listed may be any.
pub(super) fn may_be(names: &[String], code: u16, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| {
        code == UNLISTED || names.get(usize::from(code)).is_some_and(|n| n == wanted)
    })
}

fn put_names(out: &mut Vec<u8>, names: &[String]) {
    out.extend_from_slice(&narrow(names.len()).to_le_bytes());
    for name in names {
        put_text(out, name);
    }
}

fn names(cursor: &mut Cursor<'_>) -> Result<Vec<String>, IndexError> {
    let count = cursor.u32()?;
    (0..count).map(|_| cursor.text()).collect()
}
