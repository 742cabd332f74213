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
    base64_simd::STANDARD.decode_to_vec(text).ok()
}

/// Characters from which on the faster decoder pays for being hedged in.
const LONG: usize = 1024;

/// The same for a text whose signature has been checked: a quarter of the time where it is long.
pub fn decode_verified(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() < LONG {
        return decode(text);
    }
    decode_long(text)
}

/// By a library that is young: strangers' bytes do not reach it. It passes over spare bits, and over
/// what stands behind a padded group. So the last group is read by the strict decoder, and all
/// groups before it have to have yielded three bytes each.
fn decode_long(text: &[u8]) -> Option<Vec<u8>> {
    let Some((head, last)) = text.split_last_chunk::<4>() else {
        return text.is_empty().then(Vec::new);
    };
    let (groups, over) = head.as_chunks::<4>();
    if !over.is_empty() {
        return None;
    }
    let end = STANDARD.decode_slice(last, &mut [0; 3]).ok()?;
    let bytes = base64_turbo::STANDARD.decode(text).ok()?;
    (bytes.len() == groups.len() * 3 + end).then_some(bytes)
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
    use proptest::prelude::*;

    use super::{LONG, STANDARD, decode, decode_long, decode_verified, encode};

    proptest! {
        #[test]
        fn all_libraries_agree_on_every_text(text in "[A-Za-z0-9+/= \n-]{0,600}") {
            let strict = STANDARD.decode(&text).ok();
            prop_assert_eq!(&decode(text.as_bytes()), &strict);
            prop_assert_eq!(&decode_long(text.as_bytes()), &strict);
        }

        #[test]
        fn one_changed_character_is_no_other_writing_of_the_same_bytes(
            bytes in prop::collection::vec(any::<u8>(), 1..1000), at in any::<prop::sample::Index>(),
            other in "[A-Za-z0-9+/=]",
        ) {
            let text = encode(&bytes);
            prop_assert_eq!(&text, &STANDARD.encode(&bytes));
            let at = at.index(text.len());
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            for read in [decode, decode_long] {
                prop_assert!(changed == text || read(changed.as_bytes()).as_ref() != Some(&bytes));
            }
        }
    }

    #[test]
    fn every_short_text_is_judged_alike() {
        const CHARACTERS: &[u8; 5] = b"AB=\n-";
        for (length, texts) in (0..=8).map(|length| (length, 5_usize.pow(length))) {
            for number in 0..texts {
                let digit = |at| CHARACTERS[number / 5_usize.pow(at) % 5];
                let text: Vec<u8> = (0..length).map(digit).collect();
                assert_eq!(decode_long(&text), STANDARD.decode(&text).ok(), "{text:?}");
            }
        }
    }

    #[test]
    fn every_length_goes_there_and_back() {
        // Past every step at which the library takes wider instructions.
        let bytes: Vec<u8> = (0..1200_u32)
            .map(|n| (n * n / 7).to_le_bytes()[0])
            .collect();
        for length in 0..bytes.len() {
            let text = encode(&bytes[..length]);
            assert_eq!(text, STANDARD.encode(&bytes[..length]));
            assert_eq!(
                decode_long(text.as_bytes()).as_deref(),
                Some(&bytes[..length])
            );
        }
    }

    #[test]
    fn every_byte_at_every_place_is_judged_alike() {
        let bytes: Vec<u8> = (0..=255).cycle().take(349).collect();
        let sound = STANDARD.encode(bytes).into_bytes();
        for at in 0..sound.len() {
            for byte in 0..=255 {
                let mut text = sound.clone();
                text[at] = byte;
                assert_eq!(
                    decode_long(&text),
                    STANDARD.decode(&text).ok(),
                    "{byte} at {at}"
                );
            }
        }
    }

    #[test]
    fn short_and_long_texts_are_read_alike() {
        for length in [LONG - 4, LONG, LONG + 4] {
            let sound = vec![b'A'; length];
            assert_eq!(decode_verified(&sound), STANDARD.decode(&sound).ok());
            let spare = [&sound[..length - 4], b"AB==".as_slice()].concat();
            assert_eq!(decode_verified(&spare), None, "{length}");
        }
    }
}
