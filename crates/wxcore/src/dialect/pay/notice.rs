//! A notice's envelope and what was sealed in it.

use super::{Apiv3Key, Resource, open_any};
use crate::dialect::members::{json_refused, required, text};
use crate::fields::{Fields, Node};
use crate::json;
use crate::reject::Reject;

/// An opened notice. It owns its parts: the body may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayNotice {
    /// The notice's id, such as `EV-2018022511223320873`. A repeated try keeps it.
    pub id: String,
    /// When it was made, as WeChat writes it: RFC 3339 with +08:00.
    pub create_time: Option<String>,
    /// Such as `TRANSACTION.SUCCESS`. It does not fix the shape of the resource alone.
    pub event_type: String,
    /// `encrypt-resource`.
    pub resource_type: Option<String>,
    /// What was sealed, such as `transaction` or `profitsharing`.
    pub original_type: Option<String>,
    /// A remark for people.
    pub summary: Option<String>,
    /// The opened resource: JSON, not yet parsed.
    pub resource: Vec<u8>,
    /// Which of the APIv3 keys opened it.
    pub key: usize,
}

impl PayNotice {
    pub(super) fn open(body: &[u8], keys: &[Apiv3Key]) -> Result<Self, Reject> {
        let body = std::str::from_utf8(body).map_err(|_| Reject::BadEnvelope)?;
        let envelope = json::parse(body).map_err(json_refused)?;
        let Some(node @ Node::Map(_)) = envelope.get("resource") else {
            return Err(Reject::BadEnvelope);
        };
        let (key, resource) = open_any(keys, &resource(node)?)?;
        Ok(Self {
            id: required(envelope.get("id"), Reject::MissingField)?.to_owned(),
            event_type: required(envelope.get("event_type"), Reject::MissingField)?.to_owned(),
            create_time: owned(&envelope, "create_time")?,
            resource_type: owned(&envelope, "resource_type")?,
            original_type: text(node.member("original_type"))?.map(str::to_owned),
            summary: owned(&envelope, "summary")?,
            resource,
            key,
        })
    }
}

fn resource<'n>(node: &'n Node<'_>) -> Result<Resource<'n>, Reject> {
    let member = |name: &str| required(node.member(name), Reject::BadEnvelope);
    Resource::new(
        member("algorithm")?,
        member("nonce")?,
        text(node.member("associated_data"))?.unwrap_or_default(),
        member("ciphertext")?,
    )
}

fn owned(envelope: &Fields<'_>, name: &str) -> Result<Option<String>, Reject> {
    Ok(text(envelope.get(name))?.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::PayNotice;
    use crate::dialect::pay::{Apiv3Key, aead_seal};
    use crate::reject::Reject;

    const KEY: &[u8; 32] = b"0123456789abcdef0123456789ABCDEF";

    fn open(body: &str) -> Result<PayNotice, Reject> {
        PayNotice::open(body.as_bytes(), &[Apiv3Key::new(KEY).unwrap()])
    }

    fn body(associated: &str) -> String {
        let sealed = aead_seal(KEY, b"abcdef012345", b"", b"{\"a\":1}").unwrap();
        format!(
            r#"{{"id":"EV-1","event_type":"REFUND.SUCCESS","resource":{{"algorithm":"AEAD_AES_256_GCM","ciphertext":"{sealed}",{associated}"nonce":"abcdef012345"}}}}"#
        )
    }

    #[test]
    fn absent_null_and_empty_associated_data_are_the_same() {
        for associated in ["", r#""associated_data":null,"#, r#""associated_data":"","#] {
            let notice = open(&body(associated)).unwrap();
            assert_eq!(notice.resource, b"{\"a\":1}");
            assert_eq!((notice.original_type, notice.summary), (None, None));
        }
        assert_eq!(
            open(&body(r#""associated_data":" ","#)),
            Err(Reject::Undecryptable)
        );
        assert_eq!(
            open(&body(r#""associated_data":0,"#)),
            Err(Reject::BadEnvelope)
        );
    }

    #[test]
    fn the_envelope_is_read_strictly() {
        let good = body("");
        for (from, to, refusal) in [
            ("{\"id\"", "[\"id\"", Reject::BadEnvelope),
            ("EV-1", "", Reject::MissingField),
            ("\"id\"", "\"ID\"", Reject::MissingField),
            ("\"EV-1\"", "1", Reject::BadEnvelope),
            ("event_type", "event", Reject::MissingField),
            (
                "\"id\":\"EV-1\"",
                "\"id\":\"EV-1\",\"id\":\"EV-2\"",
                Reject::DuplicateField,
            ),
            (
                "\"resource\":{",
                "\"resource\":{\"nonce\":\"x\",",
                Reject::DuplicateField,
            ),
            ("resource", "Resource", Reject::BadEnvelope),
            ("AEAD_AES_256_GCM", "", Reject::BadEnvelope),
            (
                "AEAD_AES_256_GCM",
                "AEAD_AES_256_CBC",
                Reject::UnknownAlgorithm,
            ),
            (
                "\"ciphertext\":\"",
                "\"ciphertext\":\"*",
                Reject::BadCiphertext,
            ),
            ("abcdef012345", "abcdef01234", Reject::Undecryptable),
            ("abcdef012345", "abcdef012345 ", Reject::Undecryptable),
        ] {
            assert_eq!(
                open(&good.replace(from, to)),
                Err(refusal),
                "{from} -> {to}"
            );
        }
        assert_eq!(PayNotice::open(b"\xff{}", &[]), Err(Reject::BadEnvelope));
        assert_eq!(
            PayNotice::open(good.as_bytes(), &[]),
            Err(Reject::Undecryptable)
        );
    }
}
