//! The callback protocols that are not a push: payment notices, and callbacks between a team's services.

pub mod partner;
pub mod pay;
pub mod pay_v2;

pub(crate) mod clock;
pub(crate) mod headers;
pub(crate) mod members;
