//! The native module `wxcore._wxcore`: an index of what Python sees. Converts; holds no logic.
#![expect(
    clippy::needless_pass_by_value,
    reason = "pyo3 extracts arguments by value"
)]

mod claims;
mod convert;
mod envelope;
mod gateway;
mod journal;
mod journal_error;
mod journal_reader;
mod keys;
mod limits;
mod load;
mod partner;
mod pay;
mod ring;
mod shared;
mod shared_claims;
mod sign;
#[cfg(feature = "sm")]
mod sm;
mod stored;
mod wire;

use pyo3::prelude::*;

#[pymodule]
mod _wxcore {
    #[pymodule_export]
    use crate::claims::Claims;
    #[pymodule_export]
    use crate::convert::Rejected;
    #[pymodule_export]
    use crate::envelope::{Envelope, Opened};
    #[pymodule_export]
    use crate::gateway::{Gateway, Received, check, reasons};
    #[pymodule_export]
    use crate::journal::Journal;
    #[pymodule_export]
    use crate::journal_error::JournalError;
    #[pymodule_export]
    use crate::journal_reader::JournalReader;
    #[pymodule_export]
    use crate::keys::{Certificate, PrivateKey, PublicKey, generate_rsa_key};
    #[pymodule_export]
    use crate::limits::{Limiter, Limits, decide};
    #[pymodule_export]
    use crate::load::run_load;
    #[pymodule_export]
    use crate::partner::{PartnerSender, PartnerVerifier};
    #[pymodule_export]
    use crate::pay::{
        PayNotice, PaySender, PayV2Verifier, PayVerifier, aead_open, aead_seal, pay_v2_refund_open,
        pay_v2_refund_seal, pay_v2_sign,
    };
    #[pymodule_export]
    use crate::ring::HashRing;
    #[pymodule_export]
    use crate::shared_claims::SharedClaims;
    #[pymodule_export]
    use crate::sign::{
        ApiSecurity, Merchant, hmac_base64, hmac_hex, jsapi_signature, open_encrypted_data,
        pay_sig, sorted_values_signature, user_signature, verify_pay_event, verify_raw_data,
    };
    #[cfg(feature = "sm")]
    #[pymodule_export]
    use crate::sm::{Sm2PrivateKey, Sm2PublicKey, sm3, sm4_apiv3_open, sm4_open, sm4_seal};
    #[pymodule_export]
    use crate::stored::Stored;
    #[pymodule_export]
    use crate::wire::bulks;
}
