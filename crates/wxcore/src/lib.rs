//! WeChat's callback protocols as plain functions: bytes in, a value out.
//!
//! No Python, no clock, no environment: time and randomness are arguments. Only [`journal`] does I/O.
//! The modules stand in the order in which a message passes them; [`gateway::Gateway::receive`] runs
//! all that come before the journal.
#![forbid(unsafe_code)]

pub mod stage;

pub mod reject;

pub mod gateway;

pub mod request;

pub mod source;

pub mod verify;

pub mod open;

pub mod parse;

pub mod claim;

pub mod route;

pub mod limit;

pub mod event;

pub mod priority;

pub mod admit;

pub mod journal;

pub mod reply;

pub mod dialect;

pub mod account;

pub mod envelope;

pub mod ring;

pub mod shared;

pub mod fields;

pub mod outline;

pub mod json;

pub mod xml;

mod clock;
pub mod time;

pub mod config;

mod names;

pub mod crypto;

pub mod sign;
