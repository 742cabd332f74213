//! The partner envelope, both ends.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wxcore::crypto::rsa::PrivateKey;
use wxcore::dialect::partner::{self, PartnerDraft};
use wxcore::time::UnixMillis;

use crate::convert::{OneOrMany, config_error, rejected};

/// Verifies and opens a partner's callbacks (docs/protocols.md). `public_key` is PEM; secrets and keys
/// may be several. Raises `ValueError` naming every problem.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct PartnerVerifier(partner::PartnerVerifier);

#[pymethods]
impl PartnerVerifier {
    #[new]
    fn new(app_id: &str, app_secret: OneOrMany, public_key: OneOrMany) -> PyResult<Self> {
        partner::PartnerVerifier::new(app_id, &app_secret.into_vec(), &public_key.into_vec())
            .map(Self)
            .map_err(|problems| config_error(&problems))
    }

    /// Opens a body at `now` (seconds); returns `(plaintext, nonce, expires)`. The caller must refuse
    /// a nonce that comes again before `expires` (seconds). Raises `Rejected`.
    #[pyo3(signature = (body, *, now))]
    fn open<'py>(
        &self,
        py: Python<'py>,
        body: &[u8],
        now: i64,
    ) -> PyResult<(Bound<'py, PyBytes>, String, i64)> {
        let opened = self.0.open(body, UnixMillis::from_seconds(now));
        let opened = opened.map_err(|reject| rejected(py, reject))?;
        Ok((
            PyBytes::new(py, &opened.plaintext),
            opened.nonce,
            opened.expires.seconds(),
        ))
    }
}

/// Seals and signs callbacks to a partner. `private_key` is PEM. Raises `ValueError`.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct PartnerSender(partner::PartnerSender);

#[pymethods]
impl PartnerSender {
    #[new]
    fn new(app_id: &str, app_secret: &str, private_key: &str) -> PyResult<Self> {
        let key = PrivateKey::from_pem(private_key)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        partner::PartnerSender::new(app_id, app_secret, key)
            .map(Self)
            .ok_or_else(|| PyValueError::new_err("app_secret is empty"))
    }

    /// The body to post at `now` (seconds); `plaintext` is a JSON object; `nonce` is 16 to 64 of `A-Z a-z 0-9 _ -`, never the same.
    #[pyo3(signature = (plaintext, *, nonce, now))]
    fn seal<'py>(
        &self,
        py: Python<'py>,
        plaintext: &[u8],
        nonce: &str,
        now: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let draft = PartnerDraft {
            plaintext,
            nonce,
            extra: &[],
        };
        let body = self.0.seal(&draft, UnixMillis::from_seconds(now));
        let body = body.ok_or_else(|| {
            PyValueError::new_err("plaintext: a JSON object; nonce: 16 to 64 of A-Z a-z 0-9 _ -")
        })?;
        Ok(PyBytes::new(py, &body))
    }
}
