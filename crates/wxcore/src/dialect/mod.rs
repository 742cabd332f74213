//! One file for each way in which WeChat calls; all have one outline: verify, open, identity, event.

pub mod push;
