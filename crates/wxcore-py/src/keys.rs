//! RSA keys and certificates.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wxcore::crypto::keygen;
use wxcore::crypto::pem::KeyError;
use wxcore::crypto::rsa;
use wxcore::crypto::x509::{self, KeyKind};

fn unusable(error: KeyError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn failed() -> PyErr {
    PyValueError::new_err("the key cannot do this")
}

/// An RSA public key, from PEM: `PUBLIC KEY` or `CERTIFICATE`. Raises `ValueError`.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct PublicKey(rsa::PublicKey);

#[pymethods]
impl PublicKey {
    #[new]
    fn new(pem: &str) -> PyResult<Self> {
        rsa::PublicKey::from_pem(pem).map(Self).map_err(unusable)
    }

    /// Whether `signature` is that of `message`: PKCS#1 v1.5 with SHA-256, or PSS with a salt of 32.
    #[pyo3(signature = (message, signature, *, pss = false))]
    fn verify(&self, message: &[u8], signature: &[u8], pss: bool) -> bool {
        if pss {
            self.0.verify_pss(&[message], signature)
        } else {
            self.0.verify(&[message], signature)
        }
    }

    /// Encrypts with OAEP and SHA-1, as Pay wants sensitive fields.
    fn encrypt<'py>(&self, py: Python<'py>, plain: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        self.0
            .encrypt_oaep(plain)
            .map(|sealed| PyBytes::new(py, &sealed))
            .ok_or_else(failed)
    }
}

/// An RSA private key, from PEM: PKCS#8 or PKCS#1. Shows nothing of itself. Raises `ValueError`.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct PrivateKey(rsa::PrivateKey);

#[pymethods]
impl PrivateKey {
    #[new]
    fn new(pem: &str) -> PyResult<Self> {
        rsa::PrivateKey::from_pem(pem).map(Self).map_err(unusable)
    }

    /// Signs: PKCS#1 v1.5 with SHA-256, or PSS with a salt of 32. Takes about 300 µs.
    #[pyo3(signature = (message, *, pss = false))]
    fn sign<'py>(
        &self,
        py: Python<'py>,
        message: &[u8],
        pss: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let signature = if pss {
            self.0.sign_pss(&[message])
        } else {
            self.0.sign(&[message])
        };
        signature
            .map(|bytes| PyBytes::new(py, &bytes))
            .ok_or_else(failed)
    }

    /// Decrypts OAEP with SHA-1. Raises `ValueError`.
    fn decrypt<'py>(&self, py: Python<'py>, sealed: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        self.0
            .decrypt_oaep(sealed)
            .map(|plain| PyBytes::new(py, &plain))
            .ok_or_else(failed)
    }
}

/// A new RSA-2048 key as PEM: `(PRIVATE KEY, PUBLIC KEY)`. For playing the other side.
#[pyfunction]
pub(crate) fn generate_rsa_key() -> PyResult<(String, String)> {
    keygen::generate_rsa()
        .ok_or_else(|| PyErr::new::<pyo3::exceptions::PyOSError, _>("no randomness"))
}

/// What wxgate reads of a certificate, from PEM. Raises `ValueError`.
#[pyclass(frozen, get_all, module = "wxcore")]
pub(crate) struct Certificate {
    /// Upper-case hex without leading zeros.
    serial: String,
    /// Start of validity, in seconds since 1970.
    not_before: i64,
    /// End of validity.
    not_after: i64,
    /// The subject's common name.
    common_name: Option<String>,
    /// `RSA-2048` and the like, `SM2`, or `other`.
    key: String,
}

#[pymethods]
impl Certificate {
    #[new]
    fn new(pem: &str) -> PyResult<Self> {
        let read = x509::Certificate::from_pem(pem).map_err(unusable)?;
        Ok(Self {
            serial: read.serial,
            not_before: read.not_before.seconds(),
            not_after: read.not_after.seconds(),
            common_name: read.common_name,
            key: match read.key {
                KeyKind::Rsa { bits } => format!("RSA-{bits}"),
                KeyKind::Sm2 => "SM2".to_owned(),
                KeyKind::Other => "other".to_owned(),
            },
        })
    }
}
