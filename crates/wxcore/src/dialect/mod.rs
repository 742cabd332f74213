//! The ways in which WeChat calls, a module each, with one outline: verify, open, identity, event.

pub mod push;

pub mod pay;

pub mod pay_v2;

pub mod partner;

pub(crate) mod headers;
pub(crate) mod members;
mod notice;
