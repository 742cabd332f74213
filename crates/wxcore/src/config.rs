//! The one blob in which configuration crosses from Python: JSON, unknown keys refused.

use std::fmt;

use serde::Deserialize;

mod route;
pub use route::{
    NodeConfig, ReplyMode, RouteConfig, ShardConfig, ShareConfig, UpstreamConfig, WhenConfig,
};

/// A setting that cannot be used, by the path under which the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Such as `account.shop.aes_key[1]`.
    pub path: String,
    /// What was expected. Never the value: it may be a secret.
    pub reason: String,
}

impl ConfigError {
    /// A problem with the setting at `path`.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            reason: reason.into(),
        }
    }

    /// The same problem seen from one level up.
    #[must_use]
    pub fn within(self, parent: &str) -> Self {
        Self {
            path: format!("{parent}.{}", self.path),
            reason: self.reason,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path, self.reason)
    }
}

impl std::error::Error for ConfigError {}

/// Everything that the pipeline needs to know.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// In the order of the file; results name them by index.
    pub accounts: Vec<AccountConfig>,
    /// Groups of nodes that routes point to.
    #[serde(default)]
    pub upstreams: Vec<UpstreamConfig>,
    /// First match wins.
    #[serde(default)]
    pub routes: Vec<RouteConfig>,
    /// Each message passes all that match it.
    #[serde(default)]
    pub limits: Vec<LimitConfig>,
    /// Addresses and ranges of the proxies whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
}

/// One account, by kind.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AccountConfig {
    /// 公众号.
    Official(PushConfig),
    /// 小程序.
    Miniprogram(PushConfig),
    /// 企业微信, own application or robot.
    Wecom(PushConfig),
    /// 企业微信, third-party application.
    WecomSuite(PushConfig),
    /// 第三方平台.
    Component(PushConfig),
    /// 微信支付 APIv3.
    Pay(PayConfig),
    /// 微信支付 APIv2.
    PayV2(PayV2Config),
    /// A team's own services.
    Partner(PartnerConfig),
}

/// An account that WeChat pushes messages to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushConfig {
    /// Its name in paths, events and logs.
    pub name: String,
    /// Appids, corpids or suite ids; empty text for a WeCom robot.
    pub receive_ids: Vec<String>,
    /// The first signs, all verify.
    pub tokens: Vec<String>,
    /// The first seals, all open.
    #[serde(default)]
    pub aes_keys: Vec<String>,
    /// `plain`, `compatible` or `safe`.
    pub mode: crate::account::Mode,
    /// `xml` or `json`.
    pub format: crate::account::Format,
    /// Seconds after which a timestamp is stale.
    pub max_age: i64,
    /// For a platform: the only appids that `/cb/{account}/{appid}` takes; absent, any.
    #[serde(default)]
    pub authorizers: Option<Vec<String>>,
}

/// A merchant under APIv3.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayConfig {
    /// Its name in paths, events and logs.
    pub name: String,
    /// Merchant ids that notices may name.
    #[serde(default)]
    pub mchids: Vec<String>,
    /// 32 characters each.
    pub apiv3_keys: Vec<String>,
    /// Serial or `PUB_KEY_ID_…`, and PEM.
    pub platform_keys: Vec<(String, String)>,
}

/// A merchant under APIv2.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayV2Config {
    /// Its name in paths, events and logs.
    pub name: String,
    /// Merchant ids that notices may name.
    #[serde(default)]
    pub mchids: Vec<String>,
    /// The API keys.
    pub keys: Vec<String>,
    /// `MD5` or `HMAC-SHA256`; absent, the signature's length says which.
    #[serde(default)]
    pub sign_type: Option<String>,
    /// For the notices that carry APIv3 ciphertext.
    #[serde(default)]
    pub apiv3_keys: Vec<String>,
}

/// A service of the team's own that calls in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerConfig {
    /// Its name in paths, events and logs.
    pub name: String,
    /// Its `app_id`.
    pub app_id: String,
    /// Shared secrets.
    pub app_secrets: Vec<String>,
    /// PEM.
    pub public_keys: Vec<String>,
}

/// One rate limit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitConfig {
    /// Its name in keys, logs and metrics.
    pub name: String,
    /// All of these must hold.
    #[serde(default)]
    pub when: WhenConfig,
    /// What is counted by: `openid`, `source` and the like, or `field:NAME`.
    pub per: String,
    /// Such as `100/min`.
    #[serde(default)]
    pub rate: Option<String>,
    /// Messages at once; one second's worth, if absent.
    #[serde(default)]
    pub burst: Option<u32>,
    /// Messages being answered at once.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// Seconds in which a rule that was idle comes to its rate.
    #[serde(default)]
    pub warm_up: u32,
    /// What becomes of the messages over the limit.
    #[serde(default)]
    pub action: LimitAction,
}

/// What becomes of a message over a limit.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LimitAction {
    /// It is refused, for its sender to try again.
    #[default]
    Reject,
    /// It is acknowledged and dropped.
    Absorb,
    /// It is taken, and delivered when it is its turn.
    Pace,
}

/// A name or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// `"text"`
    One(String),
    /// `["text", "image"]`
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl OneOrMany {
    /// The names, in lower case.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name.to_ascii_lowercase()],
            Self::Many(names) => names.iter().map(|name| name.to_ascii_lowercase()).collect(),
        }
    }
}
