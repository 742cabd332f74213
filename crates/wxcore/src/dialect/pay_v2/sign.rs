//! The digest over a message's fields.

use crate::crypto::digest::{hex, hmac_sha256, md5};

/// Which digest signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignType {
    /// 32 hex digits.
    Md5,
    /// 64 hex digits.
    HmacSha256,
}

impl SignType {
    /// From its name in a message or a configuration.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "MD5" => Some(Self::Md5),
            "HMAC-SHA256" => Some(Self::HmacSha256),
            _ => None,
        }
    }

    /// The name that messages use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }

    /// Hex digits of a signature.
    pub const fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::HmacSha256 => 64,
        }
    }
}

/// Signs fields, upper-case hex. `sign` itself and empty values are left out; all others count, known or
/// not, in the order of their names' bytes. In both digests the key stands at the end of the text; in
/// HMAC it is the key as well.
pub fn sign<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    key: &str,
    kind: SignType,
) -> String {
    let counts = |(name, value): &(&str, &str)| *name != "sign" && !value.is_empty();
    let mut pairs: Vec<_> = fields.into_iter().filter(counts).collect();
    pairs.sort_unstable();
    let mut text = String::with_capacity(512);
    for (name, value) in pairs {
        text.extend([name, "=", value, "&"]);
    }
    text.extend(["key=", key]);
    let digits = match kind {
        SignType::Md5 => hex(&md5(text.as_bytes())),
        SignType::HmacSha256 => hex(&hmac_sha256(key.as_bytes(), &[text.as_bytes()])),
    };
    digits.to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::{SignType, sign};

    const KEY: &str = "192006250b4c09247ec02edce69f6a2d";

    #[test]
    fn order_empty_values_and_sign_itself_change_nothing() {
        let forth = [("b", "2"), ("a", "1"), ("A", "0")];
        let back = [("A", "0"), ("a", "1"), ("sign", "X"), ("c", ""), ("b", "2")];
        for kind in [SignType::Md5, SignType::HmacSha256] {
            assert_eq!(sign(forth, KEY, kind), sign(back, KEY, kind));
            assert_eq!(sign(forth, KEY, kind).len(), kind.digits());
            assert_eq!(SignType::named(kind.name()), Some(kind));
            for other in [
                [("b", "2"), ("a", "1")].as_slice(),
                &[("a", "10"), ("b", "2")],
            ] {
                assert_ne!(
                    sign(forth, KEY, kind),
                    sign(other.iter().copied(), KEY, kind)
                );
            }
        }
        assert_eq!(SignType::named("RSA"), None);
    }
}
