//! `req_info`: AES-256-ECB under the 32 hex digits of the MD5 of the key.

use crate::crypto::{aes, base64, digest};
use crate::reject::Reject;
use crate::xml::{self, Limits};

/// The AES key of one merchant key: lower-case hex text, leading zeros and all.
pub(super) fn refund_key(key: &str) -> [u8; 32] {
    let text = digest::hex(&digest::md5(key.as_bytes()));
    text.as_bytes().try_into().unwrap_or([0; 32])
}

/// Opens `req_info` under one key: an XML document, `<root>…</root>`.
///
/// # Errors
/// [`Reject::BadCiphertext`]: not base64 of whole blocks. [`Reject::Undecryptable`]: padding, encoding, or
/// not XML inside.
pub fn open_refund(key: &str, req_info: &str) -> Result<String, Reject> {
    let sealed = blocks(req_info)?;
    decrypt(&refund_key(key), sealed).ok_or(Reject::Undecryptable)
}

/// Seals an inner XML document as `req_info`.
pub fn seal_refund(key: &str, inner: &str) -> Option<String> {
    aes::ecb_encrypt(&refund_key(key), inner.as_bytes().to_vec())
        .map(|sealed| base64::encode(&sealed))
}

/// The ciphertext behind `req_info`, if it can be one.
pub(super) fn blocks(req_info: &str) -> Result<Vec<u8>, Reject> {
    let sealed = base64::decode(req_info.as_bytes()).ok_or(Reject::BadCiphertext)?;
    let whole = !sealed.is_empty() && sealed.len().is_multiple_of(16);
    if whole {
        Ok(sealed)
    } else {
        Err(Reject::BadCiphertext)
    }
}

/// One ciphertext in 256 decrypts under a wrong key as far as the padding goes, so the text must be XML too.
pub(super) fn decrypt(key: &[u8; 32], mut sealed: Vec<u8>) -> Option<String> {
    let plain = aes::unpad(aes::ecb_decrypt(key, &mut sealed)?, 16)?;
    let text = std::str::from_utf8(plain).ok()?;
    xml::parse(text, Limits::ENVELOPE).ok()?;
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{open_refund, refund_key, seal_refund};
    use crate::reject::Reject;

    const KEY: &str = "wxgateTestV2Key00000000000000102";
    const INNER: &str = "<root><out_refund_no><![CDATA[R1]]></out_refund_no></root>";

    #[test]
    fn the_key_is_text_with_its_leading_zeros() {
        assert_eq!(&refund_key(KEY), b"00816627581aae7a5b80d3908798ede4");
    }

    #[test]
    fn sealing_and_opening_are_inverse() {
        let sealed = seal_refund(KEY, INNER).unwrap();
        assert_eq!(open_refund(KEY, &sealed).as_deref(), Ok(INNER));
    }

    #[test]
    fn damage_is_refused_without_a_panic() {
        let sealed = seal_refund(KEY, INNER).unwrap();
        let other = "OF4Ne3znh8KqL0V4NqmALQa0uXMYKcEk";
        assert_eq!(open_refund(other, &sealed), Err(Reject::Undecryptable));
        for not_xml in ["", "refund", "<root>", "<root><a>1</a><a>2</a></root>"] {
            let sealed = seal_refund(KEY, not_xml).unwrap();
            assert_eq!(
                open_refund(KEY, &sealed),
                Err(Reject::Undecryptable),
                "{not_xml}"
            );
        }
        for text in [
            "",
            "AAAA",
            &sealed[4..],
            &sealed[..sealed.len() - 1],
            INNER,
            "*",
        ] {
            assert_eq!(open_refund(KEY, text), Err(Reject::BadCiphertext), "{text}");
        }
        let cut = &sealed[..64];
        assert_eq!(
            open_refund(KEY, cut),
            Err(Reject::Undecryptable),
            "whole blocks, padding gone"
        );
    }
}
