//! Which of many regular expressions cannot match a text, told in one pass over it.
//!
//! Most of them hold literal text, one piece of which every match must contain. All pieces are looked
//! for at once; only the expressions of which one was found are run.

use aho_corasick::AhoCorasick;

use super::facts::Asked;
use super::literals::required;
use super::term::Term;
use super::when::When;

/// So many expressions have to be left to run before the pass over the text is worth it.
const ENOUGH: u32 = 4;

/// The expressions over one term, those without literals excepted.
pub(super) struct Sieve {
    of: Term,
    /// Routes that have one, as bits.
    routes: Vec<u64>,
    pieces: AhoCorasick,
    /// To which route a piece belongs.
    owners: Vec<usize>,
}

/// What is known of one message.
#[derive(Default)]
pub(super) struct Sieved {
    /// How many expressions have been left to run.
    seen: u32,
    found: Option<Found>,
}

enum Found {
    /// Routes of which a piece was found, as bits.
    Routes(Vec<u64>),
    /// More pieces than are worth telling apart.
    All,
}

impl Sieve {
    /// One for each term that enough expressions are for.
    pub(super) fn over(routes: &[&When]) -> Vec<Self> {
        let mut terms: Vec<&Term> = Vec::new();
        let conditions = routes.iter().flat_map(|when| when.conditions());
        for (term, _) in conditions.filter_map(|one| one.pattern()) {
            if !terms.contains(&term) {
                terms.push(term);
            }
        }
        let sieves = terms.into_iter().filter_map(|of| Self::new(of, routes));
        sieves.collect()
    }

    fn new(of: &Term, routes: &[&When]) -> Option<Self> {
        let (mut pieces, mut owners) = (Vec::new(), Vec::new());
        let mut bits = vec![0; routes.len().div_ceil(64)];
        for (route, when) in routes.iter().enumerate() {
            let patterns = when.conditions().iter().filter_map(|one| one.pattern());
            let mut patterns = patterns.filter(|(term, _)| *term == of);
            let Some(found) = patterns.find_map(|(_, pattern)| required(pattern)) else {
                continue;
            };
            owners.extend(found.iter().map(|_| route));
            pieces.extend(found);
            set(&mut bits, route);
        }
        let count: u32 = bits.iter().map(|word: &u64| word.count_ones()).sum();
        Some(Self {
            of: of.clone(),
            routes: bits,
            pieces: (count >= ENOUGH).then(|| AhoCorasick::new(pieces).ok())??,
            owners,
        })
    }

    /// Those of the 64 routes from `64 * at` on that may still take the message.
    pub(super) fn narrow(&self, at: usize, bits: u64, to: &mut Sieved, asked: &Asked<'_>) -> u64 {
        let mine = bits & self.routes.get(at).copied().unwrap_or_default();
        if mine == 0 {
            return bits;
        }
        to.seen = to.seen.saturating_add(mine.count_ones());
        if to.seen < ENOUGH {
            return bits;
        }
        match to.found.get_or_insert_with(|| self.find(asked)) {
            Found::All => bits,
            Found::Routes(found) => bits & (found.get(at).copied().unwrap_or_default() | !mine),
        }
    }

    fn find(&self, asked: &Asked<'_>) -> Found {
        let mut found = vec![0; self.routes.len()];
        let Some(value) = self.of.value(asked) else {
            return Found::Routes(found);
        };
        for (count, piece) in self.pieces.find_overlapping_iter(&*value).enumerate() {
            // A text that is made of pieces: running all expressions takes less long.
            if count > self.owners.len() {
                return Found::All;
            }
            if let Some(route) = self.owners.get(piece.pattern().as_usize()) {
                set(&mut found, *route);
            }
        }
        Found::Routes(found)
    }
}

fn set(bits: &mut [u64], route: usize) {
    if let Some(word) = bits.get_mut(route / 64) {
        *word |= 1 << (route % 64);
    }
}
