//! Where a message goes and why, from the same compiled conditions that route it.

use serde::Serialize;

use super::facts::{Asked, Facts};
use super::stored::StoredEvent;
use super::{Route, RouteTable, Upstream};
use crate::config::ReplyMode;
use crate::request::Request;

/// What became of a message on its way through the routes.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The account's name.
    pub account: String,
    /// Its kind.
    pub kind: &'static str,
    /// The message's CloudEvents type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The routing key.
    pub key: String,
    /// The routes that were tried, in their order: none after the last that took it.
    pub routes: Vec<Tried>,
}

/// A route that was asked.
#[derive(Debug, Serialize)]
pub struct Tried {
    /// Its index.
    pub route: usize,
    /// The condition that does not hold; absent if the route takes the message.
    pub fails: Option<Failed>,
    /// Whether its answer is waited for.
    pub waits: bool,
    /// Whether later routes are asked as well.
    pub also: bool,
    /// Which node, where the route takes the message and leads to an upstream.
    pub choice: Option<Choice>,
}

/// A condition that does not hold.
#[derive(Debug, Serialize)]
pub struct Failed {
    /// Where it stands: `when.type`.
    pub setting: String,
    /// What was written there.
    pub wants: String,
    /// What the message has.
    pub got: Option<String>,
}

/// How the node is chosen.
#[derive(Debug, Serialize)]
pub struct Choice {
    /// The upstream.
    pub upstream: String,
    /// What it hashes by, as it was written.
    pub hash: String,
    /// The value that was hashed; absent where nothing is, and any node may come out.
    pub value: Option<String>,
    /// Whether the message has none of the fields that are named, and goes by its routing key.
    pub falls_back: bool,
    /// All nodes, the chosen one first.
    pub nodes: Vec<Ranked>,
}

/// A node in its place.
#[derive(Debug, Serialize)]
pub struct Ranked {
    /// Its index in the configuration.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// The higher, the earlier.
    pub score: f64,
}

impl RouteTable {
    /// Explains [`pick`](Self::pick).
    pub fn explain(&self, message: &StoredEvent<'_>, request: &Request<'_>) -> Explanation {
        let asked = Asked::new(message, message.keys(), request);
        let mut routes = Vec::new();
        for (index, route) in self.routes.iter().enumerate() {
            let tried = self.tried(index, route, &asked);
            let last = tried.fails.is_none() && !route.also;
            routes.push(tried);
            if last {
                break;
            }
        }
        Explanation {
            account: message.account().to_owned(),
            kind: message.kind(),
            type_name: message.type_name().to_owned(),
            key: message.keys().routing.to_owned(),
            routes,
        }
    }

    fn tried(&self, index: usize, route: &Route, asked: &Asked<'_>) -> Tried {
        let fails = route.when.fails(asked).map(|(setting, got)| Failed {
            setting: setting.path.clone(),
            wants: setting.wants.clone(),
            got,
        });
        let upstream = self.upstream(route).filter(|_| fails.is_none());
        Tried {
            route: index,
            waits: route.reply == ReplyMode::Wait,
            also: route.also,
            choice: upstream.map(|upstream| upstream.choice(asked)),
            fails,
        }
    }
}

impl Upstream {
    fn choice(&self, asked: &Asked<'_>) -> Choice {
        let value = self.hash.value(Some(asked.facts), &asked.keys);
        let ranked = self.ring.scored(&value).into_iter();
        let nodes = ranked.map(|(index, score)| Ranked {
            index,
            name: self.ring.name(index).to_owned(),
            score,
        });
        let fixed = self.hash.text() != "none";
        Choice {
            upstream: self.name.clone(),
            hash: self.hash.text().to_owned(),
            value: fixed.then(|| String::from_utf8_lossy(&value).replace('\u{fffd}', " + ")),
            falls_back: self.hash.falls_back(asked.facts, &asked.keys),
            nodes: nodes.collect(),
        }
    }
}
