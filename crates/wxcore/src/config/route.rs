//! Routes and the nodes they lead to.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::OneOrMany;

/// A named group of nodes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// As in `upstream:NAME`.
    pub name: String,
    /// Where messages are posted to.
    pub nodes: Vec<NodeConfig>,
    /// What stays together: an expression of [`Hash`](crate::route::hash::Hash).
    #[serde(default = "openid")]
    pub hash: String,
}

/// One node.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Names the node, too, unless it has a `name`.
    pub url: String,
    /// What its keys are told by: a node that moves to another address keeps them.
    #[serde(default)]
    pub name: Option<String>,
    /// Its share.
    #[serde(default = "one")]
    pub weight: f64,
}

impl NodeConfig {
    /// Its name on the ring.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.url)
    }
}

fn openid() -> String {
    "openid".to_owned()
}

const fn one() -> f64 {
    1.0
}

/// One rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// All of these must hold.
    #[serde(default)]
    pub when: WhenConfig,
    /// Index of the upstream, if the route leads to one.
    #[serde(default)]
    pub upstream: Option<usize>,
    /// Whether the destination's answer is waited for.
    #[serde(default)]
    pub reply: ReplyMode,
    /// Whether later routes may match as well.
    #[serde(default)]
    pub also: bool,
}

/// What the sender is told, and when.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ReplyMode {
    /// The acknowledgement of the kind.
    #[default]
    Ack,
    /// What the destination answers.
    Wait,
}

/// Conditions; the lists hold if any of their names does.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WhenConfig {
    /// Account names.
    pub account: OneOrMany,
    /// Account kinds.
    pub kind: OneOrMany,
    /// `MsgType`.
    #[serde(rename = "type")]
    pub msg_type: OneOrMany,
    /// `Event`.
    pub event: OneOrMany,
    /// `InfoType`.
    pub info_type: OneOrMany,
    /// `ChangeType`.
    pub change_type: OneOrMany,
    /// Pay's `event_type`.
    pub event_type: OneOrMany,
    /// Regular expression over `Content`.
    pub content: Option<String>,
    /// Regular expression over `EventKey`.
    pub key: Option<String>,
    /// Regular expression over the user.
    pub openid: Option<String>,
    /// Regular expressions over fields by dotted path.
    pub field: BTreeMap<String, String>,
    /// Request headers by name, and the texts they may have.
    pub header: BTreeMap<String, OneOrMany>,
    /// Query parameters by name, likewise.
    pub query: BTreeMap<String, OneOrMany>,
    /// Comparisons, `> 5` and the like, by what is compared.
    pub number: BTreeMap<String, String>,
    /// Some of the parts into which a value's hash falls.
    pub shard: Option<ShardConfig>,
    /// A share of all values, always the same ones.
    pub share: Option<ShareConfig>,
}

/// `hash(of) % modulo`, and the remainders that are meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardConfig {
    /// A [`Term`](crate::route::term::Term).
    pub of: String,
    /// How many parts there are.
    pub modulo: u32,
    /// Which of them.
    pub parts: Vec<u32>,
}

/// So many of a hundred.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareConfig {
    /// A [`Term`](crate::route::term::Term).
    pub of: String,
    /// Of a hundred, to the hundredth.
    pub percent: f64,
    /// Shares of different salts do not know of each other.
    #[serde(default)]
    pub salt: String,
}
