//! The one blob in which configuration crosses from Python: JSON, unknown keys refused.

use std::fmt;

/// A setting that cannot be used, by the path under which the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Such as `account.shop.aes_key[1]`.
    pub path: String,
    /// What was expected. Never the value: it may be a secret.
    pub reason: String,
}

impl ConfigError {
    /// A problem with the setting at `path`.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            reason: reason.into(),
        }
    }

    /// The same problem seen from one level up.
    #[must_use]
    pub fn within(self, parent: &str) -> Self {
        Self {
            path: format!("{parent}.{}", self.path),
            reason: self.reason,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path, self.reason)
    }
}

impl std::error::Error for ConfigError {}
