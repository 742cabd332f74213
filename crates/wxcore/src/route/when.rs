//! The conditions of a route, compiled.

use regex::Regex;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::facts::{Asked, Named};
use super::number::{self, Comparison};
use super::term::{self, Term};
use crate::config::{ConfigError, OneOrMany, ShardConfig, ShareConfig, WhenConfig};

/// A compiled `when`: all of it must hold.
#[derive(Default)]
pub(crate) struct When {
    tests: Vec<Test>,
    /// For each test what the operator wrote, for explanations.
    settings: Vec<Setting>,
}

/// A condition as it was written.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) path: String,
    pub(super) wants: String,
}

enum Test {
    Account(Vec<String>),
    Kind(Vec<String>),
    Name(Named, Vec<String>),
    Text(Term, Vec<String>),
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

/// Shares are told to the hundredth of a percent.
const WHOLE: f64 = 10_000.0;
/// Apart from the hash that chooses nodes: who is in a share says nothing of their nodes.
const SHARE_SEED: u64 = 0x7778_6761_7465;

impl When {
    pub(crate) fn new(config: &WhenConfig, problems: &mut Vec<ConfigError>) -> Self {
        let mut when = Self::default();
        when.names("account", &config.account, Test::Account);
        when.names("kind", &config.kind, Test::Kind);
        for (path, field, names) in [
            ("type", Named::MsgType, &config.msg_type),
            ("event", Named::Event, &config.event),
            ("info_type", Named::InfoType, &config.info_type),
            ("change_type", Named::ChangeType, &config.change_type),
            ("event_type", Named::EventType, &config.event_type),
        ] {
            when.names(path, names, |names| Test::Name(field, names));
        }
        when.tags(config);
        when.hashes(config, problems);
        when.patterns(config, problems);
        when
    }

    fn push(&mut self, path: &str, wants: impl Into<String>, test: Test) {
        let (path, wants) = (format!("when.{path}"), wants.into());
        self.tests.push(test);
        self.settings.push(Setting { path, wants });
    }

    fn names(&mut self, path: &str, config: &OneOrMany, test: impl FnOnce(Vec<String>) -> Test) {
        let names = config.names();
        if !names.is_empty() {
            self.push(path, names.join(" | "), test(names));
        }
    }

    fn tags(&mut self, config: &WhenConfig) {
        for (name, texts) in &config.header {
            let term = Term::Header(name.clone());
            self.names(&format!("header.{name}"), texts, |texts| {
                Test::Text(term, texts)
            });
        }
        for (name, texts) in &config.query {
            let term = Term::Query(name.clone());
            self.names(&format!("query.{name}"), texts, |texts| {
                Test::Text(term, texts)
            });
        }
    }

    fn hashes(&mut self, config: &WhenConfig, problems: &mut Vec<ConfigError>) {
        for (of, text) in &config.number {
            let path = format!("number.{of}");
            match (Term::parse(of), Comparison::parse(text)) {
                (Some(term), Some(bound)) => self.push(&path, text, Test::Number(term, bound)),
                (None, _) => problems.push(problem(&path, term::GRAMMAR)),
                (_, None) => problems.push(problem(&path, number::GRAMMAR)),
            }
        }
        if let Some(shard) = &config.shard {
            match sharded(shard) {
                Ok(test) => {
                    let wants =
                        format!("hash({}) % {} in {:?}", shard.of, shard.modulo, shard.parts);
                    self.push("shard", wants, test);
                }
                Err(error) => problems.push(error.within("when")),
            }
        }
        if let Some(share) = &config.share {
            match shared(share) {
                Ok(test) => {
                    self.push(
                        "share",
                        format!("{} % by {}", share.percent, share.of),
                        test,
                    );
                }
                Err(error) => problems.push(error.within("when")),
            }
        }
    }

    fn patterns(&mut self, config: &WhenConfig, problems: &mut Vec<ConfigError>) {
        let field = |name: &str| Term::Field(name.to_owned());
        let mut all = Vec::new();
        for (path, name, pattern) in [
            ("content", "Content", &config.content),
            ("key", "EventKey", &config.key),
        ] {
            all.extend(
                pattern
                    .as_ref()
                    .map(|text| (path.to_owned(), Some(field(name)), text)),
            );
        }
        for (name, pattern) in &config.field {
            all.push((format!("field.{name}"), Some(field(name)), pattern));
        }
        all.extend(
            config
                .openid
                .as_ref()
                .map(|text| ("openid".to_owned(), None, text)),
        );
        for (path, term, pattern) in all {
            match (Regex::new(pattern), term) {
                (Ok(regex), Some(term)) => self.push(&path, pattern, Test::Pattern(term, regex)),
                (Ok(regex), None) => self.push(&path, pattern, Test::User(regex)),
                (Err(error), _) => problems.push(problem(&path, &regex_reason(&error))),
            }
        }
    }

    pub(crate) fn holds(&self, asked: &Asked<'_>) -> bool {
        self.tests.iter().all(|test| test.holds(asked))
    }

    /// The first condition that does not hold, and what it met instead.
    pub(super) fn fails(&self, asked: &Asked<'_>) -> Option<(&Setting, Option<String>)> {
        let mut pairs = self.tests.iter().zip(&self.settings);
        let (test, setting) = pairs.find(|(test, _)| !test.holds(asked))?;
        Some((setting, test.met(asked)))
    }

    /// Whether it asks for what only a request has.
    pub(crate) fn asks_request(&self) -> bool {
        let mut terms = self.tests.iter().filter_map(Test::term);
        terms.any(|term| !term.is_kept())
    }

    /// Whether it asks for a header of requests to this account.
    pub(crate) fn asks_headers(&self, account: &str, kind: &str) -> bool {
        let asks = |test: &Test| matches!(test.term(), Some(Term::Header(_)));
        let meant = |test: &Test| match test {
            Test::Account(names) => one_of(names, account),
            Test::Kind(names) => one_of(names, kind),
            _ => true,
        };
        self.tests.iter().any(asks) && self.tests.iter().all(meant)
    }
}

impl Test {
    fn term(&self) -> Option<&Term> {
        match self {
            Self::Text(term, _)
            | Self::Number(term, _)
            | Self::Pattern(term, _)
            | Self::Shard { of: term, .. }
            | Self::Share { of: term, .. } => Some(term),
            Self::Account(_) | Self::Kind(_) | Self::Name(..) | Self::User(_) => None,
        }
    }

    fn holds(&self, asked: &Asked<'_>) -> bool {
        match self {
            Self::Account(names) => one_of(names, asked.facts.account()),
            Self::Kind(names) => one_of(names, asked.facts.kind()),
            Self::Name(field, names) => {
                let value = asked.named(*field);
                value.is_some_and(|value| one_of(names, value))
            }
            Self::Text(term, texts) => is(term, asked, |value| one_of(texts, value)),
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
    fn met(&self, asked: &Asked<'_>) -> Option<String> {
        match self {
            Self::Account(_) => Some(asked.facts.account().to_owned()),
            Self::Kind(_) => Some(asked.facts.kind().to_owned()),
            Self::Name(field, _) => asked.named(*field).map(str::to_owned),
            Self::Shard { of, modulo, .. } => {
                let value = of.value(asked)?;
                let part = xxh3_64(value.as_bytes()).checked_rem(*modulo)?;
                Some(format!("{value}, which gives {part}"))
            }
            Self::Text(term, _)
            | Self::Number(term, _)
            | Self::Share { of: term, .. }
            | Self::Pattern(term, _) => term.value(asked).map(Into::into),
            Self::User(_) => asked.facts.openid().map(Into::into),
        }
    }
}

/// Whether there is a value and it passes.
fn is(term: &Term, asked: &Asked<'_>, passes: impl FnOnce(&str) -> bool) -> bool {
    term.value(asked).is_some_and(|value| passes(&value))
}

fn one_of(names: &[String], value: &str) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(value))
}

fn problem(path: &str, reason: &str) -> ConfigError {
    ConfigError::new(format!("when.{path}"), reason)
}

fn sharded(config: &ShardConfig) -> Result<Test, ConfigError> {
    let of = Term::parse(&config.of).ok_or_else(|| ConfigError::new("shard.of", term::GRAMMAR))?;
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
    Ok(Test::Shard { of, modulo, parts })
}

fn shared(config: &ShareConfig) -> Result<Test, ConfigError> {
    let of = Term::parse(&config.of).ok_or_else(|| ConfigError::new("share.of", term::GRAMMAR))?;
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
    Ok(Test::Share { of, seed, below })
}

fn regex_reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "is too large a regular expression".to_owned(),
        other => {
            let text = other.to_string();
            format!(
                "is not a regular expression: {}",
                text.lines().last().unwrap_or_default()
            )
        }
    }
}
