//! The options of a journal as one JSON blob, as Python hands them over.

use std::collections::HashMap;

use serde::Deserialize;

use super::options::{Durability, Options};
use super::seal::SealKey;
use crate::config::ConfigError;
use crate::crypto::base64;

/// The blob.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Blob {
    destinations: Vec<String>,
    routes: Vec<u16>,
    lifetimes: HashMap<String, i64>,
    segment_bytes: Option<u64>,
    durability: Option<String>,
    key: Option<String>,
    max_bytes: Option<u64>,
    retain_ms: Option<i64>,
    retain_bytes: Option<u64>,
}

/// Options, and how messages of the gateway become entries.
#[derive(Clone)]
pub struct Configured {
    /// How the journal is kept.
    pub options: Options,
    /// What a message becomes.
    pub table: Table,
}

/// Where routes lead, and how long claims live.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// By route: index of its destination.
    pub routes: Vec<u16>,
    /// By account: for how many milliseconds a retry is known as one.
    pub lifetimes: HashMap<String, i64>,
}

/// Reads the blob.
///
/// # Errors
/// The first problem, with the place in the blob. Values are not shown: one is a key.
pub fn read(blob: &[u8]) -> Result<Configured, ConfigError> {
    let blob: Blob = serde_json::from_slice(blob).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        ConfigError::new(
            place,
            "the journal's options do not have the expected shape",
        )
    })?;
    let known = blob.destinations.len();
    if blob.routes.iter().any(|one| usize::from(*one) >= known) {
        return Err(ConfigError::new(
            "routes",
            "a destination that is not listed",
        ));
    }
    let mut options = Options::new(blob.destinations);
    options.segment_bytes = blob.segment_bytes.unwrap_or(options.segment_bytes);
    options.max_bytes = blob.max_bytes.unwrap_or(options.max_bytes);
    options.retain_ms = blob.retain_ms.unwrap_or(options.retain_ms);
    options.retain_bytes = blob.retain_bytes.unwrap_or(options.retain_bytes);
    if let Some(name) = blob.durability {
        let found = Durability::ALL.into_iter().find(|one| one.name() == name);
        let wrong = || ConfigError::new("durability", "expected buffer, data or full");
        options.durability = found.ok_or_else(wrong)?;
    }
    if let Some(key) = blob.key {
        let bytes = base64::decode(key.as_bytes()).and_then(|key| key.try_into().ok());
        let wrong = || ConfigError::new("key", "expected 32 bytes in base64");
        options.seal = Some(SealKey::new(bytes.ok_or_else(wrong)?));
    }
    let table = Table {
        routes: blob.routes,
        lifetimes: blob.lifetimes,
    };
    Ok(Configured { options, table })
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::journal::Durability;

    fn problem(blob: &str) -> String {
        read(blob.as_bytes()).err().unwrap().to_string()
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let minimal = br#"{"destinations": ["log:"], "routes": [0], "lifetimes": {"shop": 60000}}"#;
        let read = read(minimal).unwrap();
        assert_eq!(read.options.segment_bytes, 64 << 20);
        assert_eq!(read.options.durability, Durability::Data);
        assert_eq!(read.table.lifetimes["shop"], 60_000);
    }

    #[test]
    fn problems_name_their_place_and_no_value() {
        let blob = |more: &str| {
            format!(r#"{{"destinations": ["a"], "routes": [0], "lifetimes": {{}}{more}}}"#)
        };
        assert!(problem(&blob(r#","key":"SECRET""#)).contains("key: expected 32 bytes"));
        assert!(problem(&blob(r#","durability":"SECRET""#)).contains("durability"));
        assert!(problem(&blob(r#","unknown":"SECRET""#)).contains("line 1"));
        assert!(
            problem(r#"{"destinations": [], "routes": [0], "lifetimes": {}}"#).contains("routes")
        );
        for more in [r#","key":"SECRET""#, r#","unknown":"SECRET""#] {
            assert!(!problem(&blob(more)).contains("SECRET"));
        }
    }
}
