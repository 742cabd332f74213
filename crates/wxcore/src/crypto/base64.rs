//! Standard base64, canonical only: no blanks, no spare bits, padding present.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// WeChat's console draws the last character of an `EncodingAESKey` freely, so its two spare bits
/// are often set (vectors of kind `encoding_aes_key`); only keys are read this way.
const SPARE_BITS: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Decodes canonical base64; `None` for anything else.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    base64_simd::STANDARD.decode_to_vec(text).ok()
}

/// Encodes with padding.
pub fn encode(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

/// The 32 key bytes of a 43-character `EncodingAESKey`; `None` if it is not one.
pub fn decode_aes_key(text: &str) -> Option<[u8; 32]> {
    if text.len() != 43 {
        return None;
    }
    SPARE_BITS.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::{decode, encode};

    proptest! {
        #[test]
        fn both_libraries_agree_on_every_text(text in "[A-Za-z0-9+/= \n-]{0,40}") {
            prop_assert_eq!(decode(text.as_bytes()), STANDARD.decode(&text).ok());
        }

        #[test]
        fn one_changed_character_is_no_other_writing_of_the_same_bytes(
            bytes in prop::collection::vec(any::<u8>(), 1..100), at in any::<prop::sample::Index>(),
            other in "[A-Za-z0-9+/=]",
        ) {
            let text = encode(&bytes);
            prop_assert_eq!(&text, &STANDARD.encode(&bytes));
            let at = at.index(text.len());
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            prop_assert!(changed == text || decode(changed.as_bytes()) != Some(bytes));
        }
    }
}
