//! Signatures that a team's own services make, and what a mini program sends.

use std::collections::HashMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wxcore::crypto::gcm::Aes256Key;
use wxcore::crypto::rsa::{PrivateKey, PublicKey};
use wxcore::sign::api_security::{self, AnswerHeaders, Fresh};
use wxcore::sign::pay_request::{self, Call};
use wxcore::sign::session::{self, Watermark};
use wxcore::sign::{jsapi, xpay};
use wxcore::time::UnixMillis;

use crate::convert::rejected;

fn private_key(pem: &str) -> PyResult<PrivateKey> {
    PrivateKey::from_pem(pem).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn failed() -> PyErr {
    PyValueError::new_err("the key cannot sign")
}

/// JS-SDK's signature; `url` counts up to `#` (vectors `jsapi-official`).
#[pyfunction]
pub(crate) fn jsapi_signature(ticket: &str, nonce: &str, timestamp: i64, url: &str) -> String {
    jsapi::jsapi_signature(ticket, nonce, timestamp, url)
}

/// SHA-1 over the sorted values: `card_ext` and its like.
#[pyfunction]
pub(crate) fn sorted_values_signature(values: Vec<String>) -> String {
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    jsapi::sorted_values_signature(&values)
}

/// HMAC-SHA256 in lower-case hex: session checks, WeChat's game and storage APIs.
#[pyfunction]
pub(crate) fn hmac_hex(key: &str, message: &[u8]) -> String {
    xpay::hmac_hex(key, message)
}

/// HMAC-SHA256 in base64: WeCom's payment tool.
#[pyfunction]
pub(crate) fn hmac_base64(key: &str, message: &[u8]) -> String {
    xpay::hmac_base64(key, message)
}

/// Virtual payment: `pay_sig` over the path, its query left out, and the body.
#[pyfunction]
pub(crate) fn pay_sig(app_key: &str, uri: &str, body: &[u8]) -> String {
    xpay::pay_sig(app_key, uri, body)
}

/// Virtual payment: `signature` under the user's session key.
#[pyfunction]
pub(crate) fn user_signature(session_key: &str, body: &[u8]) -> String {
    xpay::user_signature(session_key, body)
}

/// Whether `PayEventSig` is that of a mini game's event; `payload` is the literal text.
#[pyfunction]
pub(crate) fn verify_pay_event(app_key: &str, event: &str, payload: &str, signature: &str) -> bool {
    xpay::verify_pay_event(app_key, event, payload, signature)
}

/// Whether `signature` is that of a mini program's `rawData`.
#[pyfunction]
pub(crate) fn verify_raw_data(raw_data: &str, session_key: &str, signature: &str) -> bool {
    session::verify_raw_data(raw_data, session_key, signature)
}

/// Decrypts a mini program's `encryptedData` and checks its watermark; returns JSON.
///
/// `max_age` and `now` are in seconds. Raises `Rejected`.
#[pyfunction]
#[pyo3(signature = (session_key, iv, encrypted, *, appid, max_age, now))]
pub(crate) fn open_encrypted_data<'py>(
    py: Python<'py>,
    session_key: &str,
    iv: &str,
    encrypted: &str,
    appid: &str,
    max_age: i64,
    now: i64,
) -> PyResult<Bound<'py, PyBytes>> {
    let expected = Watermark {
        appid,
        max_age,
        now: UnixMillis::from_seconds(now),
    };
    session::open_encrypted_data(session_key, iv, encrypted, &expected)
        .map(|plain| PyBytes::new(py, &plain))
        .map_err(|reject| rejected(py, reject))
}

/// A merchant that calls WeChat Pay APIv3. `serial` is that of its own certificate. Raises
/// `ValueError` for an unusable key.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Merchant(pay_request::Merchant);

#[pymethods]
impl Merchant {
    #[new]
    fn new(mchid: &str, serial: &str, private_key: &str) -> PyResult<Self> {
        Ok(Self(pay_request::Merchant::new(
            mchid,
            serial,
            self::private_key(private_key)?,
        )))
    }

    /// The value of the `Authorization` header; `path` includes the query.
    #[pyo3(signature = (method, path, body, *, nonce, timestamp))]
    fn authorization(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        nonce: &str,
        timestamp: i64,
    ) -> PyResult<String> {
        let call = Call { method, path, body };
        self.0
            .authorization(&call, nonce, timestamp)
            .ok_or_else(failed)
    }

    /// `paySign` for a page in WeChat and for a mini program.
    fn page_signature(
        &self,
        appid: &str,
        prepay_id: &str,
        nonce: &str,
        timestamp: i64,
    ) -> PyResult<String> {
        self.0
            .page_signature(appid, prepay_id, nonce, timestamp)
            .ok_or_else(failed)
    }

    /// `sign` for an app.
    fn app_signature(
        &self,
        appid: &str,
        prepay_id: &str,
        nonce: &str,
        timestamp: i64,
    ) -> PyResult<String> {
        self.0
            .app_signature(appid, prepay_id, nonce, timestamp)
            .ok_or_else(failed)
    }
}

/// Server API signing and encryption (protocol 8) for one application.
///
/// `symmetric_key` is base64 of 32 bytes; `platform` maps the console's key numbers to PEM. Raises
/// `ValueError` for an unusable key.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct ApiSecurity(api_security::ApiSecurity);

#[pymethods]
impl ApiSecurity {
    #[new]
    #[pyo3(signature = (appid, *, symmetric_number, symmetric_key, private_key, platform))]
    fn new(
        appid: String,
        symmetric_number: String,
        symmetric_key: &str,
        private_key: &str,
        platform: HashMap<String, String>,
    ) -> PyResult<Self> {
        let bytes = wxcore::crypto::base64::decode(symmetric_key.as_bytes());
        let symmetric_key = bytes
            .and_then(|bytes| Aes256Key::new(&bytes))
            .ok_or_else(|| PyValueError::new_err("symmetric_key: base64 of 32 bytes"))?;
        let mut keys = Vec::with_capacity(platform.len());
        for (number, pem) in platform {
            let key = PublicKey::from_pem(&pem)
                .map_err(|error| PyValueError::new_err(format!("platform.{number}: {error}")))?;
            keys.push((number, key));
        }
        let private_key = self::private_key(private_key)?;
        Ok(Self(api_security::ApiSecurity {
            appid,
            symmetric_number,
            symmetric_key,
            private_key,
            platform: keys,
        }))
    }

    /// Seals `parameters` (a JSON object) for `url`; returns `(headers, body)`.
    ///
    /// `nonce` is random text and `iv` 12 random bytes, new for each call; `now` is in seconds.
    #[pyo3(signature = (url, parameters, *, nonce, iv, now))]
    fn seal(
        &self,
        url: &str,
        parameters: &str,
        nonce: &str,
        iv: [u8; 12],
        now: i64,
    ) -> PyResult<(HashMap<&'static str, String>, String)> {
        let fresh = Fresh {
            nonce,
            iv,
            now: UnixMillis::from_seconds(now),
        };
        let sealed = self.0.seal(url, parameters, &fresh).ok_or_else(|| {
            PyValueError::new_err("parameters: a JSON object without _n, _appid, _timestamp")
        })?;
        Ok((sealed.headers.into_iter().collect(), sealed.body))
    }

    /// Verifies and opens the answer to a call to `url`; returns JSON. Raises `Rejected`.
    #[pyo3(signature = (url, headers, body, *, now))]
    fn open<'py>(
        &self,
        py: Python<'py>,
        url: &str,
        headers: HashMap<String, String>,
        body: &str,
        now: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        AnswerHeaders::read(pairs)
            .and_then(|headers| {
                self.0
                    .open(url, &headers, body, UnixMillis::from_seconds(now))
            })
            .map(|plain| PyBytes::new(py, &plain))
            .map_err(|reject| rejected(py, reject))
    }
}
