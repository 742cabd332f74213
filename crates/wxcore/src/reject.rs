//! Why a request is not accepted: one small value, a stable code, and no text for strangers.
//!
//! The code goes to logs and metrics; the peer gets [`crate::reply::REFUSAL`] whatever the cause (G5).

use crate::stage::Stage;

/// Whose doing a rejection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The sender: forged, damaged, stale, or not WeChat at all.
    Peer,
    /// The account's configuration does not fit what WeChat sends.
    Tenant,
    /// A destination of the team's own.
    Sink,
    /// wxgate itself.
    Internal,
}

impl Blame {
    /// The lower-case name used in docs and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Tenant => "tenant",
            Self::Sink => "sink",
            Self::Internal => "internal",
        }
    }
}

macro_rules! rejects {
    ($( $(#[doc = $doc:literal])+ $name:ident = $stage:ident . $reason:literal, $blame:ident, $status:literal; )+) => {
        /// The closed list of causes for which a request is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reject { $( $(#[doc = $doc])+ $name, )+ }

        impl Reject {
            /// Every cause, in the order of the stages.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// The stage that refused.
            pub const fn stage(self) -> Stage {
                match self { $( Self::$name => Stage::$stage, )+ }
            }

            /// The part of the code after the stage.
            pub const fn reason(self) -> &'static str {
                match self { $( Self::$name => $reason, )+ }
            }

            /// Whose doing it is.
            pub const fn blame(self) -> Blame {
                match self { $( Self::$name => Blame::$blame, )+ }
            }

            /// The HTTP status that goes out.
            pub const fn status(self) -> u16 {
                match self { $( Self::$name => $status, )+ }
            }

            /// One sentence for operators.
            pub const fn meaning(self) -> &'static str {
                match self { $( Self::$name => concat!($($doc,)+).trim_ascii(), )+ }
            }
        }
    };
}

rejects! {
    /// The path names no configured account.
    UnknownAccount = Request."unknown_account", Peer, 403;
    /// The method is neither GET nor POST, or not one that this kind of account is called with.
    Method = Request."method", Peer, 403;
    /// The body is larger than `server.max_body`.
    TooLarge = Request."too_large", Peer, 413;
    /// The body did not arrive in full within `server.body_timeout`.
    Stalled = Request."stalled", Peer, 408;
    /// The query string is not valid percent-encoded UTF-8, or far too long.
    BadQuery = Request."bad_query", Peer, 403;
    /// A parameter or header that the signature needs is absent or empty.
    MissingParameter = Request."missing_parameter", Peer, 403;
    /// A parameter or header that the signature needs stands there twice.
    DuplicateParameter = Request."duplicate_parameter", Peer, 403;
    /// The timestamp is not a plain number of seconds.
    BadTimestamp = Request."bad_timestamp", Peer, 403;
    /// The timestamp is older than the account's `max_age` (Pay and partner: 300 s).
    Stale = Request."stale", Peer, 403;
    /// The timestamp is more than 300 s ahead of this machine's clock.
    Future = Request."future", Peer, 403;
    /// The body is not the envelope that this account's mode and format call for.
    BadEnvelope = Verify."bad_envelope", Peer, 403;
    /// The account is pinned to encrypted messages and the body holds no `Encrypt`: a downgrade.
    PlainBody = Verify."plain_body", Peer, 403;
    /// The account is pinned to plain messages and the body is encrypted.
    SealedBody = Verify."sealed_body", Tenant, 403;
    /// The signature does not match under any of the account's tokens or keys.
    BadSignature = Verify."bad_signature", Peer, 403;
    /// `Wechatpay-Serial` names no configured platform key.
    UnknownSerial = Verify."unknown_serial", Tenant, 403;
    /// WeChat Pay's deliberate wrong signature, sent to see that it is refused. No alarm.
    SignatureProbe = Verify."signature_probe", Peer, 403;
    /// The signature algorithm is not one that this build verifies (SM needs the `sm` feature).
    UnknownAlgorithm = Verify."unknown_algorithm", Tenant, 403;
    /// The ciphertext is not canonical base64 of whole blocks.
    BadCiphertext = Open."bad_ciphertext", Peer, 403;
    /// No configured key decrypts it: padding, framing or authentication tag fail.
    Undecryptable = Open."undecryptable", Tenant, 403;
    /// It decrypts, but was sealed for another receive id (appid, corpid, suite id).
    WrongReceiveId = Open."wrong_receive_id", Tenant, 403;
    /// The message is neither well-formed XML without DTD nor JSON, or breaks a limit.
    BadMessage = Parse."bad_message", Peer, 403;
    /// An element or key that identifies the message stands there twice.
    DuplicateField = Parse."duplicate_field", Peer, 403;
    /// A field without which the message has no identity is absent.
    MissingField = Parse."missing_field", Peer, 403;
    /// The notice names another merchant or application than the account.
    WrongMerchant = Parse."wrong_merchant", Tenant, 403;
    /// No route takes this message: nothing would receive it.
    NoRoute = Route."no_route", Tenant, 503;
    /// The partner's nonce was used before.
    NonceReused = Admit."nonce_reused", Peer, 403;
    /// The partner's nonce could not be remembered, so it cannot be known to be new.
    NonceUnknown = Admit."nonce_unknown", Internal, 503;
    /// `server.max_in_flight` requests are already being answered.
    Busy = Admit."busy", Internal, 503;
    /// A `[[limit]]` denies the message; `Retry-After` says when it would pass.
    Limited = Admit."limited", Tenant, 503;
    /// The account has its fair share of `server.max_in_flight`, and the rest is for the others.
    OverShare = Admit."over_share", Tenant, 503;
    /// There is more to do than this node can: messages wait too long, and less important ones are refused.
    Overloaded = Admit."overloaded", Internal, 503;
    /// wxgate is shutting down.
    Draining = Admit."draining", Internal, 503;
    /// The message could not be made durable: a write or sync of the journal failed. WeChat sends it again.
    NotRecorded = Record."failed", Internal, 503;
    /// The journal is at `journal.max_bytes`, or its disk is full or read-only.
    JournalFull = Record."full", Internal, 503;
    /// The disk did not take the message within the reply budget.
    Slow = Record."slow", Internal, 503;
    /// A fault of wxgate's own; the log has the traceback.
    Fault = Dispatch."fault", Internal, 503;
}

impl Reject {
    /// The stable code `stage.reason`, written once per cause and never renamed.
    pub fn code(self) -> String {
        format!("{}.{}", self.stage().name(), self.reason())
    }

    /// Whether the sender should try the same message again: 5xx says so.
    pub const fn retry(self) -> bool {
        self.status() >= 500
    }
}

#[cfg(test)]
mod tests {
    use super::Reject;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_explained() {
        let codes: HashSet<String> = Reject::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Reject::ALL.len());
        assert!(Reject::ALL.iter().all(|r| r.meaning().ends_with('.')));
    }

    #[test]
    fn everything_that_needs_the_accounts_secrets_is_refused_alike() {
        for reject in Reject::ALL {
            if matches!(reject.stage().name(), "verify" | "open" | "parse") {
                assert_eq!(reject.status(), 403, "{}", reject.code());
            }
        }
    }
}
