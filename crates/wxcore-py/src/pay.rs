//! WeChat Pay: verifying and opening notices, and playing its part.

use std::collections::HashMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use wxcore::crypto::rsa::PrivateKey;
use wxcore::dialect::pay::{self, NoticeDraft, PayHeaders, Signer};
use wxcore::dialect::pay_v2::{self, SignType, V2Notice};
use wxcore::time::UnixMillis;

use crate::convert::{OneOrMany, config_error, dict, rejected};

/// Verifies and opens the notices of WeChat Pay APIv3 (protocol 4).
///
/// `platform_keys` maps a certificate's serial to the certificate, or `PUB_KEY_ID_…` to the public
/// key, both as PEM and side by side; `apiv3_key` takes one key of 32 characters or several. Raises
/// `ValueError` naming every problem.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct PayVerifier(pay::PayVerifier);

#[pymethods]
impl PayVerifier {
    #[new]
    fn new(platform_keys: HashMap<String, String>, apiv3_key: OneOrMany) -> PyResult<Self> {
        let mut keys: Vec<(String, String)> = platform_keys.into_iter().collect();
        keys.sort();
        pay::PayVerifier::new(&keys, &apiv3_key.into_vec())
            .map(Self)
            .map_err(|problems| config_error(&problems))
    }

    /// Checks that WeChat Pay sent exactly these bytes within 300 s of `now` (seconds).
    ///
    /// Raises `Rejected`.
    #[pyo3(signature = (headers, body, *, now))]
    fn verify(
        &self,
        py: Python<'_>,
        headers: HashMap<String, String>,
        body: &[u8],
        now: i64,
    ) -> PyResult<()> {
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        PayHeaders::read(pairs)
            .and_then(|headers| self.0.verify(&headers, body, UnixMillis::from_seconds(now)))
            .map_err(|reject| rejected(py, reject))
    }

    /// Verifies a notice and opens its resource. Raises `Rejected`.
    #[pyo3(signature = (headers, body, *, now))]
    fn open(
        &self,
        py: Python<'_>,
        headers: HashMap<String, String>,
        body: &[u8],
        now: i64,
    ) -> PyResult<PayNotice> {
        self.verify(py, headers, body, now)?;
        let notice = self.0.open(body).map_err(|reject| rejected(py, reject))?;
        Ok(PayNotice {
            resource: PyBytes::new(py, &notice.resource).unbind(),
            id: notice.id,
            create_time: notice.create_time,
            event_type: notice.event_type,
            original_type: notice.original_type,
            summary: notice.summary,
            key: notice.key,
        })
    }

    /// `(serial, end of validity in seconds)` of the platform's keys; a public key has no end.
    fn platform_keys(&self) -> Vec<(String, Option<i64>)> {
        let row =
            |key: &pay::PlatformKey| (key.serial.clone(), key.not_after.map(UnixMillis::seconds));
        self.0.platform_keys().iter().map(row).collect()
    }
}

/// A notice that was verified and opened.
#[pyclass(frozen, get_all, module = "wxcore")]
pub(crate) struct PayNotice {
    /// The notice's own id.
    id: String,
    /// When it was made, RFC 3339.
    create_time: Option<String>,
    /// Such as `TRANSACTION.SUCCESS`.
    event_type: String,
    /// What was sealed, such as `transaction`.
    original_type: Option<String>,
    /// A remark for people.
    summary: Option<String>,
    /// The opened resource, JSON.
    resource: Py<PyBytes>,
    /// Index of the APIv3 key that opened it.
    key: usize,
}

/// Opens base64 as WeChat Pay seals it with `AEAD_AES_256_GCM`. Raises `Rejected`.
#[pyfunction]
pub(crate) fn aead_open<'py>(
    py: Python<'py>,
    key: &str,
    nonce: &str,
    associated_data: &str,
    ciphertext: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let (nonce, data) = (nonce.as_bytes(), associated_data.as_bytes());
    pay::aead_open(key.as_bytes(), nonce, data, ciphertext.as_bytes())
        .map(|plain| PyBytes::new(py, &plain))
        .map_err(|reject| rejected(py, reject))
}

/// Seals with `AEAD_AES_256_GCM` into base64. A nonce must never serve twice under one key. Raises
/// `ValueError` unless the key has 32 bytes and the nonce 12 or 16.
#[pyfunction]
pub(crate) fn aead_seal(
    key: &str,
    nonce: &str,
    associated_data: &str,
    plain: &[u8],
) -> PyResult<String> {
    pay::aead_seal(
        key.as_bytes(),
        nonce.as_bytes(),
        associated_data.as_bytes(),
        plain,
    )
    .ok_or_else(|| PyValueError::new_err("the key has 32 bytes, the nonce 12 or 16"))
}

/// Plays WeChat Pay towards one merchant: builds, seals and signs notices.
///
/// `private_key` is RSA, as PEM. Raises `ValueError` for an unusable key.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct PaySender(pay::PaySender);

#[pymethods]
impl PaySender {
    #[new]
    fn new(serial: &str, private_key: &str, apiv3_key: &str) -> PyResult<Self> {
        let key = PrivateKey::from_pem(private_key)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        pay::PaySender::new(serial, Signer::Rsa(key), apiv3_key)
            .map(Self)
            .ok_or_else(|| PyValueError::new_err("an APIv3 key has 32 characters"))
    }

    /// Builds a notice around `resource` (JSON) and signs it at `now` (seconds); returns
    /// `(headers, body)`. `nonce` and `resource_nonce` (12 characters) are new for each try.
    #[pyo3(signature = (resource, *, id, event_type, original_type, now, nonce, resource_nonce))]
    fn seal(
        &self,
        resource: &[u8],
        id: &str,
        event_type: &str,
        original_type: &str,
        now: i64,
        nonce: &str,
        resource_nonce: &str,
    ) -> PyResult<(HashMap<&'static str, String>, Vec<u8>)> {
        let now = UnixMillis::from_seconds(now);
        let summary = event_type;
        let draft = NoticeDraft {
            id,
            created: now,
            event_type,
            original_type,
            summary,
            resource,
            resource_nonce,
        };
        let sealed = self.0.seal(&draft, now, nonce);
        let sealed =
            sealed.ok_or_else(|| PyValueError::new_err("resource_nonce: 12 characters"))?;
        Ok((sealed.headers.into_iter().collect(), sealed.body))
    }

    /// Signs any body at `now` (seconds); returns the headers.
    #[pyo3(signature = (body, *, now, nonce))]
    fn sign(
        &self,
        body: Vec<u8>,
        now: i64,
        nonce: &str,
    ) -> PyResult<HashMap<&'static str, String>> {
        let signed = self.0.sign(body, UnixMillis::from_seconds(now), nonce);
        let signed = signed.ok_or_else(|| PyValueError::new_err("the key cannot sign"))?;
        Ok(signed.headers.into_iter().collect())
    }
}

/// Verifies and opens the notices of WeChat Pay APIv2 (protocol 5).
///
/// `key` takes one API key of 32 characters or several. With a `sign_type` (`MD5`, `HMAC-SHA256`)
/// no other is accepted. Raises `ValueError` naming every problem.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct PayV2Verifier(pay_v2::PayV2Verifier);

type V2Opened<'py> = (
    &'static str,
    Bound<'py, PyDict>,
    Option<Bound<'py, PyBytes>>,
);

#[pymethods]
impl PayV2Verifier {
    #[new]
    #[pyo3(signature = (key, *, sign_type = None, apiv3_key = None))]
    fn new(
        key: OneOrMany,
        sign_type: Option<&str>,
        apiv3_key: Option<OneOrMany>,
    ) -> PyResult<Self> {
        let sign_type = sign_type.map(named).transpose()?;
        let apiv3 = apiv3_key.map(OneOrMany::into_vec).unwrap_or_default();
        pay_v2::PayV2Verifier::new(&key.into_vec(), sign_type)
            .and_then(|verifier| verifier.with_apiv3(&apiv3))
            .map(Self)
            .map_err(|problems| config_error(&problems))
    }

    /// Verifies a notice; returns `(kind, fields, opened)` with `kind` one of `signed`, `refund` and
    /// `resource`, the outer fields, and what was sealed. Raises `Rejected`.
    fn open<'py>(&self, py: Python<'py>, body: &[u8]) -> PyResult<V2Opened<'py>> {
        let fields = pay_v2::parse(body).map_err(|reject| rejected(py, reject))?;
        let opened = self
            .0
            .open(&fields)
            .map_err(|reject| rejected(py, reject))?;
        let outer = dict(py, fields.members())?;
        Ok(match opened {
            V2Notice::Signed { .. } => ("signed", outer, None),
            V2Notice::Refund { xml, .. } => {
                ("refund", outer, Some(PyBytes::new(py, xml.as_bytes())))
            }
            V2Notice::Resource { resource, .. } => {
                ("resource", outer, Some(PyBytes::new(py, &resource)))
            }
        })
    }
}

/// APIv2's signature of `fields`: `sign` and empty values left out, sorted by name.
#[pyfunction]
#[pyo3(signature = (fields, key, sign_type = "MD5"))]
pub(crate) fn pay_v2_sign(
    fields: HashMap<String, String>,
    key: &str,
    sign_type: &str,
) -> PyResult<String> {
    let pairs = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(pay_v2::sign(pairs, key, named(sign_type)?))
}

/// Opens `req_info` of a refund's notice: an XML document. Raises `Rejected`.
#[pyfunction]
pub(crate) fn pay_v2_refund_open(py: Python<'_>, key: &str, req_info: &str) -> PyResult<String> {
    pay_v2::open_refund(key, req_info).map_err(|reject| rejected(py, reject))
}

/// Seals an XML document as `req_info`.
#[pyfunction]
pub(crate) fn pay_v2_refund_seal(key: &str, inner: &str) -> PyResult<String> {
    pay_v2::seal_refund(key, inner).ok_or_else(|| PyValueError::new_err("cannot be sealed"))
}

fn named(sign_type: &str) -> PyResult<SignType> {
    SignType::named(sign_type).ok_or_else(|| PyValueError::new_err("sign_type: MD5 or HMAC-SHA256"))
}
