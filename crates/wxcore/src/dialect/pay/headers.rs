//! The signature headers, each exactly once.

use crate::dialect::headers::{pick, present};
use crate::reject::Reject;

/// The headers that a notice, or an answer of the API, is signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayHeaders<'a> {
    /// `Wechatpay-Timestamp`, unread.
    pub timestamp: &'a str,
    /// `Wechatpay-Nonce`.
    pub nonce: &'a str,
    /// `Wechatpay-Serial`: the id of a public key, or a certificate's serial.
    pub serial: &'a str,
    /// `Wechatpay-Signature`, in base64.
    pub signature: &'a str,
    /// `Wechatpay-Signature-Type`, where it was sent.
    pub signature_type: Option<&'a str>,
}

impl<'a> PayHeaders<'a> {
    /// Picks them out of all headers; names in any case.
    ///
    /// # Errors
    /// [`Reject::DuplicateParameter`], also for two headers that a proxy joined with a comma, and
    /// [`Reject::MissingParameter`].
    pub fn read(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Reject> {
        let [timestamp, nonce, serial, signature, signature_type] = pick(
            headers,
            [
                "wechatpay-timestamp",
                "wechatpay-nonce",
                "wechatpay-serial",
                "wechatpay-signature",
                "wechatpay-signature-type",
            ],
        )?;
        Ok(Self {
            timestamp: present(timestamp)?,
            nonce: present(nonce)?,
            serial: present(serial)?,
            signature: present(signature)?,
            signature_type,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::PayHeaders;
    use crate::reject::Reject;

    const GOOD: [(&str, &str); 5] = [
        ("Content-Type", "application/json, charset=utf-8"),
        ("Wechatpay-Timestamp", "1"),
        ("WECHATPAY-NONCE", "n"),
        ("wechatpay-serial", "A"),
        ("Wechatpay-Signature", "s="),
    ];

    #[test]
    fn names_are_read_in_any_case() {
        let headers = PayHeaders::read(GOOD).unwrap();
        assert_eq!((headers.timestamp, headers.nonce), ("1", "n"));
        assert_eq!((headers.serial, headers.signature), ("A", "s="));
        assert_eq!(headers.signature_type, None);
    }

    #[test]
    fn absent_empty_repeated_or_joined_headers_are_refused() {
        for victim in 1..GOOD.len() {
            let without = (0..GOOD.len())
                .filter(|index| *index != victim)
                .map(|index| GOOD[index]);
            assert_eq!(PayHeaders::read(without), Err(Reject::MissingParameter));
            for (value, refusal) in [
                ("", Reject::MissingParameter),
                ("a,b", Reject::DuplicateParameter),
                ("a, a", Reject::DuplicateParameter),
            ] {
                let mut headers = GOOD;
                headers[victim].1 = value;
                assert_eq!(PayHeaders::read(headers), Err(refusal));
            }
            let twice = GOOD.into_iter().chain([GOOD[victim]]);
            assert_eq!(PayHeaders::read(twice), Err(Reject::DuplicateParameter));
            let twice = GOOD.into_iter().chain([(GOOD[victim].0, "")]);
            assert_eq!(PayHeaders::read(twice), Err(Reject::DuplicateParameter));
        }
        let kinds = [
            ("wechatpay-signature-type", "a"),
            ("Wechatpay-Signature-Type", "a"),
        ];
        let twice = GOOD.into_iter().chain(kinds);
        assert_eq!(PayHeaders::read(twice), Err(Reject::DuplicateParameter));
    }
}
