//! A merchant's account, and its notices from bytes to event.

use super::{PayHeaders, PayNotice, PayVerifier};
use crate::account::Kind;
use crate::claim::short_digest;
use crate::config::{ConfigError, PayConfig};
use crate::dialect::notice::{Notice, Outcome};
use crate::fields::Fields;
use crate::gateway::{Received, Rules};
use crate::json::{self, JsonError, write_str};
use crate::reject::Reject;
use crate::reply::Answer;
use crate::request::Request;

/// The members of a resource that name the merchant itself, not one of its sub-merchants.
const MERCHANT: [&str; 3] = ["mchid", "sp_mchid", "combine_mchid"];

/// What tells one payment from another, and one refund.
const TRANSACTION: [&str; 4] = [
    "combine_out_trade_no",
    "out_trade_no",
    "transaction_id",
    "out_order_no",
];
const REFUND: [&str; 4] = [
    "out_trade_no",
    "transaction_id",
    "out_refund_no",
    "refund_id",
];

/// A merchant under APIv3.
pub struct PayAccount {
    /// Its name.
    pub name: String,
    mchids: Vec<String>,
    verifier: PayVerifier,
}

impl PayAccount {
    /// Compiles an account.
    ///
    /// # Errors
    /// Every problem at once, under `account.NAME`.
    pub fn new(config: &PayConfig) -> Result<Self, Vec<ConfigError>> {
        let verifier = PayVerifier::new(&config.platform_keys, &config.apiv3_keys);
        let parent = format!("account.{}", config.name);
        let verifier = verifier.map_err(|all| {
            all.into_iter()
                .map(|one| one.within(&parent))
                .collect::<Vec<_>>()
        })?;
        Ok(Self {
            name: config.name.clone(),
            mchids: config.mchids.clone(),
            verifier,
        })
    }

    /// Takes a notice from bytes to an event with its destinations.
    ///
    /// # Errors
    /// A [`Reject`] of any stage up to `route`.
    pub fn receive(&self, request: &Request<'_>, rules: &Rules) -> Result<Received, Reject> {
        if request.method != "POST" {
            return Err(Reject::Method);
        }
        let headers = PayHeaders::read(request.headers.iter().copied())?;
        self.verifier.verify(&headers, request.body, request.now)?;
        let notice = self.verifier.open(request.body)?;
        let text = std::str::from_utf8(&notice.resource).map_err(|_| Reject::BadMessage)?;
        let fields = json::parse(text).map_err(|error| match error {
            JsonError::DuplicateKey => Reject::DuplicateField,
            JsonError::Malformed => Reject::BadMessage,
        })?;
        let subject = [
            "out_trade_no",
            "combine_out_trade_no",
            "out_bill_no",
            "out_order_no",
        ];
        let event = Notice {
            account: &self.name,
            kind: Kind::Pay,
            name: notice.event_type.to_ascii_lowercase(),
            id: identity(&notice, &fields),
            subject: subject
                .into_iter()
                .find_map(|name| fields.text(name))
                .map(Into::into),
            time: request.now,
            mismatch: self.names_another(&fields),
            data: data(&notice, text),
            event_type: Some(notice.event_type.clone()),
            fields,
        };
        let ack = Answer::json("{\"code\":\"SUCCESS\",\"message\":\"成功\"}");
        event.deliver(
            Outcome {
                ack,
                reply: None,
                nonce: None,
            },
            request,
            rules,
        )
    }

    /// Whether the notice names a merchant, but none that this account lists.
    fn names_another(&self, fields: &Fields<'_>) -> bool {
        let mut named = MERCHANT
            .into_iter()
            .filter_map(|name| fields.text(name))
            .peekable();
        named.peek().is_some()
            && !self.mchids.is_empty()
            && !named.any(|mchid| self.mchids.iter().any(|own| *own == mchid))
    }
}

/// The business identity, since a notice that is sent again may have a new id of its own.
///
/// Only for payments and refunds, whose type and numbers say all: other types tell of one thing
/// several times, so there the content and its time are the identity.
fn identity(notice: &PayNotice, fields: &Fields<'_>) -> String {
    let event = &notice.event_type;
    let names = match event.split('.').next() {
        Some("TRANSACTION") => &TRANSACTION,
        Some("REFUND") => &REFUND,
        _ => &[""; 4],
    };
    let numbers: Vec<_> = names
        .iter()
        .map(|name| fields.text(name).unwrap_or_default())
        .collect();
    if numbers.iter().any(|number| !number.is_empty()) {
        let original = notice.original_type.as_deref().unwrap_or_default();
        return format!("p:{event}:{original}:{}", numbers.join(":"));
    }
    let created = notice.create_time.as_deref().unwrap_or_default();
    format!("p:{event}:{created}:{}", short_digest(&notice.resource))
}

/// The notice as it came, with the resource in the clear in its own place.
fn data(notice: &PayNotice, resource: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(resource.len() + 256);
    let members = [
        ("id", Some(notice.id.as_str())),
        ("create_time", notice.create_time.as_deref()),
        ("event_type", Some(notice.event_type.as_str())),
        ("resource_type", notice.resource_type.as_deref()),
        ("summary", notice.summary.as_deref()),
        ("original_type", notice.original_type.as_deref()),
    ];
    out.push(b'{');
    for (name, value) in members {
        if let Some(value) = value {
            write_str(&mut out, name);
            out.push(b':');
            write_str(&mut out, value);
            out.push(b',');
        }
    }
    out.extend_from_slice(b"\"resource\":");
    out.extend_from_slice(resource.trim().as_bytes());
    out.push(b'}');
    out
}
