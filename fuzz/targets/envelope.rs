//! Laws of the push envelope: opening never panics, and only what was sealed opens.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wxcore::account::Format;
use wxcore::envelope::Envelope;
use wxcore::verify::ciphertext;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

static ENVELOPE: LazyLock<Envelope> = LazyLock::new(|| {
    let text = |text: &str| [text.to_owned()];
    Envelope::new(&text("token"), &text(KEY), &text("wx1")).expect("a sound configuration")
});

fuzz_target!(|body: &[u8]| {
    for (format, beside_plain) in [
        (Format::Xml, false),
        (Format::Xml, true),
        (Format::Json, false),
    ] {
        if let Ok(found) = ciphertext(body, format, beside_plain) {
            // Unsigned: what a leaked token would let through. A frame for `wx1` cannot be guessed.
            assert!(ENVELOPE.open(&found).is_err());
        }
    }
    let sealed = ENVELOPE
        .seal(body, 0, 0, [7; 16])
        .expect("anything can be sealed");
    assert_eq!(
        ENVELOPE
            .open(&sealed)
            .expect("what is sealed opens")
            .content(),
        body
    );
});
