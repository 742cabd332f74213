//! A merchant's account under APIv2, and its notices from bytes to event.

use super::{PayV2Verifier, SignType, V2Notice, parse};
use crate::account::Kind;
use crate::claim::short_digest;
use crate::config::{ConfigError, PayV2Config};
use crate::dialect::notice::{Notice, Outcome};
use crate::fields::Fields;
use crate::gateway::{Received, Rules};
use crate::json::{write_members, write_str};
use crate::reject::Reject;
use crate::reply::{Answer, ReplyTo};
use crate::request::Request;

/// Fields that are new with every try.
const PER_TRY: [&str; 3] = ["nonce_str", "sign", "sign_type"];
const TRANSACTION: [&str; 2] = ["out_trade_no", "transaction_id"];
const REFUND: [&str; 5] = [
    "out_trade_no",
    "transaction_id",
    "out_refund_no",
    "refund_id",
    "refund_status",
];
const SUCCESS: &[u8] =
    b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";

/// A merchant under APIv2.
pub struct PayV2Account {
    /// Its name.
    pub name: String,
    mchids: Vec<String>,
    verifier: PayV2Verifier,
}

impl PayV2Account {
    /// Compiles an account.
    ///
    /// # Errors
    /// Every problem at once, under `account.NAME`.
    pub fn new(config: &PayV2Config) -> Result<Self, Vec<ConfigError>> {
        let parent = format!("account.{}", config.name);
        let within = |all: Vec<ConfigError>| -> Vec<ConfigError> {
            all.into_iter().map(|one| one.within(&parent)).collect()
        };
        let sign_type = match config.sign_type.as_deref() {
            None => None,
            Some(name) => Some(SignType::named(name).ok_or_else(|| {
                within(vec![ConfigError::new(
                    "sign_type",
                    "must be MD5 or HMAC-SHA256",
                )])
            })?),
        };
        let verifier = PayV2Verifier::new(&config.keys, sign_type)
            .and_then(|verifier| verifier.with_apiv3(&config.apiv3_keys))
            .map_err(within)?;
        Ok(Self {
            name: config.name.clone(),
            mchids: config.mchids.clone(),
            verifier,
        })
    }

    /// Takes a notice from bytes to an event with its destinations. `account` is this one's index.
    ///
    /// # Errors
    /// A [`Reject`] of any stage up to `route`.
    pub fn receive(
        &self,
        account: usize,
        request: &Request<'_>,
        rules: &Rules,
    ) -> Result<Received, Reject> {
        if request.method != "POST" {
            return Err(Reject::Method);
        }
        let outer = parse(request.body)?;
        let opened = self.verifier.open(&outer)?;
        let mchid = outer.text("mch_id");
        if mchid
            .is_some_and(|mchid| !self.mchids.is_empty() && !self.mchids.contains(&mchid.into()))
        {
            return Err(Reject::WrongMerchant);
        }
        let (name, fields, data) = match &opened {
            V2Notice::Signed { .. } => (signed_name(&outer), outer.clone(), plain(&outer)),
            V2Notice::Refund { xml, .. } => {
                let inner = parse(xml.as_bytes())?;
                let data = in_place(&outer, "req_info", &plain(&inner));
                ("refund", inner, data)
            }
            V2Notice::Resource { resource, .. } => {
                let data = in_place(&outer, "event_ciphertext", resource);
                ("event", outer.clone(), data)
            }
        };
        let event = Notice {
            account: &self.name,
            kind: Kind::PayV2,
            name: name.to_owned(),
            id: identity(name, &fields, &data),
            subject: fields.text("out_trade_no").map(Into::into),
            time: request.now,
            event_type: outer.text("event_type").map(Into::into),
            mismatch: false,
            data,
            fields,
        };
        let reply = Some(ReplyTo {
            account,
            ..ReplyTo::default()
        });
        let outcome = Outcome {
            ack: Answer::xml(SUCCESS),
            reply,
            nonce: None,
        };
        event.deliver(outcome, request, rules)
    }
}

fn signed_name(fields: &Fields<'_>) -> &'static str {
    if fields.text("transaction_id").is_some() {
        "transaction"
    } else if fields.text("contract_id").is_some() {
        "contract"
    } else if fields.text("product_id").is_some() {
        "scan"
    } else {
        "notice"
    }
}

fn identity(name: &str, fields: &Fields<'_>, data: &[u8]) -> String {
    let numbers = match name {
        "transaction" => &TRANSACTION[..],
        "refund" => &REFUND[..],
        _ => return format!("p:{name}:{}", short_digest(data)),
    };
    let numbers: Vec<_> = numbers
        .iter()
        .map(|number| fields.text(number).unwrap_or_default())
        .collect();
    format!("p:{name}:{}", numbers.join(":"))
}

fn plain(fields: &Fields<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write_members(&mut out, fields.members(), |name| !PER_TRY.contains(&name));
    out
}

/// The outer fields, with what was sealed in the clear in its own place.
fn in_place(outer: &Fields<'_>, sealed: &str, opened: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_members(&mut out, outer.members(), |name| {
        name != sealed && !PER_TRY.contains(&name)
    });
    out.pop();
    if out.len() > 1 {
        out.push(b',');
    }
    write_str(&mut out, sealed);
    out.push(b':');
    out.extend_from_slice(opened.trim_ascii());
    out.push(b'}');
    out
}
