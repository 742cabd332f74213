//! Stage 5: which destinations a message goes to, and which of their nodes.

use std::borrow::Cow;
use std::cell::OnceCell;

use regex::Regex;

use crate::config::{ConfigError, HashBy, ReplyMode, RouteConfig, UpstreamConfig, WhenConfig};
use crate::ring::HashRing;

/// What routing may ask of a message, whatever its dialect.
pub trait Facts {
    /// The account's name.
    fn account(&self) -> &str;
    /// The account's kind.
    fn kind(&self) -> &'static str;
    /// A field by dotted path; `MsgType`, `Event`, `Content` and the like under WeChat's names.
    fn field(&self, path: &str) -> Option<Cow<'_, str>>;
    /// The routing key's user.
    fn openid(&self) -> Option<Cow<'_, str>>;
}

/// Fields that routes compare with names.
#[derive(Clone, Copy)]
enum Named {
    MsgType,
    Event,
    InfoType,
    ChangeType,
    EventType,
}

impl Named {
    const fn field(self) -> &'static str {
        match self {
            Self::MsgType => "MsgType",
            Self::Event => "Event",
            Self::InfoType => "InfoType",
            Self::ChangeType => "ChangeType",
            Self::EventType => "event_type",
        }
    }
}

/// A message's named fields, each looked up once however many routes ask for it.
pub(crate) struct Asked<'a> {
    facts: &'a dyn Facts,
    named: [OnceCell<Option<Cow<'a, str>>>; 5],
}

impl<'a> Asked<'a> {
    pub(crate) fn new(facts: &'a dyn Facts) -> Self {
        let named = Default::default();
        Self { facts, named }
    }

    fn named(&self, name: Named) -> Option<&str> {
        let cell = self.named.get(name as usize)?;
        cell.get_or_init(|| self.facts.field(name.field()))
            .as_deref()
    }
}

/// A compiled `when`.
#[derive(Default)]
pub(crate) struct When {
    accounts: Vec<String>,
    kinds: Vec<String>,
    names: Vec<(Named, Vec<String>)>,
    openid: Option<Regex>,
    patterns: Vec<(String, Regex)>,
}

struct Route {
    when: When,
    upstream: Option<usize>,
    reply: ReplyMode,
    also: bool,
}

struct Upstream {
    ring: HashRing,
    hash: HashBy,
}

/// All routes and upstreams, compiled.
pub struct RouteTable {
    routes: Vec<Route>,
    upstreams: Vec<Upstream>,
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Index of the route.
    pub route: usize,
    /// Nodes of the route's upstream by index, the chosen one first, then those that may take its
    /// place, [`FEW`](crate::ring::FEW) at most; empty if it leads elsewhere.
    pub nodes: Vec<usize>,
    /// Whether its answer is waited for.
    pub reply: ReplyMode,
}

/// The keys by which an upstream may hash.
#[derive(Clone, Copy, Debug)]
pub struct HashKeys<'a> {
    /// The routing key.
    pub routing: &'a str,
    /// The account's name.
    pub account: &'a str,
    /// The idempotency key.
    pub id: &'a str,
    /// Something that differs from message to message.
    pub tick: i64,
}

impl RouteTable {
    /// Compiles routes and upstreams.
    ///
    /// # Errors
    /// Every problem at once, by path.
    pub fn new(
        routes: &[RouteConfig],
        upstreams: &[UpstreamConfig],
    ) -> Result<Self, Vec<ConfigError>> {
        let mut problems = Vec::new();
        let mut table = Self {
            routes: Vec::new(),
            upstreams: Vec::new(),
        };
        for upstream in upstreams {
            let nodes = upstream
                .nodes
                .iter()
                .map(|node| (node.name().to_owned(), node.weight));
            match HashRing::new(nodes) {
                Ok(ring) => table.upstreams.push(Upstream {
                    ring,
                    hash: upstream.hash,
                }),
                Err(error) => problems.push(error.within(&format!("upstream.{}", upstream.name))),
            }
        }
        for (index, route) in routes.iter().enumerate() {
            let mut more = Vec::new();
            let when = When::new(&route.when, &mut more);
            if route
                .upstream
                .is_some_and(|upstream| upstream >= upstreams.len())
            {
                more.push(ConfigError::new("to", "names no upstream"));
            }
            problems.extend(
                more.into_iter()
                    .map(|error| error.within(&format!("route[{index}]"))),
            );
            let (upstream, reply, also) = (route.upstream, route.reply, route.also);
            table.routes.push(Route {
                when,
                upstream,
                reply,
                also,
            });
        }
        if problems.is_empty() {
            Ok(table)
        } else {
            Err(problems)
        }
    }

    /// The destinations of a message, in the order of the routes; empty if none takes it.
    pub fn pick(&self, facts: &dyn Facts, keys: HashKeys<'_>) -> Vec<Destination> {
        let mut found = Vec::with_capacity(1);
        let asked = Asked::new(facts);
        for (index, route) in self.routes.iter().enumerate() {
            if !route.when.holds(&asked) {
                continue;
            }
            found.push(Destination {
                route: index,
                nodes: self.nodes(route.upstream, keys),
                reply: route.reply,
            });
            if !route.also {
                break;
            }
        }
        found
    }

    /// The nodes of a route for a message whose conditions were looked at before it was recorded.
    pub fn nodes_of(&self, route: usize, keys: HashKeys<'_>) -> Vec<usize> {
        let upstream = self.routes.get(route).and_then(|route| route.upstream);
        self.nodes(upstream, keys)
    }

    fn nodes(&self, upstream: Option<usize>, keys: HashKeys<'_>) -> Vec<usize> {
        let Some(upstream) = upstream.and_then(|index| self.upstreams.get(index)) else {
            return Vec::new();
        };
        if upstream.ring.len() == 1 {
            return vec![0];
        }
        match upstream.hash {
            HashBy::Openid => upstream.ring.few(keys.routing.as_bytes()),
            HashBy::Account => upstream.ring.few(keys.account.as_bytes()),
            HashBy::Key => upstream.ring.few(keys.id.as_bytes()),
            HashBy::None => upstream.ring.few(&keys.tick.to_le_bytes()),
        }
    }
}

impl When {
    pub(crate) fn new(config: &WhenConfig, problems: &mut Vec<ConfigError>) -> Self {
        let mut when = Self {
            accounts: config.account.names(),
            kinds: config.kind.names(),
            ..Self::default()
        };
        let names = [
            (Named::MsgType, &config.msg_type),
            (Named::Event, &config.event),
            (Named::InfoType, &config.info_type),
            (Named::ChangeType, &config.change_type),
            (Named::EventType, &config.event_type),
        ];
        let given = names
            .into_iter()
            .map(|(field, names)| (field, names.names()));
        when.names = given.filter(|(_, names)| !names.is_empty()).collect();
        let mut compile = |path: String, pattern: &str| match Regex::new(pattern) {
            Ok(regex) => Some(regex),
            Err(error) => {
                problems.push(ConfigError::new(path, regex_reason(&error)));
                None
            }
        };
        for (field, path, pattern) in [
            ("Content", "when.content", &config.content),
            ("EventKey", "when.key", &config.key),
        ] {
            let compiled = pattern
                .as_deref()
                .and_then(|text| compile(path.to_owned(), text));
            when.patterns
                .extend(compiled.map(|regex| (field.to_owned(), regex)));
        }
        let openid = config.openid.as_deref();
        when.openid = openid.and_then(|text| compile("when.openid".to_owned(), text));
        for (field, pattern) in &config.field {
            let compiled = compile(format!("when.field.{field}"), pattern);
            when.patterns
                .extend(compiled.map(|regex| (field.clone(), regex)));
        }
        when
    }

    pub(crate) fn holds(&self, asked: &Asked<'_>) -> bool {
        let facts = asked.facts;
        one_of(&self.accounts, facts.account())
            && one_of(&self.kinds, facts.kind())
            && self.names.iter().all(|(field, names)| {
                asked
                    .named(*field)
                    .is_some_and(|value| one_of(names, value))
            })
            && self.patterns.iter().all(|(field, pattern)| {
                facts
                    .field(field)
                    .is_some_and(|value| pattern.is_match(&value))
            })
            && self.openid.as_ref().is_none_or(|pattern| {
                facts
                    .openid()
                    .is_some_and(|openid| pattern.is_match(&openid))
            })
    }
}

fn one_of(names: &[String], value: &str) -> bool {
    names.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(value))
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
