//! `Envelope` and `Opened`: the push envelope on its own, for those who import wxcore.

use pyo3::exceptions::{PyIndexError, PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString};
use wxcore::account::Format;
use wxcore::config::ConfigError;
use wxcore::envelope::Plain;
use wxcore::outline::{Found, Outline};
use wxcore::parse::{Message, parse};
use wxcore::reply::SealedReply;
use wxcore::verify::ciphertext;

use crate::convert::{OneOrMany, config_error, dict, random, rejected, to_python};

/// WeChat's push envelope: verify, decrypt and seal.
///
/// `token`, `encoding_aes_key` and `receive_id` (appid, corpid, suite id or component appid) each
/// take one string or several: all of them verify and open, the first signs and seals. Without any
/// key (`[]`) it serves plain mode: it checks and signs, and whatever needs a key raises
/// `ValueError`, as a key does that is not 43 characters of base64.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Envelope {
    core: wxcore::envelope::Envelope,
    /// Those of the core, made once: each message names one of them.
    receive_ids: Vec<Py<PyString>>,
}

#[pymethods]
impl Envelope {
    #[new]
    fn new(
        py: Python<'_>,
        token: OneOrMany,
        encoding_aes_key: OneOrMany,
        receive_id: OneOrMany,
    ) -> PyResult<Self> {
        let (tokens, keys) = (token.into_vec(), encoding_aes_key.into_vec());
        let ids = receive_id.into_vec();
        let core = wxcore::envelope::Envelope::new(&tokens, &keys, &ids)
            .map_err(|problems| config_error(&problems))?;
        let receive_ids = ids.iter().map(|id| PyString::new(py, id).unbind());
        Ok(Self {
            core,
            receive_ids: receive_ids.collect(),
        })
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
        let envelope = &self.core;
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
        let envelope = self.keyed()?;
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
        let envelope = self.keyed()?;
        let format = if body.first() == Some(&b'{') {
            Format::Json
        } else {
            Format::Xml
        };
        let open = || {
            let ciphertext = ciphertext(body, format, true)?;
            envelope.check_sealed(timestamp, nonce, &ciphertext, msg_signature)?;
            envelope.open(&ciphertext)
        };
        let plain = open().map_err(|reject| rejected(py, reject))?;
        let message = parse(plain.content()).map_err(|reject| rejected(py, reject))?;
        let outline = Outline::of(&message);
        let receive_id = self.receive_ids.get(plain.receive_id);
        Ok(Opened {
            outline,
            receive_id: receive_id.map(|id| id.clone_ref(py)),
            key: plain.key,
            plain,
            content: PyOnceLock::new(),
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
        let envelope = self.keyed()?;
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
        let sealed = self.keyed()?.seal(content, key, receive_id, salt);
        sealed.ok_or_else(|| PyIndexError::new_err("no such key or receive id"))
    }

    /// Decrypts base64 `ciphertext` without checking any signature: for known-answer tests and
    /// forensics. Returns `(content, receive_id)`. Raises `Rejected`.
    fn decrypt(&self, py: Python<'_>, ciphertext: &str) -> PyResult<(Py<PyBytes>, &str)> {
        let plain = self
            .keyed()?
            .open(ciphertext)
            .map_err(|reject| rejected(py, reject))?;
        let receive_id = self
            .core
            .receive_ids()
            .get(plain.receive_id)
            .map_or("", String::as_str);
        Ok((PyBytes::new(py, plain.content()).unbind(), receive_id))
    }

    /// `msg_signature` of a ciphertext under the first token; without one, `signature`.
    #[pyo3(signature = (timestamp, nonce, ciphertext = None))]
    fn sign(&self, timestamp: &str, nonce: &str, ciphertext: Option<&str>) -> String {
        match ciphertext {
            Some(ciphertext) => self.core.sign_sealed(timestamp, nonce, ciphertext),
            None => self.core.sign_plain(timestamp, nonce),
        }
    }
}

impl Envelope {
    /// For what cannot be done without a message key.
    fn keyed(&self) -> PyResult<&wxcore::envelope::Envelope> {
        if self.core.has_keys() {
            return Ok(&self.core);
        }
        let problem = ConfigError::new("encoding_aes_key", "at least one is needed");
        Err(config_error(&[problem]))
    }
}

/// A message that was verified, decrypted and parsed. `opened[name]` is the value of one field.
///
/// Values become Python objects when they are asked for: turning a long Chinese text into `str` costs
/// half as much as verifying and decrypting it.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Opened {
    plain: Plain,
    outline: Outline,
    /// The receive id it was sealed for.
    #[pyo3(get)]
    receive_id: Option<Py<PyString>>,
    /// Index of the key that opened it.
    #[pyo3(get)]
    key: usize,
    content: PyOnceLock<Py<PyBytes>>,
    fields: PyOnceLock<Py<PyDict>>,
}

#[pymethods]
impl Opened {
    /// The plaintext, as it was sealed.
    #[getter]
    fn content(&self, py: Python<'_>) -> Py<PyBytes> {
        self.content
            .get_or_init(py, || PyBytes::new(py, self.plain.content()).unbind())
            .clone_ref(py)
    }

    /// All its fields under WeChat's names, in their order; made on first use, and kept.
    ///
    /// Text of XML stays text; values of JSON keep their kind; what repeats is a list, what is nested
    /// a dict.
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

    /// One of `fields`, without making the others. Raises `KeyError` if there is none.
    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let absent = || PyKeyError::new_err(name.to_owned());
        match self.outline.find(self.plain.content(), name) {
            Found::Text(text) => Ok(PyString::new(py, text).into_any()),
            Found::Absent => Err(absent()),
            Found::Unclear => {
                let message = self.message(py)?;
                to_python(py, message.fields.get(name).ok_or_else(absent)?)
            }
        }
    }

    /// The text of one top-level field; `None` if absent, empty or nested.
    fn get<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyString>>> {
        let new = |text: &str| PyString::new(py, text);
        match self.outline.find(self.plain.content(), name) {
            Found::Text(text) => Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(new)),
            Found::Absent => Ok(None),
            Found::Unclear => Ok(self.message(py)?.fields.text(name).as_deref().map(new)),
        }
    }
}

impl Opened {
    fn message(&self, py: Python<'_>) -> PyResult<Message<'_>> {
        parse(self.plain.content()).map_err(|reject| rejected(py, reject))
    }
}
