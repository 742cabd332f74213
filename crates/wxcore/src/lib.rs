//! WeChat's callback protocols as plain functions: bytes in, a value out.
//!
//! No Python, no clock, no environment, no I/O: time and randomness are arguments. The modules stand
//! in the order in which a message passes them; [`gateway::Gateway::receive`] runs them all.
#![forbid(unsafe_code)]

pub mod stage;

pub mod reject;

pub mod gateway;

pub mod request;

pub mod verify;

pub mod open;

pub mod parse;

pub mod claim;

pub mod route;

pub mod event;

pub mod reply;

pub mod dialect;

pub mod account;

pub mod envelope;

pub mod ring;

pub mod fields;

pub mod outline;

pub mod json;

pub mod xml;

mod clock;
pub mod time;

pub mod config;

pub mod crypto;

pub mod sign;
