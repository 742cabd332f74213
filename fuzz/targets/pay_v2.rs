//! Laws of APIv2 notices: reading never panics, and what is accepted carries the key's signature.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wxcore::dialect::pay_v2::{PayV2Verifier, SignType, parse, seal_signed};

const KEY: &str = "192006250b4c09247ec02edce69f6a2d";

static VERIFIER: LazyLock<PayV2Verifier> =
    LazyLock::new(|| PayV2Verifier::new(&[KEY.to_owned()], None).expect("a sound configuration"));

fuzz_target!(|body: &[u8]| {
    let Ok(fields) = parse(body) else {
        return;
    };
    assert!(
        VERIFIER.open(&fields).is_err(),
        "neither signature nor padding and XML can be guessed"
    );
    let texts: Vec<(String, String)> = fields
        .members()
        .iter()
        .filter(|(name, _)| !matches!(&**name, "sign" | "req_info" | "event_ciphertext"))
        .map(|(name, node)| (name.to_string(), node.scalar_verbatim().into_owned()))
        .chain([("product_id".to_owned(), "1".to_owned())])
        .collect();
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for (name, value) in &texts {
        if !pairs.iter().any(|(known, _)| known == name) {
            pairs.push((name, value));
        }
    }
    let signed = seal_signed(&pairs, KEY, SignType::HmacSha256);
    if let Ok(fields) = parse(&signed) {
        VERIFIER.open(&fields).expect("what is signed is accepted");
    }
});
