//! What to play: read from JSON, so that it crosses languages as one blob.

use std::fmt;
use std::net::SocketAddr;

use serde::Deserialize;

use crate::schedule::Schedule;

/// A run. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Where the gateway listens.
    pub address: SocketAddr,
    /// Whose part is played.
    pub accounts: Vec<AccountSpec>,
    /// What is sent, by weight.
    pub mix: Vec<PartSpec>,
    /// The rate over time, one leg after the other.
    pub legs: Vec<Leg>,
    /// No more messages than these, retries not counted.
    #[serde(default)]
    pub messages: Option<u64>,
    /// Connections at most; a message that finds all busy waits, and its latency runs.
    #[serde(default = "default_connections")]
    pub connections: usize,
    /// How many users there are.
    #[serde(default = "default_users")]
    pub users: u64,
    /// Zipf's exponent over them: 0 for all alike.
    #[serde(default = "default_skew")]
    pub skew: f64,
    /// Share of the messages that are sent a second time though they were answered.
    #[serde(default)]
    pub retries: f64,
    /// Seconds until a message is tried again, whether for want of an answer or as above.
    #[serde(default = "default_patience")]
    pub retry_after: f64,
    /// Share of the calls that are forged, beside the messages.
    #[serde(default)]
    pub forged: f64,
    /// How often a message is sent until it is acknowledged: 1 to keep to the rate whatever comes.
    #[serde(default = "default_tries")]
    pub tries: u8,
    /// Seconds that a call waits for its answer.
    #[serde(default = "default_patience")]
    pub patience: f64,
    /// Seconds between two looks at what is due and has come, at least: a player that goes before
    /// others would interrupt them for each message otherwise.
    #[serde(default)]
    pub rest: f64,
    /// Of users, messages, nonces: the same seed plays the same run.
    #[serde(default)]
    pub seed: u64,
    /// Payment notices signed before the start, at most: a million take some 400 MB, and 0.3 ms
    /// each.
    #[serde(default = "default_ahead")]
    pub ahead: u64,
    /// Seconds since 1970 from which the ids of messages count.
    pub epoch: u64,
}

const fn default_connections() -> usize {
    256
}

const fn default_users() -> u64 {
    1_000_000
}

const fn default_skew() -> f64 {
    1.0
}

const fn default_patience() -> f64 {
    5.0
}

/// As often as WeChat.
const fn default_tries() -> u8 {
    3
}

const fn default_ahead() -> u64 {
    200_000
}

/// Seconds at a rate that goes evenly from `rate` to `to`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// How long it lasts.
    pub seconds: f64,
    /// Messages a second at its start.
    pub rate: f64,
    /// Messages a second at its end; `rate` if absent.
    #[serde(default)]
    pub to: Option<f64>,
}

/// An account of the gateway, with the keys that WeChat would have.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSpec {
    /// Its name, as in `/cb/{name}`.
    pub name: String,
    /// How its calls are made.
    pub style: Style,
    /// Appid, corpid or mchid: whom its messages are for.
    pub receiver: String,
    /// The token; of pushes.
    #[serde(default)]
    pub token: String,
    /// The EncodingAESKey; of pushes.
    #[serde(default)]
    pub aes_key: String,
    /// The APIv3 key; of Pay.
    #[serde(default)]
    pub apiv3_key: String,
    /// The id of the key that signs; of Pay.
    #[serde(default)]
    pub serial: String,
    /// The private key that signs, PEM; of Pay.
    #[serde(default)]
    pub private_key: String,
}

/// No key, token or PEM is shown.
impl fmt::Debug for AccountSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountSpec")
            .field("name", &self.name)
            .field("style", &self.style)
            .finish_non_exhaustive()
    }
}

/// How an account's calls are made.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// 公众号 in safe mode, XML.
    OfficialXml,
    /// 小程序 in safe mode, JSON.
    OfficialJson,
    /// 企业微信.
    Wecom,
    /// 微信支付 APIv3.
    Pay,
}

/// One kind of message of one account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartSpec {
    /// The account's name.
    pub account: String,
    /// What is sent.
    pub what: What,
    /// Its share of the mix.
    pub weight: f64,
}

/// What is sent.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A short text in Chinese.
    Text,
    /// A text of 6 KB.
    LongText,
    /// A picture.
    Image,
    /// A click on a menu.
    Click,
    /// A page of the menu was opened.
    View,
    /// The user's place.
    Location,
    /// A new follower.
    Subscribe,
    /// A follower less.
    Unsubscribe,
    /// A virtual payment in a mini program.
    VirtualPayment,
    /// Its refund.
    VirtualRefund,
    /// A user takes back what was authorised.
    Revocation,
    /// A payment; of Pay only, and all that Pay sends.
    Payment,
}

/// Why a run cannot be played.
#[derive(Debug)]
pub enum LoadError {
    /// The specification cannot be used; names the key.
    Spec(String),
    /// A socket cannot be made or watched.
    Io(std::io::Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(reason) => f.write_str(reason),
            Self::Io(error) => write!(f, "the player's own sockets fail: {error}"),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Spec(_) => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<std::io::Error> for LoadError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl Spec {
    /// Reads and checks a specification.
    ///
    /// # Errors
    /// [`LoadError::Spec`], which names the key.
    pub fn from_json(json: &[u8]) -> Result<Self, LoadError> {
        let spec: Self =
            serde_json::from_slice(json).map_err(|error| LoadError::Spec(error.to_string()))?;
        spec.check()
            .map_err(|reason| LoadError::Spec(reason.to_owned()))?;
        Ok(spec)
    }

    /// How many messages a schedule has within what was asked for.
    pub(crate) fn planned(&self, schedule: &Schedule) -> u64 {
        self.messages.unwrap_or(u64::MAX).min(schedule.planned())
    }

    fn check(&self) -> Result<(), &'static str> {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let rate = |value: f64| value.is_finite() && value >= 0.0;
        let legs_hold = self.legs.iter().all(|leg| {
            leg.seconds.is_finite()
                && leg.seconds > 0.0
                && rate(leg.rate)
                && leg.to.is_none_or(rate)
        });
        let weights_hold = self
            .mix
            .iter()
            .all(|part| part.weight.is_finite() && part.weight > 0.0);
        for (holds, reason) in [
            (
                !self.legs.is_empty() && legs_hold,
                "legs: seconds above 0 and rates of at least 0 are needed",
            ),
            (
                !self.mix.is_empty() && weights_hold,
                "mix: parts with weights above 0 are needed",
            ),
            (self.connections > 0, "connections: at least 1 is needed"),
            (self.users > 0, "users: at least 1 is needed"),
            (self.tries > 0, "tries: at least 1 is needed"),
            (rate(self.skew), "skew: a number of at least 0 is needed"),
            (
                share(self.retries),
                "retries: a share from 0 to 1 is needed",
            ),
            (share(self.forged), "forged: a share from 0 to 1 is needed"),
            (
                rate(self.retry_after),
                "retry_after: seconds of at least 0 are needed",
            ),
            (
                rate(self.patience) && self.patience > 0.0,
                "patience: seconds above 0 are needed",
            ),
            (
                rate(self.rest) && self.rest <= 0.001,
                "rest: seconds from 0 to 0.001 are needed, since what is later has slipped",
            ),
        ] {
            if !holds {
                return Err(reason);
            }
        }
        Ok(())
    }
}
