//! Which routes may take a message, told without asking each of them.
//!
//! What many routes compare with names is looked up once in a message, and gives all routes that may
//! have it: those that list that name, and those that do not ask. Routes are bits in their order, as
//! the rules of a packet filter are, so what several such facets leave is an intersection, and comes
//! out in the order of the file. What is left is asked all its conditions: an index that lets too
//! much through costs time, and can never send a message elsewhere.

use std::ops::ControlFlow;

use super::condition::Subject;
use super::facts::Asked;
use super::sieve::{Sieve, Sieved};
use super::when::When;
use crate::names::Names;
use crate::parse::lower_case;

/// So many routes have to compare a thing with names before it is worth a facet: below, asking them
/// costs less than looking it up.
const ENOUGH: usize = 4;
/// Facets are looked up whatever a message is, so there are no more than these, the most asked first.
const MOST: usize = 8;

/// Routes in their order, 64 to a word; words without any are left out.
#[derive(Default)]
struct Routes(Vec<Word>);

/// Those of the 64 routes from `64 * at` on whose bits are set.
#[derive(Clone, Copy)]
struct Word {
    at: usize,
    bits: u64,
}

/// One thing that is compared with names.
struct Facet {
    of: Subject,
    /// Routes that do not ask for it.
    any: Routes,
    /// Routes that list a name, which is in lower case.
    listed: Names<Routes>,
}

/// Over all routes of a table.
pub(super) struct Index {
    /// How many there are.
    routes: usize,
    facets: Vec<Facet>,
    sieves: Vec<Sieve>,
}

/// What one facet leaves of the routes, from some word on.
#[derive(Clone, Copy, Default)]
struct Left<'i> {
    any: &'i [Word],
    listed: &'i [Word],
}

impl Index {
    pub(super) fn new(routes: &[&When]) -> Self {
        let facets = subjects(routes).into_iter();
        Self {
            routes: routes.len(),
            facets: facets.map(|of| Facet::new(of, routes)).collect(),
            sieves: Sieve::over(routes),
        }
    }

    /// Has `take` see the routes that may take a message, in their order, until it breaks off.
    pub(super) fn each(
        &self,
        asked: &Asked<'_>,
        mut take: impl FnMut(usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.facets.is_empty() && self.sieves.is_empty() {
            return (0..self.routes).try_for_each(take);
        }
        let mut left = [Left::default(); MOST];
        for (left, facet) in left.iter_mut().zip(&self.facets) {
            *left = facet.leaves(asked);
        }
        let left = left.get_mut(..self.facets.len()).unwrap_or_default();
        let mut sieved: Vec<_> = self.sieves.iter().map(|_| Sieved::default()).collect();
        let mut at = 0;
        while at * 64 < self.routes
            && let Some(Word { at: word, mut bits }) = aligned(left, at)
        {
            for (sieve, sieved) in self.sieves.iter().zip(&mut sieved) {
                bits = sieve.narrow(word, bits, sieved, asked);
            }
            while bits != 0 {
                take(word * 64 + bits.trailing_zeros() as usize)?;
                bits &= bits - 1;
            }
            at = word + 1;
        }
        ControlFlow::Continue(())
    }
}

/// What is compared with names by enough routes, the most frequent first.
fn subjects(routes: &[&When]) -> Vec<Subject> {
    let mut counted: Vec<(Subject, usize)> = Vec::new();
    let conditions = routes.iter().flat_map(|when| when.conditions());
    for (subject, _) in conditions.filter_map(|one| one.names()) {
        match counted.iter_mut().find(|(one, _)| one == subject) {
            Some((_, count)) => *count += 1,
            None => counted.push((subject.clone(), 1)),
        }
    }
    counted.retain(|(_, count)| *count >= ENOUGH);
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let most = counted.into_iter().take(MOST);
    most.map(|(subject, _)| subject).collect()
}

impl Facet {
    fn new(of: Subject, routes: &[&When]) -> Self {
        let (mut any, mut listed) = (Routes::default(), Names::<Routes>::default());
        for (route, when) in routes.iter().enumerate() {
            let mut names = when.conditions().iter().filter_map(|one| one.names());
            match names.find(|(subject, _)| **subject == of) {
                None => any.push(route),
                Some((_, names)) => {
                    for name in names {
                        listed.entry(name.as_str().into()).or_default().push(route);
                    }
                }
            }
        }
        Self { of, any, listed }
    }

    fn leaves(&self, asked: &Asked<'_>) -> Left<'_> {
        let value = self.of.value(asked);
        let listed = value.and_then(|value| self.listed.get(&*lower_case(value)));
        Left {
            any: &self.any.0,
            listed: listed.map_or(&[], |routes| &routes.0),
        }
    }
}

impl Routes {
    /// Adds a route that stands behind all others.
    fn push(&mut self, route: usize) {
        let (at, bits) = (route / 64, 1 << (route % 64));
        match self.0.last_mut() {
            Some(last) if last.at == at => last.bits |= bits,
            _ => self.0.push(Word { at, bits }),
        }
    }
}

/// The next word in which all facets leave something, which need not be the same routes.
fn aligned(facets: &mut [Left<'_>], mut at: usize) -> Option<Word> {
    'aligned: loop {
        let mut bits = u64::MAX;
        for left in &mut *facets {
            let found = left.from(at)?;
            if found.at > at {
                at = found.at;
                continue 'aligned;
            }
            bits &= found.bits;
        }
        return Some(Word { at, bits });
    }
}

impl Left<'_> {
    /// The first word from `at` on.
    fn from(&mut self, at: usize) -> Option<Word> {
        match (first(&mut self.any, at), first(&mut self.listed, at)) {
            (Some(one), Some(other)) if one.at == other.at => Some(Word {
                at: one.at,
                bits: one.bits | other.bits,
            }),
            (Some(one), Some(other)) => Some(if one.at < other.at { one } else { other }),
            (one, other) => one.or(other),
        }
    }
}

fn first(words: &mut &[Word], at: usize) -> Option<Word> {
    while let [first, rest @ ..] = *words {
        if first.at >= at {
            return Some(*first);
        }
        *words = rest;
    }
    None
}
