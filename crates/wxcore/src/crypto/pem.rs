//! PEM as people paste it: with or without line breaks, with text before it, several blocks in a file.

use std::fmt;

use super::base64;

/// Why a key or certificate cannot be used. The words go into a `ConfigError`; they never quote the
/// file, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// There is no PEM block, or it does not end.
    NotPem,
    /// A private key stands where a certificate or public key belongs.
    PrivateKey,
    /// The private key needs a passphrase.
    Encrypted,
    /// PEM, but none of the kinds that fit here.
    WrongKind,
    /// The block's content is not what its label says.
    Malformed,
    /// Not an RSA key.
    NotRsa,
    /// An RSA key of fewer than 2048 or more than 8192 bits.
    Size,
    /// Not a key on the SM2 curve.
    NotSm2,
}

impl KeyError {
    /// One clause for operators.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotPem => "not PEM: no complete -----BEGIN … / -----END … block",
            Self::PrivateKey => {
                "this file holds a private key; here belongs the platform's certificate or public key"
            }
            Self::Encrypted => "the private key is encrypted; store it without a passphrase",
            Self::WrongKind => "PEM of another kind than what belongs here",
            Self::Malformed => "the PEM block does not hold what its label says",
            Self::NotRsa => "not an RSA key",
            Self::Size => "an RSA key needs 2048 to 8192 bits",
            Self::NotSm2 => "not an SM2 key",
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.reason())
    }
}

impl std::error::Error for KeyError {}

/// One decoded block.
pub struct Pem<'a> {
    /// Such as `CERTIFICATE`.
    pub label: &'a str,
    /// The bytes between the lines.
    pub der: Vec<u8>,
}

/// The first block with one of the public `labels`. A file that holds a private key anywhere is
/// refused: it is the merchant's own, and must neither verify WeChat nor lie beside what does.
///
/// # Errors
/// [`KeyError`].
pub fn public<'a>(text: &'a str, labels: &[&str]) -> Result<Pem<'a>, KeyError> {
    let blocks = blocks(text)?;
    if blocks.iter().any(|(label, _)| is_private(label)) {
        return Err(KeyError::PrivateKey);
    }
    first(blocks, labels)
}

/// The first block with one of the private `labels`.
///
/// # Errors
/// [`KeyError`].
pub fn private<'a>(text: &'a str, labels: &[&str]) -> Result<Pem<'a>, KeyError> {
    let blocks = blocks(text)?;
    let sealed = |(label, body): &(&str, &str)| {
        *label == "ENCRYPTED PRIVATE KEY" || (is_private(label) && body.contains("ENCRYPTED"))
    };
    if blocks.iter().any(sealed) {
        return Err(KeyError::Encrypted);
    }
    first(blocks, labels)
}

fn is_private(label: &str) -> bool {
    label.ends_with("PRIVATE KEY")
}

fn first<'a>(blocks: Vec<(&'a str, &'a str)>, labels: &[&str]) -> Result<Pem<'a>, KeyError> {
    let mut fitting = blocks
        .into_iter()
        .filter(|(label, _)| labels.contains(label));
    let (label, body) = fitting.next().ok_or(KeyError::WrongKind)?;
    let packed: Vec<u8> = body
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let der = base64::decode(&packed).ok_or(KeyError::Malformed)?;
    Ok(Pem { label, der })
}

/// Label and body of every block.
fn blocks(text: &str) -> Result<Vec<(&str, &str)>, KeyError> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let (block, tail) = block(begun).ok_or(KeyError::NotPem)?;
        found.push(block);
        rest = tail;
    }
    if found.is_empty() {
        Err(KeyError::NotPem)
    } else {
        Ok(found)
    }
}

fn block(begun: &str) -> Option<((&str, &str), &str)> {
    let (label, rest) = begun.split_once("-----")?;
    let (body, rest) = rest.split_once("-----END ")?;
    let tail = rest.strip_prefix(label)?.strip_prefix("-----")?;
    Some(((label, body), tail))
}

#[cfg(test)]
mod tests {
    use super::{KeyError, private, public};

    const PUBLIC: &[&str] = &["PUBLIC KEY", "CERTIFICATE"];

    #[test]
    fn blocks_are_found_however_they_were_pasted() {
        for text in [
            "-----BEGIN PUBLIC KEY-----\nQUJD\n-----END PUBLIC KEY-----\n",
            "-----BEGIN PUBLIC KEY-----QUJD-----END PUBLIC KEY-----",
            "subject=x\r\n-----BEGIN PUBLIC KEY-----\r\nQU\r\nJD\r\n-----END PUBLIC KEY-----",
            "-----BEGIN X-----\n-----END X-----\n-----BEGIN PUBLIC KEY-----\nQUJD\n-----END PUBLIC KEY-----",
        ] {
            let pem = public(text, PUBLIC).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!((pem.label, pem.der.as_slice()), ("PUBLIC KEY", &b"ABC"[..]));
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let key = "-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n";
        let cert = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
        let sealed = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nQUJD\n-----END RSA PRIVATE KEY-----";
        let pkcs8 =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nQUJD\n-----END ENCRYPTED PRIVATE KEY-----";
        let reason = |text: &str| public(text, PUBLIC).err();
        assert_eq!(reason(""), Some(KeyError::NotPem));
        assert_eq!(
            reason("-----BEGIN CERTIFICATE-----\nQUJD"),
            Some(KeyError::NotPem)
        );
        assert_eq!(
            reason("-----BEGIN A-----\n-----END B-----"),
            Some(KeyError::NotPem)
        );
        assert_eq!(reason(key), Some(KeyError::PrivateKey));
        assert_eq!(reason(&format!("{cert}{key}")), Some(KeyError::PrivateKey));
        assert_eq!(
            reason(&cert.replace("QUJD", "Q=")),
            Some(KeyError::Malformed)
        );
        assert_eq!(
            public(cert, &["PUBLIC KEY"]).err(),
            Some(KeyError::WrongKind)
        );
        assert_eq!(
            private(cert, &["PRIVATE KEY"]).err(),
            Some(KeyError::WrongKind)
        );
        assert_eq!(
            private(sealed, &["RSA PRIVATE KEY"]).err(),
            Some(KeyError::Encrypted)
        );
        assert_eq!(
            private(pkcs8, &["PRIVATE KEY"]).err(),
            Some(KeyError::Encrypted)
        );
    }
}
