//! Which kind of message comes next, by weight.

use rand::Rng;
use rand_distr::Distribution;
use rand_distr::weighted::WeightedIndex;

use crate::seal::Sender;
use crate::spec::{LoadError, PartSpec, Spec, Style, What};

/// What comes next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn {
    /// Index of the part of the mix.
    pub(crate) part: usize,
    /// Index of the account.
    pub(crate) account: usize,
    pub(crate) what: What,
}

/// What is sent, by weight.
pub(crate) struct Mix {
    parts: Vec<(usize, What)>,
    weights: WeightedIndex<f64>,
    paid: f64,
}

impl Mix {
    pub(crate) fn new(spec: &Spec, senders: &[Sender]) -> Result<Self, LoadError> {
        let place = |part: &PartSpec| {
            let at = spec
                .accounts
                .iter()
                .position(|account| account.name == part.account);
            let pays = at
                .and_then(|at| senders.get(at))
                .map(|sender| sender.style == Style::Pay);
            match (at, pays) {
                (Some(at), Some(pays)) if pays == (part.what == What::Payment) => {
                    Ok((at, part.what))
                }
                (Some(_), _) => Err(format!(
                    "mix: {} does not send {:?}",
                    part.account, part.what
                )),
                (None, _) => Err(format!("mix: {} is no account", part.account)),
            }
        };
        let parts: Vec<_> = spec
            .mix
            .iter()
            .map(place)
            .collect::<Result<_, _>>()
            .map_err(LoadError::Spec)?;
        let all: f64 = spec.mix.iter().map(|part| part.weight).sum();
        let paid: f64 = spec
            .mix
            .iter()
            .filter(|part| part.what == What::Payment)
            .map(|part| part.weight)
            .sum();
        let weights = WeightedIndex::new(spec.mix.iter().map(|part| part.weight))
            .map_err(|error| LoadError::Spec(format!("mix: {error}")))?;
        Ok(Self {
            parts,
            weights,
            paid: paid / all,
        })
    }

    /// How many payments so many messages have, with some to spare for chance.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    pub(crate) fn payments(&self, messages: u64) -> u64 {
        let mean = messages as f64 * self.paid;
        if self.paid == 0.0 {
            0
        } else {
            (mean + 6.0 * mean.sqrt() + 10.0) as u64
        }
    }

    /// How many messages there are to one payment, in the mean.
    pub(crate) const fn apart(&self) -> f64 {
        1.0 / self.paid
    }

    /// Draws one.
    pub(crate) fn draw(&self, random: &mut impl Rng) -> Option<Drawn> {
        let part = self.weights.sample(random);
        let (account, what) = self.parts.get(part).copied()?;
        Some(Drawn {
            part,
            account,
            what,
        })
    }
}
