//! Signatures for outbound calls and for pages, and the session data of mini programs.
//!
//! Each function computes; none sends. Nonces, times and initialisation vectors are arguments.

pub mod api_security;
pub mod jsapi;
pub mod pay_request;
pub mod session;
pub mod xpay;
