//! The stages of a message's life. Files, errors, metrics, tests and benches are named after them.

/// A step between HTTP in and HTTP out, in the order in which a message passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Size, age and shape of the HTTP request; nothing is trusted yet.
    Request,
    /// The sender's signature.
    Verify,
    /// Decryption and the receive id.
    Open,
    /// XML or JSON into fields, strictly.
    Parse,
    /// Which destinations, and which of their nodes.
    Route,
    /// Limits and claims.
    Admit,
    /// Onto the disk, before anybody is told "success".
    Record,
    /// The bytes that go back.
    Reply,
    /// From the journal to the destinations, beside the answer or before it.
    Dispatch,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 9] = [
        Self::Request,
        Self::Verify,
        Self::Open,
        Self::Parse,
        Self::Route,
        Self::Admit,
        Self::Record,
        Self::Reply,
        Self::Dispatch,
    ];

    /// The lower-case name used in error codes and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Verify => "verify",
            Self::Open => "open",
            Self::Parse => "parse",
            Self::Route => "route",
            Self::Admit => "admit",
            Self::Record => "record",
            Self::Reply => "reply",
            Self::Dispatch => "dispatch",
        }
    }
}
