//! The `[[limit]]` tables, compiled: which of them a message falls under, and under which key.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use super::gcra::Gcra;
use super::rate;
use crate::claim::short_digest;
use crate::config::{ConfigError, LimitAction, LimitConfig, WhenConfig};
use crate::request::Request;
use crate::route::stored::StoredEvent;
use crate::route::{Asked, Facts, When};
use crate::time::UnixMillis;

/// Longer values are kept by their digest: a key is small, whatever a stranger sends.
const LONGEST_VALUE: usize = 96;
/// A cold rule starts at a third of its rate, as Sentinel does.
const COLD_MILLIONTHS: i64 = 3_000_000;
/// Conditions that an operator may set on what is absorbed, but that name no type of message.
const ABSORB_NEEDS: &str =
    "an absorbed message is lost: name what may be, by when.event or when.type (not \"event\")";

/// One rule that a message falls under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The rule's name, a zero byte, and what is counted by.
    pub key: Vec<u8>,
    /// How fast; absent where only the number at once is limited.
    pub rate: Option<Gcra>,
    /// How many at once.
    pub concurrency: Option<u32>,
    /// Index of the rule.
    pub rule: usize,
}

/// Where a message comes from and where it goes, beside its own fields.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin<'a> {
    /// For a platform: the account on whose behalf.
    pub authorizer: Option<&'a str>,
    /// The address it came from, where a rule asks for it.
    pub source: Option<IpAddr>,
    /// Index of its first route.
    pub route: usize,
    /// When it arrived.
    pub now: UnixMillis,
}

/// What is counted by.
#[derive(Debug)]
enum Per {
    All,
    Account,
    Appid,
    Openid,
    Source,
    Route,
    Field(String),
}

struct Rule {
    index: usize,
    name: String,
    when: When,
    per: Per,
    rate: Option<Gcra>,
    concurrency: Option<u32>,
    absorbs: bool,
    warmth: Option<Warmth>,
}

/// All rules. The ones that pace are asked when a message is delivered, the others when it comes.
#[derive(Default)]
pub struct LimitTable {
    admitting: Vec<Rule>,
    pacing: Vec<Rule>,
}

impl LimitTable {
    /// Compiles the rules.
    ///
    /// # Errors
    /// Every problem at once, by path.
    pub fn new(limits: &[LimitConfig]) -> Result<Self, Vec<ConfigError>> {
        let (mut table, mut problems) = (Self::default(), Vec::new());
        for (index, config) in limits.iter().enumerate() {
            let mut more = Vec::new();
            if limits
                .iter()
                .take(index)
                .any(|other| other.name == config.name)
            {
                more.push(ConfigError::new(
                    "name",
                    "stands twice: each rule counts under its own",
                ));
            }
            let rule = Rule::new(index, config, &mut more);
            let path = format!("limit[{index}]");
            problems.extend(more.into_iter().map(|one| one.within(&path)));
            match config.action {
                LimitAction::Pace => table.pacing.push(rule),
                LimitAction::Reject | LimitAction::Absorb => table.admitting.push(rule),
            }
        }
        if problems.is_empty() {
            Ok(table)
        } else {
            Err(problems)
        }
    }

    /// The limits of a message that has come, in the order of the file.
    pub(crate) fn admitting(&self, asked: &Asked<'_>, origin: Origin<'_>) -> Vec<Limit> {
        found(&self.admitting, asked, origin)
    }

    /// The limits under which a message is delivered, from the event as the journal holds it.
    pub fn pacing(&self, event: &[u8]) -> Vec<Limit> {
        if self.pacing.is_empty() {
            return Vec::new();
        }
        StoredEvent::read(event).map_or_else(Vec::new, |stored| {
            let origin = Origin {
                authorizer: stored.authorizer(),
                ..Origin::default()
            };
            let asked = Asked::new(&stored, stored.keys(), &Request::GONE);
            found(&self.pacing, &asked, origin)
        })
    }

    /// Whether a condition asks for a header of requests to this account.
    pub(crate) fn asks_headers(&self, account: &str, kind: &str) -> bool {
        let mut rules = self.admitting.iter();
        rules.any(|rule| rule.when.asks_headers(account, kind))
    }

    /// Whether a rule counts by the address that messages come from.
    pub fn asks_for_source(&self) -> bool {
        self.admitting
            .iter()
            .any(|rule| matches!(rule.per, Per::Source))
    }

    /// Has rules be as warm as those of the same name were before, which warm up as slowly.
    pub(crate) fn warm_as(&self, before: &Self) {
        for rule in &self.admitting {
            let mut earlier = before.admitting.iter();
            let same = earlier.find(|other| other.name == rule.name);
            if let (Some(warmth), Some(other)) = (&rule.warmth, same)
                && let Some(before) = &other.warmth
                && before.span == warmth.span
            {
                warmth.go_on(before);
            }
        }
    }

    /// Whether no rule is asked when a message comes.
    pub(crate) fn is_empty(&self) -> bool {
        self.admitting.is_empty()
    }

    /// Whether any rule paces.
    pub fn paces(&self) -> bool {
        !self.pacing.is_empty()
    }
}

fn found(rules: &[Rule], asked: &Asked<'_>, origin: Origin<'_>) -> Vec<Limit> {
    let held = rules.iter().filter(|rule| rule.holds(asked));
    held.filter_map(|rule| rule.limit(asked.facts, origin))
        .collect()
}

impl Rule {
    fn new(index: usize, config: &LimitConfig, problems: &mut Vec<ConfigError>) -> Self {
        let rate = compiled_rate(config, problems);
        if config.rate.is_none() && config.concurrency.is_none() {
            problems.push(ConfigError::new(
                "rate",
                "is required, unless there is a concurrency",
            ));
        }
        let absorbs = config.action == LimitAction::Absorb;
        if absorbs && !names_what_is_cheap(&config.when) {
            problems.push(ConfigError::new("when", ABSORB_NEEDS));
        }
        let paces = config.action == LimitAction::Pace;
        if paces && (config.rate.is_none() || config.concurrency.is_some() || config.warm_up > 0) {
            problems.push(ConfigError::new(
                "action",
                "\"pace\" takes a rate and a burst, and nothing else",
            ));
        }
        if paces && matches!(config.per.as_str(), "source" | "route") {
            problems.push(ConfigError::new(
                "per",
                "is not known any more when a message is delivered",
            ));
        }
        if config.rate.is_none() && config.warm_up > 0 {
            problems.push(ConfigError::new(
                "warm_up",
                "warms up a rate, and there is none",
            ));
        }
        let when = When::new(&config.when, problems);
        if paces && when.asks_request() {
            problems.push(ConfigError::new(
                "when",
                "headers and parameters are not known any more when a message is delivered",
            ));
        }
        Self {
            index,
            name: config.name.clone(),
            when,
            per: Per::new(&config.per, problems),
            rate,
            concurrency: config.concurrency,
            absorbs,
            warmth: (config.warm_up > 0).then(|| Warmth::new(config.warm_up)),
        }
    }

    fn holds(&self, asked: &Asked<'_>) -> bool {
        // Whatever the conditions say, a payment is never told "success" and dropped.
        self.when.holds(asked) && !(self.absorbs && asked.facts.kind().starts_with("pay"))
    }

    /// `None` if the message has nothing of what is counted by.
    fn limit(&self, facts: &dyn Facts, origin: Origin<'_>) -> Option<Limit> {
        let mut key = Vec::with_capacity(self.name.len() + 64);
        key.extend_from_slice(self.name.as_bytes());
        key.push(0);
        self.per.write(&mut key, facts, origin)?;
        let rate = match (&self.warmth, self.rate) {
            (Some(warmth), Some(rate)) => Some(rate.slowed(warmth.millionths(origin.now))),
            (_, rate) => rate,
        };
        Some(Limit {
            key,
            rate,
            concurrency: self.concurrency,
            rule: self.index,
        })
    }
}

fn compiled_rate(config: &LimitConfig, problems: &mut Vec<ConfigError>) -> Option<Gcra> {
    let Some(interval) = rate::interval(config.rate.as_deref()?) else {
        problems.push(ConfigError::new("rate", rate::EXPECTED));
        return None;
    };
    // One second's worth, unless the file says otherwise.
    let second = u32::try_from(1_000_000 / interval).unwrap_or(1).max(1);
    let gcra = Gcra::new(interval, config.burst.unwrap_or(second));
    if gcra.is_none() {
        let reason =
            "is slower than one in 30 days, or its burst takes more than a year to come back";
        problems.push(ConfigError::new("rate", reason));
    }
    gcra
}

/// Whether the conditions name types or events one by one, none of them a payment.
fn names_what_is_cheap(when: &WhenConfig) -> bool {
    let (types, events) = (when.msg_type.names(), when.event.names());
    let whole = |name: &String| name == "event";
    let pays = |name: &String| name.starts_with("xpay_");
    let named = !events.is_empty() || (!types.is_empty() && !types.iter().any(whole));
    let paid = when.kind.names().iter().any(|kind| kind.starts_with("pay"));
    named && !paid && !events.iter().any(pays) && when.event_type.names().is_empty()
}

impl Per {
    fn new(text: &str, problems: &mut Vec<ConfigError>) -> Self {
        match (text, text.strip_prefix("field:")) {
            ("all", _) => Self::All,
            ("account", _) => Self::Account,
            ("appid", _) => Self::Appid,
            ("openid", _) => Self::Openid,
            ("source", _) => Self::Source,
            ("route", _) => Self::Route,
            (_, Some(path)) if !path.is_empty() => Self::Field(path.to_owned()),
            _ => {
                let expected = "expected account, appid, openid, source, route, all or field:NAME";
                problems.push(ConfigError::new("per", expected));
                Self::All
            }
        }
    }

    fn write(&self, key: &mut Vec<u8>, facts: &dyn Facts, origin: Origin<'_>) -> Option<()> {
        match self {
            Self::All => {}
            Self::Account => write_value(key, facts.account()),
            Self::Appid => write_appid(key, facts, origin),
            Self::Openid => {
                let openid = facts.openid()?;
                // An openid is a user of one account; another account's is somebody else.
                write_appid(key, facts, origin);
                key.push(b':');
                write_value(key, &openid);
            }
            Self::Source => write_source(key, origin.source?),
            Self::Route => key.extend_from_slice(origin.route.to_string().as_bytes()),
            Self::Field(path) => write_value(key, &facts.field(path)?),
        }
        Some(())
    }
}

fn write_appid(key: &mut Vec<u8>, facts: &dyn Facts, origin: Origin<'_>) {
    write_value(key, facts.account());
    if let Some(authorizer) = origin.authorizer {
        key.push(b'/');
        write_value(key, authorizer);
    }
}

fn write_value(key: &mut Vec<u8>, value: &str) {
    if value.len() <= LONGEST_VALUE {
        key.extend_from_slice(value.as_bytes());
    } else {
        key.extend_from_slice(short_digest(value.as_bytes()).as_bytes());
    }
}

/// IPv6 by its /64, which is what one subscriber has.
fn write_source(key: &mut Vec<u8>, source: IpAddr) {
    match source.to_canonical() {
        IpAddr::V4(address) => key.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => key.extend(address.octets().iter().take(8)),
    }
}

/// How long a rule has been in use. The only thing here that changes: it belongs to the rule and to
/// the process, not to a key.
struct Warmth {
    span: i64,
    since: AtomicI64,
    last: AtomicI64,
}

impl Warmth {
    fn new(seconds: u32) -> Self {
        Self {
            span: i64::from(seconds) * 1_000,
            since: AtomicI64::new(i64::MIN),
            last: AtomicI64::new(i64::MIN),
        }
    }

    /// Begins where another has come to.
    fn go_on(&self, other: &Self) {
        for (mine, its) in [(&self.since, &other.since), (&self.last, &other.last)] {
            mine.store(its.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// How many times slower than its rate the rule is now, in millionths: three when cold, one when
    /// warm, and cold again after having been idle for as long as warming up takes.
    fn millionths(&self, now: UnixMillis) -> i64 {
        let last = self.last.swap(now.0, Ordering::Relaxed);
        let idle = now.0.saturating_sub(last);
        if idle >= self.span || idle < -self.span {
            self.since.store(now.0, Ordering::Relaxed);
        }
        let used = now.0.saturating_sub(self.since.load(Ordering::Relaxed));
        let used = used.clamp(0, self.span);
        COLD_MILLIONTHS - (COLD_MILLIONTHS - 1_000_000) * used / self.span
    }
}
