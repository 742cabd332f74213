//! The conditions of a route, compiled.

use regex::Regex;

use super::condition::{Condition, Subject, one_of};
use super::facts::{Asked, Named};
use super::number::{self, Comparison};
use super::term::{self, Term};
use crate::config::{ConfigError, OneOrMany, WhenConfig};

/// A compiled `when`: all of it must hold.
#[derive(Default)]
pub(crate) struct When {
    conditions: Vec<Condition>,
    /// For each condition what the operator wrote, for explanations.
    settings: Vec<Setting>,
}

/// A condition as it was written.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) path: String,
    pub(super) wants: String,
}

impl When {
    pub(crate) fn new(config: &WhenConfig, problems: &mut Vec<ConfigError>) -> Self {
        let mut when = Self::default();
        for (path, subject, names) in [
            ("account", Subject::Account, &config.account),
            ("kind", Subject::Kind, &config.kind),
            ("type", Subject::Named(Named::MsgType), &config.msg_type),
            ("event", Subject::Named(Named::Event), &config.event),
            (
                "info_type",
                Subject::Named(Named::InfoType),
                &config.info_type,
            ),
            (
                "change_type",
                Subject::Named(Named::ChangeType),
                &config.change_type,
            ),
            (
                "event_type",
                Subject::Named(Named::EventType),
                &config.event_type,
            ),
        ] {
            when.names(path, subject, names);
        }
        when.tags(config);
        when.numbers(config, problems);
        when.parts(config, problems);
        when.patterns(config, problems);
        when
    }

    fn push(&mut self, path: &str, wants: impl Into<String>, condition: Condition) {
        let (path, wants) = (format!("when.{path}"), wants.into());
        self.conditions.push(condition);
        self.settings.push(Setting { path, wants });
    }

    fn names(&mut self, path: &str, subject: Subject, config: &OneOrMany) {
        let names = config.names();
        if !names.is_empty() {
            self.push(path, names.join(" | "), Condition::OneOf(subject, names));
        }
    }

    fn tags(&mut self, config: &WhenConfig) {
        for (name, texts) in &config.header {
            let subject = Subject::Term(Term::Header(name.clone()));
            self.names(&format!("header.{name}"), subject, texts);
        }
        for (name, texts) in &config.query {
            let subject = Subject::Term(Term::Query(name.clone()));
            self.names(&format!("query.{name}"), subject, texts);
        }
    }

    fn numbers(&mut self, config: &WhenConfig, problems: &mut Vec<ConfigError>) {
        for (of, text) in &config.number {
            let path = format!("number.{of}");
            match (Term::parse(of), Comparison::parse(text)) {
                (Some(term), Some(bound)) => self.push(&path, text, Condition::Number(term, bound)),
                (None, _) => problems.push(problem(&path, term::GRAMMAR)),
                (_, None) => problems.push(problem(&path, number::GRAMMAR)),
            }
        }
    }

    fn parts(&mut self, config: &WhenConfig, problems: &mut Vec<ConfigError>) {
        if let Some(config) = &config.shard {
            let wants = format!(
                "hash({}) % {} in {:?}",
                config.of, config.modulo, config.parts
            );
            self.part("shard", wants, Condition::sharded(config), problems);
        }
        if let Some(config) = &config.share {
            let wants = format!("{} % by {}", config.percent, config.of);
            self.part("share", wants, Condition::shared(config), problems);
        }
    }

    fn part(
        &mut self,
        path: &str,
        wants: String,
        condition: Result<Condition, ConfigError>,
        problems: &mut Vec<ConfigError>,
    ) {
        match condition {
            Ok(condition) => self.push(path, wants, condition),
            Err(error) => problems.push(error.within("when")),
        }
    }

    fn patterns(&mut self, config: &WhenConfig, problems: &mut Vec<ConfigError>) {
        let term = |name: &str| Some(Term::Field(name.to_owned()));
        let mut all = Vec::new();
        let named = [
            ("content", term("Content"), &config.content),
            ("key", term("EventKey"), &config.key),
        ];
        for (path, term, pattern) in named {
            all.extend(
                pattern
                    .iter()
                    .map(|text| (path.to_owned(), term.clone(), text)),
            );
        }
        let fields = config.field.iter();
        all.extend(fields.map(|(name, text)| (format!("field.{name}"), term(name), text)));
        all.extend(
            config
                .openid
                .iter()
                .map(|text| ("openid".to_owned(), None, text)),
        );
        for (path, term, pattern) in all {
            match (Regex::new(pattern), term) {
                (Ok(regex), Some(term)) => {
                    self.push(&path, pattern, Condition::Pattern(term, regex));
                }
                (Ok(regex), None) => self.push(&path, pattern, Condition::User(regex)),
                (Err(error), _) => problems.push(problem(&path, &regex_reason(&error))),
            }
        }
    }

    pub(super) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    pub(crate) fn holds(&self, asked: &Asked<'_>) -> bool {
        self.conditions.iter().all(|one| one.holds(asked))
    }

    /// The first condition that does not hold, and what it met instead.
    pub(super) fn fails(&self, asked: &Asked<'_>) -> Option<(&Setting, Option<String>)> {
        let mut pairs = self.conditions.iter().zip(&self.settings);
        let (condition, setting) = pairs.find(|(one, _)| !one.holds(asked))?;
        Some((setting, condition.met(asked)))
    }

    /// Whether it asks for what only a request has.
    pub(crate) fn asks_request(&self) -> bool {
        let mut terms = self.conditions.iter().filter_map(Condition::term);
        terms.any(|term| !term.is_kept())
    }

    /// Whether it asks for a header of requests to this account.
    pub(crate) fn asks_headers(&self, account: &str, kind: &str) -> bool {
        let asks = |one: &Condition| matches!(one.term(), Some(Term::Header(_)));
        let meant = |one: &Condition| match one.names() {
            Some((Subject::Account, names)) => one_of(names, account),
            Some((Subject::Kind, names)) => one_of(names, kind),
            _ => true,
        };
        self.conditions.iter().any(asks) && self.conditions.iter().all(meant)
    }
}

fn problem(path: &str, reason: &str) -> ConfigError {
    ConfigError::new(format!("when.{path}"), reason)
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
