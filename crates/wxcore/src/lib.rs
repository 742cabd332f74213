//! WeChat's callback protocols as plain functions: bytes in, a value out.
//!
//! No Python, no clock, no environment, no I/O: time and randomness are arguments. The modules stand
//! in the order in which a message passes them.
#![forbid(unsafe_code)]

pub mod stage;

pub mod reject;

pub mod time;

pub mod config;

pub mod crypto;

pub mod fields;

pub mod json;

pub mod xml;

pub mod dialect;

pub mod sign;
