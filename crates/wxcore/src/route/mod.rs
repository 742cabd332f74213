//! Stage 5: which destinations a message goes to, and which of their nodes.

use std::ops::ControlFlow;

use crate::config::{ConfigError, ReplyMode, RouteConfig, UpstreamConfig};
use crate::request::Request;
use crate::ring::HashRing;

mod condition;
mod explain;
pub mod facts;
pub mod hash;
mod index;
mod literals;
mod number;
#[cfg(test)]
mod order_tests;
mod sieve;
pub mod stored;
pub mod term;
#[cfg(test)]
mod tests;
mod when;

pub use explain::Explanation;
pub(crate) use facts::Asked;
pub use facts::Facts;
use hash::Hash;
use index::Index;
use stored::StoredEvent;
pub(crate) use when::When;

struct Route {
    when: When,
    upstream: Option<usize>,
    reply: ReplyMode,
    also: bool,
}

struct Upstream {
    name: String,
    ring: HashRing,
    hash: Hash,
}

/// All routes and upstreams, compiled.
pub struct RouteTable {
    routes: Vec<Route>,
    index: Index,
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
        let mut compiled = Vec::with_capacity(upstreams.len());
        for upstream in upstreams {
            match Upstream::new(upstream) {
                Ok(upstream) => compiled.push(upstream),
                Err(error) => problems.push(error.within(&format!("upstream.{}", upstream.name))),
            }
        }
        let routes = routes.iter().enumerate().map(|(index, config)| {
            let mut more = Vec::new();
            let route = Route::new(config, upstreams.len(), &mut more);
            let path = format!("route[{index}]");
            problems.extend(more.into_iter().map(|error| error.within(&path)));
            route
        });
        let routes: Vec<Route> = routes.collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let whens: Vec<&When> = routes.iter().map(|route| &route.when).collect();
        Ok(Self {
            index: Index::new(&whens),
            routes,
            upstreams: compiled,
        })
    }

    /// The destinations of a message, in the order of the routes; empty if none takes it.
    pub fn pick(
        &self,
        facts: &dyn Facts,
        keys: HashKeys<'_>,
        request: &Request<'_>,
    ) -> Vec<Destination> {
        let mut found = Vec::with_capacity(1);
        let asked = Asked::new(facts, keys, request);
        let _ = self.index.each(&asked, |index| {
            let Some(route) = self.routes.get(index) else {
                return ControlFlow::Break(());
            };
            if !route.when.holds(&asked) {
                return ControlFlow::Continue(());
            }
            let upstream = self.upstream(route);
            found.push(Destination {
                route: index,
                nodes: upstream.map_or_else(Vec::new, |one| one.nodes(Some(facts), keys)),
                reply: route.reply,
            });
            if route.also {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        found
    }

    /// The nodes of a route for a message whose conditions were looked at before it was recorded.
    /// `event` is what was recorded: its fields may be what is hashed.
    pub fn nodes_of(&self, route: usize, keys: HashKeys<'_>, event: &[u8]) -> Vec<usize> {
        let route = self.routes.get(route);
        let Some(upstream) = route.and_then(|route| self.upstream(route)) else {
            return Vec::new();
        };
        if !upstream.hash.needs_fields() {
            return upstream.nodes(None, keys);
        }
        let stored = StoredEvent::read(event);
        upstream.nodes(stored.as_ref().map(|stored| stored as &dyn Facts), keys)
    }

    /// Whether a route asks for headers of requests to this account.
    pub fn asks_headers(&self, account: &str, kind: &str) -> bool {
        let mut routes = self.routes.iter();
        routes.any(|route| route.when.asks_headers(account, kind))
    }

    fn upstream(&self, route: &Route) -> Option<&Upstream> {
        route.upstream.and_then(|index| self.upstreams.get(index))
    }
}

impl Route {
    fn new(config: &RouteConfig, upstreams: usize, problems: &mut Vec<ConfigError>) -> Self {
        let when = When::new(&config.when, problems);
        if config.upstream.is_some_and(|index| index >= upstreams) {
            problems.push(ConfigError::new("to", "names no upstream"));
        }
        Self {
            when,
            upstream: config.upstream,
            reply: config.reply,
            also: config.also,
        }
    }
}

impl Upstream {
    fn new(config: &UpstreamConfig) -> Result<Self, ConfigError> {
        let nodes = config.nodes.iter();
        let nodes = nodes.map(|node| (node.name().to_owned(), node.weight));
        let hash = Hash::parse(&config.hash);
        Ok(Self {
            name: config.name.clone(),
            ring: HashRing::new(nodes)?,
            hash: hash.ok_or_else(|| ConfigError::new("hash", hash::GRAMMAR))?,
        })
    }

    fn nodes(&self, facts: Option<&dyn Facts>, keys: HashKeys<'_>) -> Vec<usize> {
        if self.ring.len() == 1 {
            return vec![0];
        }
        self.ring.few(&self.hash.value(facts, &keys))
    }
}
