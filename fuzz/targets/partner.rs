//! Laws of the partner envelope: opening never panics, and nothing unsigned opens.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wxcore::crypto::keygen::generate_rsa;
use wxcore::dialect::partner::PartnerVerifier;
use wxcore::time::UnixMillis;

static VERIFIER: LazyLock<PartnerVerifier> = LazyLock::new(|| {
    let (_, public) = generate_rsa().expect("a key");
    PartnerVerifier::new("erp", &["secret".to_owned()], &[public]).expect("a sound configuration")
});

fuzz_target!(|body: &[u8]| {
    assert!(
        VERIFIER
            .open(body, UnixMillis::from_seconds(1_700_000_000))
            .is_err()
    );
});
