//! Laws of APIv3 notices: reading headers and bodies never panics, and nothing unsigned verifies.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wxcore::crypto::keygen::generate_rsa;
use wxcore::dialect::pay::{PayHeaders, PayVerifier};
use wxcore::time::UnixMillis;

const APIV3: &str = "0123456789abcdef0123456789ABCDEF";

static VERIFIER: LazyLock<PayVerifier> = LazyLock::new(|| {
    let (_, public) = generate_rsa().expect("a key");
    PayVerifier::new(&[("PUB_KEY_ID_1".to_owned(), public)], &[APIV3.to_owned()])
        .expect("a sound configuration")
});

fuzz_target!(|input: (Vec<(String, String)>, Vec<u8>)| {
    let (headers, body) = input;
    let pairs = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    if let Ok(headers) = PayHeaders::read(pairs) {
        let now = UnixMillis::from_seconds(headers.timestamp.parse().unwrap_or(0));
        assert!(VERIFIER.verify(&headers, &body, now).is_err());
    }
    assert!(VERIFIER.open(&body).is_err(), "no tag can be guessed");
});
