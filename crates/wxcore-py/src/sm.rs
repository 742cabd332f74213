//! SM2, SM3 and SM4-GCM, for merchants enrolled in WeChat Pay's national-cryptography variant.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wxcore::crypto::base64;
use wxcore::crypto::pem::KeyError;
use wxcore::crypto::sm;
use wxcore::reject::Reject;

use crate::convert::rejected;

fn unusable(error: KeyError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// SM3 over `data`.
#[pyfunction]
pub(crate) fn sm3<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &sm::sm3(&[data]))
}

fn open<'py>(
    py: Python<'py>,
    key: Option<sm::Sm4Key>,
    [nonce, associated_data, ciphertext]: [&str; 3],
) -> PyResult<Bound<'py, PyBytes>> {
    let opened = base64::decode(ciphertext.as_bytes())
        .ok_or(Reject::BadCiphertext)
        .and_then(|data| {
            key.and_then(|key| key.open(nonce.as_bytes(), associated_data.as_bytes(), &data))
                .ok_or(Reject::Undecryptable)
        });
    opened
        .map(|plain| PyBytes::new(py, &plain))
        .map_err(|reject| rejected(py, reject))
}

/// Opens base64 with SM4-GCM under a key of 16 bytes. Raises `Rejected`.
#[pyfunction]
pub(crate) fn sm4_open<'py>(
    py: Python<'py>,
    key: &[u8],
    nonce: &str,
    associated_data: &str,
    ciphertext: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    open(
        py,
        sm::Sm4Key::new(key),
        [nonce, associated_data, ciphertext],
    )
}

/// Opens base64 with `AEAD_SM4_GCM`; its key is the head of the APIv3 key's SM3. Raises `Rejected`.
#[pyfunction]
pub(crate) fn sm4_apiv3_open<'py>(
    py: Python<'py>,
    apiv3_key: &str,
    nonce: &str,
    associated_data: &str,
    ciphertext: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    open(
        py,
        sm::apiv3_key(apiv3_key.as_bytes()),
        [nonce, associated_data, ciphertext],
    )
}

/// Seals with SM4-GCM into base64. A nonce must never serve twice under one key.
#[pyfunction]
pub(crate) fn sm4_seal(
    key: &[u8],
    nonce: &str,
    associated_data: &str,
    plain: &[u8],
) -> PyResult<String> {
    let sealed = sm::Sm4Key::new(key)
        .and_then(|key| key.seal(nonce.as_bytes(), associated_data.as_bytes(), plain));
    sealed
        .map(|sealed| base64::encode(&sealed))
        .ok_or_else(|| PyValueError::new_err("the key has 16 bytes, the nonce 12 or 16"))
}

/// An SM2 public key, from PEM: `PUBLIC KEY` or `CERTIFICATE`. Raises `ValueError`.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Sm2PublicKey(sm::PublicKey);

#[pymethods]
impl Sm2PublicKey {
    #[new]
    fn new(pem: &str) -> PyResult<Self> {
        sm::PublicKey::from_pem(pem).map(Self).map_err(unusable)
    }

    /// Whether the DER `signature` is that of `message`, SM2 with SM3.
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify(&[message], signature)
    }
}

/// An SM2 private key, from PEM. Shows nothing of itself. Raises `ValueError`.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Sm2PrivateKey(sm::PrivateKey);

#[pymethods]
impl Sm2PrivateKey {
    #[new]
    fn new(pem: &str) -> PyResult<Self> {
        sm::PrivateKey::from_pem(pem).map(Self).map_err(unusable)
    }

    /// Signs with SM2 and SM3, to DER.
    fn sign<'py>(&self, py: Python<'py>, message: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let signature = self.0.sign(&[message]);
        let signature = signature.ok_or_else(|| PyValueError::new_err("the key cannot sign"))?;
        Ok(PyBytes::new(py, &signature))
    }

    /// Decrypts ASN.1 C1C3C2. Raises `ValueError`.
    fn decrypt<'py>(&self, py: Python<'py>, sealed: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let plain = self.0.decrypt(sealed);
        let plain = plain.ok_or_else(|| PyValueError::new_err("cannot be decrypted"))?;
        Ok(PyBytes::new(py, &plain))
    }
}
