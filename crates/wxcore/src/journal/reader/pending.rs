//! What each destination has not taken yet, as the last checkpoint and what follows it say.

use std::collections::{BTreeMap, HashSet};

use crate::journal::record::{Checkpoint, Stand};

/// Undelivered messages by the names of destinations.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    names: BTreeMap<String, Destination>,
}

/// Where one destination stood, and what it has taken since.
#[derive(Clone, Debug, Default)]
struct Destination {
    stand: Stand,
    taken: HashSet<u64>,
}

impl Pending {
    /// A checkpoint says all there is to say of the time before it.
    pub(super) fn restart(&mut self, checkpoint: Checkpoint) {
        let named = |stand: Stand| {
            let (name, taken) = (stand.name.clone(), HashSet::new());
            (name, Destination { stand, taken })
        };
        self.names = checkpoint.destinations.into_iter().map(named).collect();
    }

    /// `name` has taken `seq`.
    pub(super) fn settle(&mut self, name: &str, seq: u64) {
        if let Some(destination) = self.names.get_mut(name) {
            destination.taken.insert(seq);
            return;
        }
        let destination = Destination {
            taken: HashSet::from([seq]),
            ..Destination::default()
        };
        self.names.insert(name.to_owned(), destination);
    }

    /// Whether message `seq`, which is addressed to `name`, waits to be delivered there.
    pub(super) fn waits(&self, name: &str, seq: u64) -> bool {
        let Some(Destination { stand, taken }) = self.names.get(name) else {
            return true;
        };
        let before = stand.unsettled.partition_point(|run| run.end <= seq);
        let listed = || {
            stand
                .unsettled
                .get(before)
                .is_some_and(|run| run.contains(&seq))
        };
        !taken.contains(&seq) && (seq > stand.cursor || listed())
    }

    /// The names that are known.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }
}
