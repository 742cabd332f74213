//! WeChat Pay's side of V2, for tests and for the player of its part.

use super::sign::{SignType, sign};
use crate::dialect::pay::aead_seal;
use crate::xml::cdata;

/// `<xml>` with one CDATA element per field, as WeChat writes it.
pub fn write_xml(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"<xml>");
    for (name, value) in fields {
        out.extend_from_slice(format!("<{name}>").as_bytes());
        cdata(&mut out, value);
        out.extend_from_slice(format!("</{name}>").as_bytes());
    }
    out.extend_from_slice(b"</xml>");
    out
}

/// A signed notice of these fields.
pub fn seal_signed(fields: &[(&str, &str)], key: &str, kind: SignType) -> Vec<u8> {
    let signature = sign(fields.iter().copied(), key, kind);
    let signed = [fields, &[("sign", signature.as_str())]].concat();
    write_xml(&signed)
}

/// A notice whose resource is sealed as in APIv3; `nonce` has 12 characters, new for each. `None` if the
/// key has not 32 bytes.
pub fn seal_event(
    fields: &[(&str, &str)],
    apiv3_key: &str,
    nonce: &str,
    resource: &[u8],
) -> Option<Vec<u8>> {
    const ASSOCIATED: &str = "transaction";
    let sealed = aead_seal(
        apiv3_key.as_bytes(),
        nonce.as_bytes(),
        ASSOCIATED.as_bytes(),
        resource,
    )?;
    let event = [
        ("event_algorithm", "AEAD_AES_256_GCM"),
        ("event_nonce", nonce),
        ("event_associated_data", ASSOCIATED),
        ("event_ciphertext", &sealed),
    ];
    Some(write_xml(&[fields, &event].concat()))
}
