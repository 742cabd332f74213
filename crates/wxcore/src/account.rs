//! An account, compiled once: what each request needs is ready before it comes.

use serde::Deserialize;

use crate::config::{ConfigError, PushConfig};
use crate::envelope::Envelope;

/// What kind of sender an account stands for. The names are those of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 公众号.
    Official,
    /// 小程序.
    Miniprogram,
    /// 企业微信.
    Wecom,
    /// 企业微信 third-party application.
    WecomSuite,
    /// 第三方平台.
    Component,
    /// 微信支付 APIv3.
    Pay,
    /// 微信支付 APIv2.
    PayV2,
    /// A team's own services.
    Partner,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Official,
        Self::Miniprogram,
        Self::Wecom,
        Self::WecomSuite,
        Self::Component,
        Self::Pay,
        Self::PayV2,
        Self::Partner,
    ];

    /// As configuration, routes and events write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Official => "official",
            Self::Miniprogram => "miniprogram",
            Self::Wecom => "wecom",
            Self::WecomSuite => "wecom_suite",
            Self::Component => "component",
            Self::Pay => "pay",
            Self::PayV2 => "pay_v2",
            Self::Partner => "partner",
        }
    }

    /// Whether URL verification encrypts its echo (protocol 2: WeCom does, the others never).
    pub const fn seals_echo(self) -> bool {
        matches!(self, Self::Wecom | Self::WecomSuite)
    }
}

/// How messages arrive. Pinned: the request cannot choose (G5).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Unencrypted; the signature does not cover the body.
    Plain,
    /// Encrypted, beside a plain copy that is ignored.
    Compatible,
    /// Encrypted.
    Safe,
}

/// How the envelope is written. Pinned as well.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `<xml>…</xml>`
    Xml,
    /// `{…}`
    Json,
}

/// An account of which WeChat pushes messages under a token and a message key.
pub struct PushAccount {
    /// Its name.
    pub name: String,
    /// Its kind: one of the first five.
    pub kind: Kind,
    /// Its keys.
    pub envelope: Envelope,
    /// Its mode.
    pub mode: Mode,
    /// Its format.
    pub format: Format,
    /// Seconds after which a timestamp is stale.
    pub max_age: i64,
    authorizers: Option<Vec<String>>,
}

impl PushAccount {
    /// Compiles an account.
    ///
    /// # Errors
    /// Every problem at once, under `account.NAME`.
    pub fn new(kind: Kind, config: &PushConfig) -> Result<Self, Vec<ConfigError>> {
        let parent = format!("account.{}", config.name);
        let mut problems = Vec::new();
        if config.mode != Mode::Plain && config.aes_keys.is_empty() {
            problems.push(ConfigError::new(
                "aes_key",
                "is needed unless mode = \"plain\"",
            ));
        }
        if config.max_age < 300 {
            problems.push(ConfigError::new("max_age", "must be at least 300 seconds"));
        }
        let envelope = Envelope::new(&config.tokens, &config.aes_keys, &config.receive_ids)
            .map_err(|more| problems.extend(more));
        match envelope {
            Ok(envelope) if problems.is_empty() => Ok(Self {
                name: config.name.clone(),
                kind,
                envelope,
                mode: config.mode,
                format: config.format,
                max_age: config.max_age,
                authorizers: config.authorizers.clone(),
            }),
            _ => Err(problems
                .into_iter()
                .map(|problem| problem.within(&parent))
                .collect()),
        }
    }

    /// Whether `/cb/{account}/{appid}` is a path of this account.
    pub fn takes_authorizer(&self, appid: Option<&str>) -> bool {
        match (self.kind, appid, &self.authorizers) {
            (_, None, _) => true,
            (Kind::Component, Some(appid), None) => is_appid(appid),
            (Kind::Component, Some(appid), Some(known)) => known.iter().any(|one| one == appid),
            _ => false,
        }
    }

    /// Whether messages are encrypted.
    pub fn is_sealed(&self) -> bool {
        self.mode != Mode::Plain
    }
}

fn is_appid(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
