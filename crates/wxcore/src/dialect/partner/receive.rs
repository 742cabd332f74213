//! A partner's account, and its callbacks from bytes to event.

use super::PartnerVerifier;
use crate::account::Kind;
use crate::config::{ConfigError, PartnerConfig};
use crate::dialect::notice::{Notice, Outcome};
use crate::gateway::{Received, Rules};
use crate::json::{self, JsonError};
use crate::reject::Reject;
use crate::reply::{Answer, ReplyTo};
use crate::request::Request;

/// A service of the team's own that calls in.
pub struct PartnerAccount {
    /// Its name.
    pub name: String,
    verifier: PartnerVerifier,
}

impl PartnerAccount {
    /// Compiles an account.
    ///
    /// # Errors
    /// Every problem at once, under `account.NAME`.
    pub fn new(config: &PartnerConfig) -> Result<Self, Vec<ConfigError>> {
        let parent = format!("account.{}", config.name);
        let verifier =
            PartnerVerifier::new(&config.app_id, &config.app_secrets, &config.public_keys);
        let verifier = verifier.map_err(|all| {
            all.into_iter()
                .map(|one| one.within(&parent))
                .collect::<Vec<_>>()
        })?;
        Ok(Self {
            name: config.name.clone(),
            verifier,
        })
    }

    /// Takes a callback from bytes to an event with its destinations. What was sealed must be a JSON
    /// object; of its members `id`, `type` and `openid` are understood. `account` is this one's index.
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
        let opened = self.verifier.open(request.body, request.now)?;
        let text = std::str::from_utf8(&opened.plaintext).map_err(|_| Reject::BadMessage)?;
        let fields = json::parse(text).map_err(|error| match error {
            JsonError::DuplicateKey => Reject::DuplicateField,
            JsonError::Malformed => Reject::BadMessage,
        })?;
        let id = match fields.text("id") {
            Some(own) => format!("x:{own}"),
            None => format!("x:{}", opened.nonce),
        };
        let name = fields
            .text("type")
            .map_or_else(|| "message".into(), |name| name.to_ascii_lowercase());
        let event = Notice {
            account: &self.name,
            kind: Kind::Partner,
            name,
            id,
            subject: fields.text("openid").map(Into::into),
            time: request.now,
            event_type: None,
            mismatch: false,
            data: text.trim().as_bytes().to_vec(),
            fields,
        };
        let ack = Answer::json("{\"code\":\"SUCCESS\",\"message\":\"成功\"}");
        let reply = Some(ReplyTo {
            account,
            ..ReplyTo::default()
        });
        let nonce = Some((opened.nonce, opened.expires));
        event.deliver(Outcome { ack, reply, nonce }, request, rules)
    }
}
