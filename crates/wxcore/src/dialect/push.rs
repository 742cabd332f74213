//! Pushes under a token and a message key: 公众号, 小程序, 企业微信, 第三方平台.

use std::borrow::Cow;

use crate::account::{Kind, PushAccount};
use crate::admit;
use crate::claim;
use crate::event::{self, Head};
use crate::gateway::{Delivery, Received, Rules};
use crate::open::{Opened, open};
use crate::parse::{Message, parse};
use crate::priority::Priority;
use crate::reject::Reject;
use crate::reply::{self, Answer, ReplyTo};
use crate::request::{Query, Request};
use crate::route::{Facts, HashKeys};
use crate::verify::{Signed, verify};

/// Where in the gateway a request came in.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Index of the account.
    pub account: usize,
    /// The second part of the path, for a platform.
    pub authorizer: Option<&'a str>,
}

/// Takes a request from bytes to an event with its destinations.
///
/// # Errors
/// A [`Reject`] of any stage up to `route`.
pub fn receive(
    account: &PushAccount,
    place: Place<'_>,
    request: &Request<'_>,
    rules: &Rules,
) -> Result<Received, Reject> {
    if !account.takes_authorizer(place.authorizer) {
        return Err(Reject::UnknownAccount);
    }
    let query = Query::parse(request.query)?;
    let verified = verify(account, request, &query)?;
    let opened = open(account, verified)?;
    if let Opened::Echo(text) = &opened {
        return Ok(Received::Answer(Answer::text(text.as_bytes())));
    }
    let message = parse(opened.content())?;
    if !account.is_sealed() && message.is_sealed() {
        return Err(Reject::SealedBody);
    }
    let signed = Signed {
        nonce: Cow::Borrowed(query.nonce()?),
        timestamp: Cow::Borrowed(query.timestamp(account.max_age, request.now)?),
    };
    let to = ReplyTo {
        account: place.account,
        user: message
            .fields
            .text("FromUserName")
            .unwrap_or_default()
            .into_owned(),
        own: message
            .fields
            .text("ToUserName")
            .unwrap_or_default()
            .into_owned(),
        nonce: signed.nonce.clone().into_owned(),
        keys: opened.keys(),
    };
    let push = Push {
        account,
        place,
        message,
    };
    push.deliver(request, &signed, to, rules)
        .map(Box::new)
        .map(Received::Event)
}

/// A message with its surroundings, as routing and events see it.
struct Push<'a> {
    account: &'a PushAccount,
    place: Place<'a>,
    message: Message<'a>,
}

impl Push<'_> {
    fn deliver(
        &self,
        request: &Request<'_>,
        signed: &Signed<'_>,
        to: ReplyTo,
        rules: &Rules,
    ) -> Result<Delivery, Reject> {
        let id = self.id(signed);
        let subject = self.message.openid();
        let key = subject.as_deref().unwrap_or(&id);
        let keys = HashKeys {
            routing: key,
            account: &self.account.name,
            id: &id,
            tick: request.now.0,
        };
        let (destinations, limits) = rules.apply(self, keys, request, self.place.authorizer)?;
        let name = self.message.type_name();
        let priority = Priority::of_push(&name, self.message.info_type().is_some());
        let type_name = event::type_name(self.account.kind.name(), &name);
        let head = Head {
            id: &id,
            account: &self.account.name,
            authorizer: self.place.authorizer,
            type_name: &type_name,
            subject: subject.as_deref(),
            time: self.message.time().unwrap_or(request.now),
            key,
            mismatch: false,
        };
        let event = head.write(self.message.raw.len(), |out| self.message.write_json(out));
        let lifetime = lifetime(&type_name);
        Ok(Delivery {
            event,
            type_name,
            key: key.to_owned(),
            destinations,
            ack: reply::acknowledgement(self.account, &self.message),
            prescribed: self.prescribed(),
            reply: Some(to),
            nonce: None,
            lifetime,
            limits,
            authorizer: self.place.authorizer.map(Into::into),
            priority,
            id,
        })
    }

    /// The idempotency key, unique over all accounts.
    fn id(&self, signed: &Signed<'_>) -> String {
        let mut id = String::with_capacity(self.account.name.len() + 80);
        id.extend([&self.account.name, ":"]);
        if let Some(appid) = self.place.authorizer {
            id.extend([appid, ":"]);
        }
        claim::write_push_id(&mut id, &self.message, signed);
        id
    }

    /// The answer that the platform's release test prescribes.
    fn prescribed(&self) -> Option<&'static [u8]> {
        let on_behalf = self.account.kind == Kind::Component && self.place.authorizer.is_some();
        if !on_behalf {
            return None;
        }
        (self.message.fields.text("Content")? == RELEASE_TEST).then_some(RELEASE_ANSWER)
    }
}

/// What WeChat's test accounts send during 全网发布; the answer must come at once (protocol 3.1).
/// `QUERY_AUTH_CODE:…`, the other message of that test, wants an empty answer and is routed.
const RELEASE_TEST: &str = "TESTCOMPONENT_MSG_TYPE_TEXT";
const RELEASE_ANSWER: &[u8] =
    br#"{"type":"text","content":"TESTCOMPONENT_MSG_TYPE_TEXT_callback"}"#;

/// Virtual payment repeats itself for hours, everything else for seconds (protocol 1.6, xpay).
fn lifetime(type_name: &str) -> i64 {
    if type_name.contains(".event.xpay_") {
        admit::PAY_LIFETIME_MS
    } else {
        admit::PUSH_LIFETIME_MS
    }
}

impl Facts for Push<'_> {
    fn account(&self) -> &str {
        &self.account.name
    }

    fn kind(&self) -> &'static str {
        self.account.kind.name()
    }

    fn field(&self, path: &str) -> Option<Cow<'_, str>> {
        self.message.field(path)
    }

    fn openid(&self) -> Option<Cow<'_, str>> {
        self.message.openid()
    }
}
