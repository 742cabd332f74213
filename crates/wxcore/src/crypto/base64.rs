//! Standard base64, canonical only: no blanks, no spare bits, padding present.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

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
    STANDARD.decode(text).ok()
}

/// Encodes with padding.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The 32 key bytes of a 43-character `EncodingAESKey`; `None` if it is not one.
pub fn decode_aes_key(text: &str) -> Option<[u8; 32]> {
    if text.len() != 43 {
        return None;
    }
    SPARE_BITS.decode(text).ok()?.try_into().ok()
}
