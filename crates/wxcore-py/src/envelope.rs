//! `Envelope` and `Opened`: the push envelope on its own, for those who import wxcore.

use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict};
use wxcore::account::Format;
use wxcore::parse::{Message, parse};
use wxcore::reply::SealedReply;
use wxcore::verify::ciphertext;

use crate::convert::{OneOrMany, config_error, dict, random, rejected};

/// WeChat's push envelope: verify, decrypt and seal.
///
/// `token`, `encoding_aes_key` and `receive_id` (appid, corpid, suite id or component appid) each
/// take one string or several: all of them verify and open, the first signs and seals. Raises
/// `ValueError` for a key that is not 43 characters of base64.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Envelope(wxcore::envelope::Envelope);

#[pymethods]
impl Envelope {
    #[new]
    fn new(token: OneOrMany, encoding_aes_key: OneOrMany, receive_id: OneOrMany) -> PyResult<Self> {
        let (tokens, keys) = (token.into_vec(), encoding_aes_key.into_vec());
        wxcore::envelope::Envelope::new(&tokens, &keys, &receive_id.into_vec())
            .map(Self)
            .map_err(|problems| config_error(&problems))
    }

    /// Checks a URL verification of an Official Account or Mini Program and returns its `echostr`.
    ///
    /// Raises `Rejected` with code `verify.bad_signature`.
    fn verify_url(
        &self,
        py: Python<'_>,
        signature: &str,
        timestamp: &str,
        nonce: &str,
        echostr: String,
    ) -> PyResult<String> {
        let envelope = &self.0;
        envelope
            .check_plain(timestamp, nonce, signature)
            .map_err(|reject| rejected(py, reject))?;
        Ok(echostr)
    }

    /// Checks a URL verification of WeCom, whose `echostr` is encrypted, and returns its plaintext.
    ///
    /// Raises `Rejected`.
    fn verify_sealed_url(
        &self,
        py: Python<'_>,
        msg_signature: &str,
        timestamp: &str,
        nonce: &str,
        echostr: &str,
    ) -> PyResult<String> {
        let envelope = &self.0;
        let open = || {
            envelope.check_sealed(timestamp, nonce, echostr, msg_signature)?;
            envelope.open(echostr)
        };
        let plain = open().map_err(|reject| rejected(py, reject))?;
        Ok(String::from_utf8_lossy(plain.content()).into_owned())
    }

    /// Verifies, decrypts and parses a request body, XML or JSON.
    ///
    /// Raises `Rejected`.
    #[pyo3(signature = (body, *, msg_signature, timestamp, nonce))]
    fn open(
        &self,
        py: Python<'_>,
        body: &[u8],
        msg_signature: &str,
        timestamp: &str,
        nonce: &str,
    ) -> PyResult<Opened> {
        let format = if body.first() == Some(&b'{') {
            Format::Json
        } else {
            Format::Xml
        };
        let open = || {
            let ciphertext = ciphertext(body, format, true)?;
            self.0
                .check_sealed(timestamp, nonce, &ciphertext, msg_signature)?;
            self.0.open(&ciphertext)
        };
        let plain = open().map_err(|reject| rejected(py, reject))?;
        parse(plain.content()).map_err(|reject| rejected(py, reject))?;
        let receive_id = self.0.receive_ids().get(plain.receive_id);
        Ok(Opened {
            content: PyBytes::new(py, plain.content()).unbind(),
            receive_id: receive_id.cloned().unwrap_or_default(),
            key: plain.key,
            fields: PyOnceLock::new(),
        })
    }

    /// Encrypts and signs `content`, as WeChat does for a push and a service does for a reply.
    ///
    /// `shape` is `"xml"`, `"json"` or `"robot"` (WeCom's lower-case JSON). `receive_id` and `key`
    /// are indexes into those of the constructor. Returns `(body, msg_signature)`.
    #[pyo3(signature = (content, *, timestamp, nonce, shape = "xml", key = 0, receive_id = 0))]
    fn seal(
        &self,
        content: &[u8],
        timestamp: String,
        nonce: &str,
        shape: &str,
        key: usize,
        receive_id: usize,
    ) -> PyResult<(Vec<u8>, String)> {
        let envelope = &self.0;
        let out_of_range = || PyIndexError::new_err("no such key or receive id");
        let ciphertext = envelope
            .seal(content, key, receive_id, random()?)
            .ok_or_else(out_of_range)?;
        let signature = envelope.sign_sealed(&timestamp, nonce, &ciphertext);
        let sealed = SealedReply {
            ciphertext,
            signature,
            timestamp,
            nonce,
        };
        let body = match shape {
            "xml" => sealed.xml(),
            "json" => sealed.json(),
            "robot" => sealed.robot_json(),
            _ => return Err(PyValueError::new_err("shape: xml, json or robot")),
        };
        Ok((body, sealed.signature))
    }

    /// Encrypts `content` alone, to base64: an encrypted `echostr`, or a body of one's own shape.
    /// `salt` (16 bytes) is for known-answer tests; left out, the operating system gives it.
    #[pyo3(signature = (content, *, key = 0, receive_id = 0, salt = None))]
    fn encrypt(
        &self,
        content: &[u8],
        key: usize,
        receive_id: usize,
        salt: Option<[u8; 16]>,
    ) -> PyResult<String> {
        let salt = salt.map_or_else(random, Ok)?;
        let sealed = self.0.seal(content, key, receive_id, salt);
        sealed.ok_or_else(|| PyIndexError::new_err("no such key or receive id"))
    }

    /// Decrypts base64 `ciphertext` without checking any signature: for known-answer tests and
    /// forensics. Returns `(content, receive_id)`. Raises `Rejected`.
    fn decrypt(&self, py: Python<'_>, ciphertext: &str) -> PyResult<(Py<PyBytes>, &str)> {
        let envelope = &self.0;
        let plain = envelope
            .open(ciphertext)
            .map_err(|reject| rejected(py, reject))?;
        let receive_id = envelope
            .receive_ids()
            .get(plain.receive_id)
            .map_or("", String::as_str);
        Ok((PyBytes::new(py, plain.content()).unbind(), receive_id))
    }

    /// `msg_signature` of a ciphertext under the first token; without one, `signature`.
    #[pyo3(signature = (timestamp, nonce, ciphertext = None))]
    fn sign(&self, timestamp: &str, nonce: &str, ciphertext: Option<&str>) -> String {
        match ciphertext {
            Some(ciphertext) => self.0.sign_sealed(timestamp, nonce, ciphertext),
            None => self.0.sign_plain(timestamp, nonce),
        }
    }
}

/// A message that was verified, decrypted and parsed.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Opened {
    /// The plaintext, as it was sealed.
    #[pyo3(get)]
    content: Py<PyBytes>,
    /// The receive id it was sealed for.
    #[pyo3(get)]
    receive_id: String,
    /// Index of the key that opened it.
    #[pyo3(get)]
    key: usize,
    fields: PyOnceLock<Py<PyDict>>,
}

#[pymethods]
impl Opened {
    /// Its fields under WeChat's names: text, and for JSON numbers too; repeated ones are lists.
    ///
    /// Made on first use: turning Chinese text into `str` costs as much as all the rest.
    #[getter]
    fn fields(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        let make = || {
            let message = self.message(py)?;
            Ok(dict(py, message.fields.members())?.unbind())
        };
        self.fields
            .get_or_try_init(py, make)
            .map(|fields| fields.clone_ref(py))
    }

    /// The text of one top-level field; `None` if absent, empty or nested.
    fn get(&self, py: Python<'_>, name: &str) -> PyResult<Option<String>> {
        Ok(self.message(py)?.fields.text(name).map(Into::into))
    }
}

impl Opened {
    fn message<'py>(&'py self, py: Python<'py>) -> PyResult<Message<'py>> {
        parse(self.content.as_bytes(py)).map_err(|reject| rejected(py, reject))
    }
}
