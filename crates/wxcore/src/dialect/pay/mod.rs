//! WeChat Pay APIv3: signed notices whose resource is sealed with AEAD.
//!
//! The order of checks is that of the protocol: headers, clock, probe, serial, signature over the raw
//! bytes; only then is the body read as JSON and its resource opened. A certificate that has expired
//! still verifies: WeChat decides what it signs with, and refusing would lose notices. Watch
//! [`PayVerifier::platform_keys`] instead.

mod headers;
mod notice;
mod receive;
mod resource;
mod seal;
mod verifier;

pub use headers::PayHeaders;
pub use notice::PayNotice;
pub use receive::PayAccount;
pub use resource::{aead_open, aead_seal};
pub use seal::{NoticeDraft, PaySender, SealedNotice, Signer};
pub use verifier::{PayVerifier, PlatformKey};

pub(crate) use resource::{Apiv3Key, Resource, compile, open_any};

/// The signature algorithm of RSA keys, assumed where the header is absent.
pub(crate) const RSA_TYPE: &str = "WECHATPAY2-SHA256-RSA2048";
/// The signature algorithm of SM2 keys.
#[cfg(feature = "sm")]
pub(crate) const SM2_TYPE: &str = "WECHATPAY2-SM2-WITH-SM3";

#[cfg(test)]
mod tests;
