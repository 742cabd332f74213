//! One condition of a `when`, compiled.

use std::borrow::Cow;

use regex::Regex;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::facts::{Asked, Named};
use super::number::Comparison;
use super::term::{self, Term};
use crate::config::{ConfigError, ShardConfig, ShareConfig};

/// One thing that must hold.
pub(super) enum Condition {
    /// It has one of these names, which are in lower case.
    OneOf(Subject, Vec<String>),
    Number(Term, Comparison),
    Shard {
        of: Term,
        modulo: u64,
        parts: Vec<u64>,
    },
    Share {
        of: Term,
        seed: u64,
        below: u64,
    },
    Pattern(Term, Regex),
    User(Regex),
}

/// What is compared with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Account,
    Kind,
    Named(Named),
    Term(Term),
}

/// Shares are told to the hundredth of a percent.
const WHOLE: f64 = 10_000.0;
/// Apart from the hash that chooses nodes: who is in a share says nothing of their nodes.
const SHARE_SEED: u64 = 0x7778_6761_7465;

impl Condition {
    pub(super) fn sharded(config: &ShardConfig) -> Result<Self, ConfigError> {
        let of =
            Term::parse(&config.of).ok_or_else(|| ConfigError::new("shard.of", term::GRAMMAR))?;
        if config.modulo < 2 {
            return Err(ConfigError::new("shard.modulo", "expected 2 or more"));
        }
        if config.parts.is_empty() || config.parts.iter().any(|part| *part >= config.modulo) {
            return Err(ConfigError::new(
                "shard.parts",
                "expected numbers from 0 to modulo - 1",
            ));
        }
        let parts = config.parts.iter().map(|part| u64::from(*part)).collect();
        let modulo = u64::from(config.modulo);
        Ok(Self::Shard { of, modulo, parts })
    }

    pub(super) fn shared(config: &ShareConfig) -> Result<Self, ConfigError> {
        let of =
            Term::parse(&config.of).ok_or_else(|| ConfigError::new("share.of", term::GRAMMAR))?;
        if !(0.0..=100.0).contains(&config.percent) {
            return Err(ConfigError::new("share.percent", "expected 0 to 100"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 10,000"
        )]
        let below = (config.percent / 100.0 * WHOLE).round() as u64;
        let seed = xxh3_64_with_seed(config.salt.as_bytes(), SHARE_SEED);
        Ok(Self::Share { of, seed, below })
    }

    /// What it compares with names, and those.
    pub(super) fn names(&self) -> Option<(&Subject, &[String])> {
        match self {
            Self::OneOf(subject, names) => Some((subject, names)),
            _ => None,
        }
    }

    /// What it compares with a regular expression, and that.
    pub(super) fn pattern(&self) -> Option<(&Term, &str)> {
        match self {
            Self::Pattern(term, regex) => Some((term, regex.as_str())),
            _ => None,
        }
    }

    pub(super) fn term(&self) -> Option<&Term> {
        match self {
            Self::OneOf(Subject::Term(term), _)
            | Self::Number(term, _)
            | Self::Pattern(term, _)
            | Self::Shard { of: term, .. }
            | Self::Share { of: term, .. } => Some(term),
            Self::OneOf(..) | Self::User(_) => None,
        }
    }

    pub(super) fn holds(&self, asked: &Asked<'_>) -> bool {
        match self {
            Self::OneOf(subject, names) => subject
                .value(asked)
                .is_some_and(|value| one_of(names, &value)),
            Self::Number(term, bound) => is(term, asked, |value| bound.holds(value)),
            Self::Shard { of, modulo, parts } => is(of, asked, |value| {
                let part = xxh3_64(value.as_bytes()).checked_rem(*modulo);
                part.is_some_and(|part| parts.contains(&part))
            }),
            Self::Share { of, seed, below } => is(of, asked, |value| {
                xxh3_64_with_seed(value.as_bytes(), *seed) % 10_000 < *below
            }),
            Self::Pattern(term, pattern) => is(term, asked, |value| pattern.is_match(value)),
            Self::User(pattern) => {
                let openid = asked.facts.openid();
                openid.is_some_and(|openid| pattern.is_match(&openid))
            }
        }
    }

    /// The value that it looked at.
    pub(super) fn met(&self, asked: &Asked<'_>) -> Option<String> {
        match self {
            Self::OneOf(subject, _) => subject.value(asked).map(Into::into),
            Self::Shard { of, modulo, .. } => {
                let value = of.value(asked)?;
                let part = xxh3_64(value.as_bytes()).checked_rem(*modulo)?;
                Some(format!("{value}, which gives {part}"))
            }
            Self::Number(term, _) | Self::Share { of: term, .. } | Self::Pattern(term, _) => {
                term.value(asked).map(Into::into)
            }
            Self::User(_) => asked.facts.openid().map(Into::into),
        }
    }
}

impl Subject {
    pub(super) fn value<'v>(&self, asked: &'v Asked<'_>) -> Option<Cow<'v, str>> {
        match self {
            Self::Account => Some(asked.facts.account().into()),
            Self::Kind => Some(asked.facts.kind().into()),
            Self::Named(name) => asked.named(*name).map(Cow::Borrowed),
            Self::Term(term) => term.value(asked),
        }
    }
}

/// Whether there is a value and it passes.
fn is(term: &Term, asked: &Asked<'_>, passes: impl FnOnce(&str) -> bool) -> bool {
    term.value(asked).is_some_and(|value| passes(&value))
}

pub(super) fn one_of(names: &[String], value: &str) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(value))
}
