//! Answers that retries must still get when their segment is gone.

use super::IndexError;
use super::header::{Plain, Section};
use super::layout::{Cursor, array, i64_at, narrow};
use crate::journal::record::Reply;
use crate::time::UnixMillis;

/// The answers of a segment: few, since most retries come within seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    all: Vec<Reply>,
}

impl Replies {
    /// Reads its section.
    ///
    /// # Errors
    /// [`IndexError::Damaged`].
    pub fn parse(plain: &Plain) -> Result<Self, IndexError> {
        if plain.section != Section::Replies {
            return Err(IndexError::Damaged);
        }
        let (mut cursor, mut all) = (Cursor::new(&plain.bytes), Vec::new());
        while !cursor.is_empty() {
            all.push(read(&mut cursor)?);
        }
        Ok(Self { all })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those that live on after `now`.
    pub fn living(&self, now: UnixMillis) -> impl Iterator<Item = &Reply> {
        self.all.iter().filter(move |reply| reply.expires > now)
    }
}

/// `digest 16 | expires i64 | length u32 | answer`, one after the other.
pub(super) fn encode(replies: &[Reply]) -> Vec<u8> {
    let mut out = Vec::new();
    for reply in replies {
        out.extend_from_slice(&reply.digest);
        out.extend_from_slice(&reply.expires.0.to_le_bytes());
        out.extend_from_slice(&narrow(reply.answer.len()).to_le_bytes());
        out.extend_from_slice(&reply.answer);
    }
    out
}

fn read(cursor: &mut Cursor<'_>) -> Result<Reply, IndexError> {
    let digest = array(cursor.take(16)?, 0).ok_or(IndexError::Damaged)?;
    let expires = i64_at(cursor.take(8)?, 0).ok_or(IndexError::Damaged)?;
    let length = usize::try_from(cursor.u32()?).map_err(|_| IndexError::Damaged)?;
    Ok(Reply {
        digest,
        expires: UnixMillis(expires),
        answer: cursor.take(length)?.to_vec(),
    })
}
