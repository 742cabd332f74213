//! All accounts and routes, compiled: one call takes a request from bytes to what to do with it.

use crate::account::{Format, Kind, PushAccount};
use crate::config::{AccountConfig, Config, ConfigError, ReplyMode};
use crate::dialect::partner::PartnerAccount;
use crate::dialect::pay::PayAccount;
use crate::dialect::pay_v2::PayV2Account;
use crate::dialect::push::{self, Place};
use crate::limit::{Limit, LimitTable, Origin};
use crate::names::Names;
use crate::priority::Priority;
use crate::reject::Reject;
use crate::reply::{self, Answer, ReplyError, ReplyTo};
use crate::request::Request;
use crate::route::stored::StoredEvent;
use crate::route::{Asked, Destination, Explanation, Facts, HashKeys, RouteTable};
use crate::source::Trusted;
use crate::time::UnixMillis;

/// What to do with a request.
#[derive(Debug)]
pub enum Received {
    /// Answer at once: a URL verification, or a probe.
    Answer(Answer),
    /// Hand over, then answer.
    Event(Box<Delivery>),
    /// Refuse; the cause is for logs and metrics only.
    Refused(Reject),
}

/// A message that is to be handed over.
#[derive(Debug)]
pub struct Delivery {
    /// The CloudEvent, as JSON.
    pub event: Vec<u8>,
    /// Its idempotency key.
    pub id: String,
    /// Its CloudEvents type.
    pub type_name: String,
    /// Its routing key.
    pub key: String,
    /// Where it goes; never empty.
    pub destinations: Vec<Destination>,
    /// What the sender is told once it is handed over.
    pub ack: Answer,
    /// A reply that is given whatever the destinations say, for [`Gateway::reply`].
    pub prescribed: Option<&'static [u8]>,
    /// What a reply needs, for pushes.
    pub reply: Option<ReplyTo>,
    /// A nonce that must be new, and until when it has to be remembered.
    pub nonce: Option<(String, UnixMillis)>,
    /// How long a repetition has to be recognised, in milliseconds.
    pub lifetime: i64,
    /// The limits that it falls under; empty where there are none.
    pub limits: Vec<Limit>,
    /// For a platform: the account on whose behalf.
    pub authorizer: Option<Box<str>>,
    /// How much depends on it.
    pub priority: Priority,
}

impl Delivery {
    /// The account's name: every idempotency key begins with it.
    pub fn account(&self) -> &str {
        self.id
            .split_once(':')
            .map_or(&self.id, |(account, _)| account)
    }

    /// Whether an answer is waited for.
    pub fn waits(&self) -> bool {
        let mut destinations = self.destinations.iter();
        destinations.any(|one| one.reply == ReplyMode::Wait)
    }

    /// The user, or Pay's order: the routing key, unless the message has nothing better than its id.
    pub fn subject(&self) -> Option<&str> {
        (self.key != self.id).then_some(&*self.key)
    }
}

/// One compiled account.
pub enum Account {
    /// A push account of any kind.
    Push(Box<PushAccount>),
    /// A merchant under APIv3.
    Pay(Box<PayAccount>),
    /// A merchant under APIv2.
    PayV2(Box<PayV2Account>),
    /// A service of the team's own.
    Partner(Box<PartnerAccount>),
}

impl Account {
    fn new(config: &AccountConfig) -> Result<Self, Vec<ConfigError>> {
        let push = |kind, config| PushAccount::new(kind, config).map(Box::new).map(Self::Push);
        match config {
            AccountConfig::Official(config) => push(Kind::Official, config),
            AccountConfig::Miniprogram(config) => push(Kind::Miniprogram, config),
            AccountConfig::Wecom(config) => push(Kind::Wecom, config),
            AccountConfig::WecomSuite(config) => push(Kind::WecomSuite, config),
            AccountConfig::Component(config) => push(Kind::Component, config),
            AccountConfig::Pay(config) => PayAccount::new(config).map(Box::new).map(Self::Pay),
            AccountConfig::PayV2(config) => {
                PayV2Account::new(config).map(Box::new).map(Self::PayV2)
            }
            AccountConfig::Partner(config) => {
                PartnerAccount::new(config).map(Box::new).map(Self::Partner)
            }
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Push(account) => &account.name,
            Self::Pay(account) => &account.name,
            Self::PayV2(account) => &account.name,
            Self::Partner(account) => &account.name,
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Push(account) => account.kind,
            Self::Pay(_) => Kind::Pay,
            Self::PayV2(_) => Kind::PayV2,
            Self::Partner(_) => Kind::Partner,
        }
    }

    /// Whether its requests are verified by their headers.
    pub fn needs_headers(&self) -> bool {
        self.kind() == Kind::Pay
    }
}

/// What decides over a message once it is read: where it goes, and how often.
pub struct Rules {
    routes: RouteTable,
    limits: LimitTable,
    trusted: Trusted,
}

impl Rules {
    fn new(config: &Config, problems: &mut Vec<ConfigError>) -> Option<Self> {
        let routes = RouteTable::new(&config.routes, &config.upstreams);
        let limits = LimitTable::new(&config.limits);
        let trusted = Trusted::new(&config.trusted_proxies);
        let routes = routes.map_err(|more| problems.extend(more)).ok();
        let limits = limits.map_err(|more| problems.extend(more)).ok();
        let trusted = trusted.map_err(|more| problems.extend(more)).ok();
        Some(Self {
            routes: routes?,
            limits: limits?,
            trusted: trusted?,
        })
    }

    /// The destinations of a message and the limits that it falls under.
    ///
    /// # Errors
    /// [`Reject::NoRoute`].
    pub(crate) fn apply(
        &self,
        facts: &dyn Facts,
        keys: HashKeys<'_>,
        request: &Request<'_>,
        authorizer: Option<&str>,
    ) -> Result<(Vec<Destination>, Vec<Limit>), Reject> {
        let destinations = self.routes.pick(facts, keys, request);
        let first = destinations.first().ok_or(Reject::NoRoute)?;
        if self.limits.is_empty() {
            return Ok((destinations, Vec::new()));
        }
        let asked = request.peer.filter(|_| self.limits.asks_for_source());
        let origin = Origin {
            authorizer,
            source: asked.and_then(|peer| self.trusted.source(peer, request.headers)),
            route: first.route,
            now: request.now,
        };
        let asked = Asked::new(facts, keys, request);
        let limits = self.limits.admitting(&asked, origin);
        Ok((destinations, limits))
    }
}

/// Everything that receiving needs.
pub struct Gateway {
    accounts: Vec<Account>,
    by_name: Names<usize>,
    rules: Rules,
}

impl Gateway {
    /// Compiles a configuration.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn new(config: &Config) -> Result<Self, Vec<ConfigError>> {
        let mut problems = Vec::new();
        let mut accounts = Vec::with_capacity(config.accounts.len());
        for account in &config.accounts {
            match Account::new(account) {
                Ok(account) => accounts.push(account),
                Err(more) => problems.extend(more),
            }
        }
        let names = accounts.iter().map(|account| account.name().into());
        let by_name = names.zip(0..).collect();
        match Rules::new(config, &mut problems) {
            Some(rules) if problems.is_empty() => Ok(Self {
                accounts,
                by_name,
                rules,
            }),
            _ => Err(problems),
        }
    }

    /// Takes a request to `/cb/{account}` or `/cb/{account}/{authorizer}`.
    pub fn receive(
        &self,
        account: &str,
        authorizer: Option<&str>,
        request: &Request<'_>,
    ) -> Received {
        if is_container_probe(request) {
            return Received::Answer(Answer::text("success"));
        }
        let Some((index, account)) = self.account(account) else {
            return Received::Refused(Reject::UnknownAccount);
        };
        let place = Place {
            account: index,
            authorizer,
        };
        let received = match account {
            Account::Push(account) => push::receive(account, place, request, &self.rules),
            _ if authorizer.is_some() => Err(Reject::UnknownAccount),
            Account::Pay(account) => account.receive(request, &self.rules),
            Account::PayV2(account) => account.receive(index, request, &self.rules),
            Account::Partner(account) => account.receive(index, request, &self.rules),
        };
        received.unwrap_or_else(Received::Refused)
    }

    /// Turns a service's answer into a reply; `None` if it says nothing.
    ///
    /// # Errors
    /// [`ReplyError`] if it is not a reply.
    pub fn reply(
        &self,
        to: &ReplyTo,
        spec: &[u8],
        now: UnixMillis,
        random: [u8; 16],
    ) -> Result<Option<Answer>, ReplyError> {
        match self.accounts.get(to.account) {
            Some(Account::Push(account)) => reply::reply(account, to, spec, now, random),
            Some(Account::PayV2(_)) => reply::verbatim(Format::Xml, spec),
            Some(Account::Partner(_)) => reply::verbatim(Format::Json, spec),
            Some(Account::Pay(_)) | None => Err(ReplyError::WrongFormat),
        }
    }

    /// The nodes of a route by index, the chosen one first: for a message read back from the journal.
    /// `event` is what was recorded of it.
    pub fn nodes(&self, route: usize, keys: HashKeys<'_>, event: &[u8]) -> Vec<usize> {
        self.rules.routes.nodes_of(route, keys, event)
    }

    /// Where a message goes and why, by its event and the request that brings it; `None` if that is
    /// no event.
    pub fn explain(&self, event: &[u8], request: &Request<'_>) -> Option<Explanation> {
        let stored = StoredEvent::read(event)?;
        Some(self.rules.routes.explain(&stored, request))
    }

    /// Whether the headers of requests to an account are needed: to verify them, or by conditions.
    pub fn needs_headers(&self, account: &Account) -> bool {
        let (name, kind) = (account.name(), account.kind().name());
        account.needs_headers()
            || self.rules.routes.asks_headers(name, kind)
            || self.rules.limits.asks_headers(name, kind)
    }

    /// The limits under which a message is delivered, from its event as the journal holds it.
    pub fn paces(&self, event: &[u8]) -> Vec<Limit> {
        self.rules.limits.pacing(event)
    }

    /// Has limits that warm up go on from where they were in `before`, whose place this takes.
    pub fn warm_as(&self, before: &Self) {
        self.rules.limits.warm_as(&before.rules.limits);
    }

    /// Whether there are limits under which messages are delivered.
    pub fn has_paces(&self) -> bool {
        self.rules.limits.paces()
    }

    /// Whether a limit counts by the address that sent a message, so that `peer` has to be told; and
    /// whether `X-Forwarded-For` has to be, too.
    pub fn needs_source(&self) -> (bool, bool) {
        let asks = self.rules.limits.asks_for_source();
        (asks, asks && !self.rules.trusted.is_empty())
    }

    /// The account of that name, and its index.
    pub fn account(&self, name: &str) -> Option<(usize, &Account)> {
        let index = *self.by_name.get(name)?;
        Some((index, self.accounts.get(index)?))
    }

    /// The accounts, in the order of the configuration.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}

/// WeChat Cloud Run asks whether something listens (protocol 1.7). Answered alike for every path, so
/// it tells nobody which accounts exist; nothing is delivered, so it needs no signature.
fn is_container_probe(request: &Request<'_>) -> bool {
    const PROBES: [&[u8]; 2] = [
        br#"{"action":"CheckContainerPath"}"#,
        b"<xml><action>CheckContainerPath</action></xml>",
    ];
    request.method == "POST"
        && request.body.len() <= 64
        && PROBES.contains(&request.body.trim_ascii())
}
