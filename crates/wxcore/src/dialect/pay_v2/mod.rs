//! WeChat Pay APIv2: flat XML, signed by a digest over all fields, or sealed without a signature.
//!
//! Three kinds of notice come to one URL. What a notice holds tells them apart, never what it claims:
//! * `sign` over every field: payment results, contracts, scans ([`V2Notice::Signed`]).
//! * `req_info`: a refund's result, AES-256-ECB under the MD5 of the key ([`V2Notice::Refund`]). Nothing
//!   authenticates its outer fields, and ECB lets who has seen two of them splice blocks: ask the API
//!   about a refund before money moves.
//! * `event_ciphertext`: as in APIv3 ([`V2Notice::Resource`]). Its outer fields are not authenticated either.
//!
//! Where a sealed notice carries a `sign` as well, that must fit too.

mod receive;
mod refund;
mod seal;
mod sign;
mod verifier;

pub use receive::PayV2Account;
pub use refund::{open_refund, seal_refund};
pub use seal::{seal_event, seal_signed, write_xml};
pub use sign::{SignType, sign};
pub use verifier::{PayV2Verifier, V2Notice, parse};

#[cfg(test)]
mod tests;
