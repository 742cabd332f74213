//! `Gateway`: one call for each message, one frozen object out.

use std::borrow::Cow;
use std::io::Write;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyTuple};
use wxcore::admit::{ClaimKey, claim_key};
use wxcore::config::{Config, ConfigError, ReplyMode};
use wxcore::gateway::Delivery;
use wxcore::reject::Reject;
use wxcore::reply::Answer;
use wxcore::request::Request;
use wxcore::route::HashKeys;
use wxcore::time::UnixMillis;

use crate::convert::{config_error, random};
use crate::limits::{LimitRow, rows, take_places};

fn read(config: &[u8]) -> Result<Config, Vec<ConfigError>> {
    // serde's text may quote a value, and values may be secrets: only the place is told.
    serde_json::from_slice(config).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        vec![ConfigError::new(
            place,
            "the configuration blob does not have the expected shape",
        )]
    })
}

/// Every problem that compiling `config` meets, as `(path, reason)`.
#[pyfunction]
pub(crate) fn check(config: &[u8]) -> Vec<(String, String)> {
    match read(config).and_then(|config| wxcore::gateway::Gateway::new(&config)) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .into_iter()
            .map(|one| (one.path, one.reason))
            .collect(),
    }
}

/// Every cause of a refusal: `(code, blame, status, meaning)`.
#[pyfunction]
pub(crate) fn reasons() -> Vec<(String, &'static str, u16, &'static str)> {
    let row = |reject: &Reject| {
        (
            reject.code(),
            reject.blame().name(),
            reject.status(),
            reject.meaning(),
        )
    };
    Reject::ALL.iter().map(row).collect()
}

/// All accounts and routes of a configuration, compiled. `config` is the JSON that
/// `wxgate.settings.core_blob` writes; `places` says for each route which destination of the journal
/// it leads to, without it each has its own. Raises `ValueError` naming every problem.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Gateway {
    inner: wxcore::gateway::Gateway,
    places: Option<Vec<u16>>,
}

#[pymethods]
impl Gateway {
    #[new]
    #[pyo3(signature = (config, places = None))]
    fn new(config: &[u8], places: Option<Vec<u16>>) -> PyResult<Self> {
        read(config)
            .and_then(|config| wxcore::gateway::Gateway::new(&config))
            .map(|inner| Self { inner, places })
            .map_err(|problems| config_error(&problems))
    }

    /// Takes a request to `/cb/{account}` or `/cb/{account}/{authorizer}`.
    ///
    /// `query` is the raw query string; `headers` are needed where `needs_headers(account)`; `now` is
    /// in milliseconds since 1970; `peer` is the address that called, if `needs_source`. Never raises for anything a stranger can send.
    #[pyo3(signature = (account, authorizer, method, query, headers, body, now, peer=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "one crossing for each message, nothing packed"
    )]
    fn receive(
        slf: &Bound<'_, Self>,
        py: Python<'_>,
        account: &str,
        authorizer: Option<&str>,
        method: &str,
        query: &str,
        headers: Vec<(PyBackedStr, PyBackedStr)>,
        body: &[u8],
        now: i64,
        peer: Option<&str>,
    ) -> Received {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let request = Request {
            method,
            query,
            headers: &headers,
            body,
            now: UnixMillis(now),
            peer,
        };
        match slf.get().inner.receive(account, authorizer, &request) {
            wxcore::gateway::Received::Answer(answer) => Received::answered(py, &answer, None),
            wxcore::gateway::Received::Refused(reject) => Received::refused(py, reject),
            wxcore::gateway::Received::Event(delivery) => {
                Received::handed_over(slf.clone().unbind(), py, delivery)
            }
        }
    }

    /// The nodes of a route by index, the chosen one first, for a message read back from the journal:
    /// its routing key, account, id, a number (`seq`) that differs from message to message, and its
    /// event.
    fn nodes(
        &self,
        route: usize,
        key: &str,
        account: &str,
        message_id: &str,
        seq: i64,
        event: &[u8],
    ) -> Vec<usize> {
        let keys = HashKeys {
            routing: key,
            account,
            id: message_id,
            tick: seq,
        };
        self.inner.nodes(route, keys, event)
    }

    /// Where a message goes and why, as JSON: by its CloudEvent, and the query string and headers of
    /// the request that brings it. Raises `ValueError` if it is no event of a gateway.
    fn explain<'py>(
        &self,
        py: Python<'py>,
        event: &[u8],
        query: &str,
        headers: Vec<(PyBackedStr, PyBackedStr)>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let request = Request {
            method: "POST",
            query,
            headers: &headers,
            body: b"",
            now: UnixMillis(0),
            peer: None,
        };
        let found = self.inner.explain(event, &request);
        let found = found.ok_or_else(|| PyValueError::new_err("this is no event of a gateway"))?;
        let text =
            serde_json::to_vec(&found).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyBytes::new(py, &text))
    }

    /// Whether a limit counts by the address that a message comes from; and whether that takes
    /// `X-Forwarded-For` among the headers.
    fn needs_source(&self) -> (bool, bool) {
        self.inner.needs_source()
    }

    /// Has limits that warm up go on from where they were in `before`, whose place this takes.
    fn warm_as(&self, before: &Self) {
        self.inner.warm_as(&before.inner);
    }

    /// Whether there are limits under which messages are delivered: `paces` knows them.
    fn has_paces(&self) -> bool {
        self.inner.has_paces()
    }

    /// The limits under which a message is delivered, from its event as the journal holds it.
    fn paces(&self, py: Python<'_>, event: &[u8]) -> Vec<LimitRow> {
        rows(py, &self.inner.paces(event))
    }

    /// The refusal that a `code` of wxgate's own leads to: `(status, content_type, body)`.
    #[staticmethod]
    fn refusal<'py>(py: Python<'py>, code: &str) -> (u16, &'static str, Bound<'py, PyBytes>) {
        let reject = Reject::ALL.iter().find(|reject| reject.code() == code);
        let answer = Answer::refusal(reject.map_or(503, |reject| reject.status()));
        (
            answer.status,
            answer.content_type,
            PyBytes::new(py, &answer.body),
        )
    }

    /// Names of the accounts, in the order of the configuration.
    fn accounts(&self) -> Vec<(&str, &'static str)> {
        self.inner
            .accounts()
            .iter()
            .map(|account| (account.name(), account.kind().name()))
            .collect()
    }

    /// Whether the headers of requests to `account` are needed: to verify them, or by a route.
    fn needs_headers(&self, account: &str) -> bool {
        self.inner
            .account(account)
            .is_some_and(|(_, account)| self.inner.needs_headers(account))
    }
}

/// What to do with a request: see `outcome`.
#[pyclass(frozen, module = "wxcore")]
pub(crate) struct Received {
    /// `"answer"`, `"event"` or `"refused"`.
    #[pyo3(get)]
    outcome: &'static str,
    /// What to answer; for an event, once it is handed over.
    #[pyo3(get)]
    status: u16,
    /// Its media type.
    #[pyo3(get)]
    content_type: &'static str,
    /// Its body.
    #[pyo3(get)]
    body: Py<PyBytes>,
    /// Why it was refused, as `stage.reason`.
    #[pyo3(get)]
    code: Option<String>,
    event: Option<Py<PyBytes>>,
    delivery: Option<Box<Delivery>>,
    /// Whose event it is: its keys seal the reply, whatever has been configured since.
    gateway: Option<Py<Gateway>>,
}

impl Received {
    fn answered(py: Python<'_>, answer: &Answer, code: Option<String>) -> Self {
        Self {
            outcome: if code.is_some() { "refused" } else { "answer" },
            status: answer.status,
            content_type: answer.content_type,
            body: PyBytes::new(py, &answer.body).unbind(),
            code,
            event: None,
            delivery: None,
            gateway: None,
        }
    }

    #[cold]
    fn refused(py: Python<'_>, reject: Reject) -> Self {
        Self::answered(py, &Answer::refusal(reject.status()), Some(reject.code()))
    }

    fn handed_over(gateway: Py<Gateway>, py: Python<'_>, delivery: Box<Delivery>) -> Self {
        let mut event = Self::answered(py, &delivery.ack, None);
        event.outcome = "event";
        event.event = Some(PyBytes::new(py, &delivery.event).unbind());
        event.delivery = Some(delivery);
        event.gateway = Some(gateway);
        event
    }

    /// The journal's destination that a route leads to.
    pub(crate) fn place(&self, route: usize) -> Option<u16> {
        match &self.gateway.as_ref()?.get().places {
            Some(places) => places.get(route).copied(),
            None => u16::try_from(route).ok(),
        }
    }

    pub(crate) fn delivery(&self) -> PyResult<&Delivery> {
        self.delivery.as_deref().ok_or_else(|| {
            pyo3::exceptions::PyAttributeError::new_err("only an event has this attribute")
        })
    }
}

#[pymethods]
impl Received {
    /// The idempotency key.
    #[getter]
    fn id(&self) -> PyResult<&str> {
        Ok(&self.delivery()?.id)
    }

    /// What its claim is kept under, in every store: 16 bytes.
    #[getter]
    fn claim_key(&self) -> PyResult<ClaimKey> {
        Ok(claim_key(&self.delivery()?.id))
    }

    /// The CloudEvent, as JSON.
    #[getter]
    fn event(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let _ = self.delivery()?;
        Ok(self.event.as_ref().map_or_else(
            || PyBytes::new(py, b"").unbind(),
            |event| event.clone_ref(py),
        ))
    }

    /// The account's name.
    #[getter]
    fn account(&self) -> PyResult<&str> {
        Ok(self.delivery()?.account())
    }

    /// Who shares the gateway with others: the account, or one of those that a platform serves.
    #[getter]
    fn tenant(&self) -> PyResult<Cow<'_, str>> {
        let delivery = self.delivery()?;
        let account = delivery.account();
        Ok(match &delivery.authorizer {
            Some(authorizer) => Cow::Owned([account, "/", authorizer].concat()),
            None => Cow::Borrowed(account),
        })
    }

    /// The user, or Pay's order, where there is one.
    #[getter]
    fn subject(&self) -> PyResult<Option<&str>> {
        Ok(self.delivery()?.subject())
    }

    /// The CloudEvents type.
    #[getter]
    fn r#type(&self) -> PyResult<&str> {
        Ok(&self.delivery()?.type_name)
    }

    /// The routing key.
    #[getter]
    fn key(&self) -> PyResult<&str> {
        Ok(&self.delivery()?.key)
    }

    /// Where it goes: `(place, nodes, wait)` by index, the chosen node first.
    #[getter]
    fn destinations(&self) -> PyResult<Vec<(u16, Vec<usize>, bool)>> {
        let destinations = &self.delivery()?.destinations;
        let row = |one: &wxcore::route::Destination| {
            let place = self.place(one.route).ok_or_else(|| no_place(one.route))?;
            Ok((place, one.nodes.clone(), one.reply == ReplyMode::Wait))
        };
        destinations.iter().map(row).collect()
    }

    /// Whether `gateway` is the one that made this event.
    fn is_of(&self, gateway: &Bound<'_, Gateway>) -> bool {
        self.gateway.as_ref().is_some_and(|own| own.is(gateway))
    }

    /// Turns a service's answer into `(status, content_type, body, code)`.
    ///
    /// Without a reply that is the acknowledgement; if `spec` is not a reply, `code` says why.
    fn reply(
        &self,
        py: Python<'_>,
        spec: &[u8],
        now: i64,
    ) -> PyResult<(u16, &'static str, Py<PyBytes>, Option<&'static str>)> {
        let acknowledge = |code| {
            Ok((
                self.status,
                self.content_type,
                self.body.clone_ref(py),
                code,
            ))
        };
        let (Some(delivery), Some(gateway)) = (&self.delivery, &self.gateway) else {
            return acknowledge(None);
        };
        let Some(to) = &delivery.reply else {
            return acknowledge(None);
        };
        let spec = delivery.prescribed.unwrap_or(spec);
        let gateway = &gateway.get().inner;
        match gateway.reply(to, spec, UnixMillis(now), random()?) {
            Ok(None) => acknowledge(None),
            Ok(Some(answer)) => {
                let body = PyBytes::new(py, &answer.body).unbind();
                Ok((answer.status, answer.content_type, body, None))
            }
            Err(error) => acknowledge(Some(error.code())),
        }
    }

    /// How long a repetition has to be recognised, in milliseconds.
    #[getter]
    fn lifetime(&self) -> PyResult<i64> {
        Ok(self.delivery()?.lifetime)
    }

    /// How important it is when there is too much to do: 0 most, `LEVELS - 1` least. Within a class by
    /// the user; `epoch` changes from time to time whose turn it is.
    fn level(&self, epoch: u64) -> PyResult<u16> {
        let delivery = self.delivery()?;
        Ok(delivery.priority.level(&delivery.key, epoch))
    }

    /// Whether an answer is waited for.
    #[getter]
    fn waits(&self) -> PyResult<bool> {
        Ok(self.delivery()?.waits())
    }

    /// A nonce that must be new, and until when to remember it, in milliseconds.
    #[getter]
    fn nonce(&self) -> PyResult<Option<(String, i64)>> {
        Ok(self
            .delivery()?
            .nonce
            .as_ref()
            .map(|(nonce, until)| (nonce.clone(), until.0)))
    }

    /// The rates that it falls under: `(key, interval, tolerance, rule)`, both spans in microseconds.
    #[getter]
    fn limits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, rows(py, &self.delivery()?.limits))
    }

    /// The keys of these rates, in their order.
    #[getter]
    fn limit_keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let limits = &self.delivery()?.limits;
        let rated = limits.iter().filter(|one| one.rate.is_some());
        PyTuple::new(
            py,
            rated
                .map(|one| PyBytes::new(py, &one.key))
                .collect::<Vec<_>>(),
        )
    }

    /// The rest of them as one text, the same for all messages under the same rules.
    #[getter]
    fn limit_terms<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut terms = Vec::new();
        for one in &self.delivery()?.limits {
            if let Some(rate) = one.rate {
                let (interval, tolerance) = (rate.interval(), rate.tolerance());
                write!(terms, "{interval} {tolerance} {} ", one.rule)?;
            }
        }
        Ok(PyBytes::new(py, &terms))
    }

    /// The indexes of all limits that it falls under.
    #[getter]
    fn rules(&self) -> PyResult<Vec<usize>> {
        Ok(self.delivery()?.limits.iter().map(|one| one.rule).collect())
    }

    /// Whether a limit of concurrency is among them.
    #[getter]
    fn takes_places(&self) -> PyResult<bool> {
        Ok(take_places(&self.delivery()?.limits))
    }

    /// Whether the answer is prescribed, whatever the destinations say.
    #[getter]
    fn prescribed(&self) -> PyResult<bool> {
        Ok(self.delivery()?.prescribed.is_some())
    }

    fn __repr__(&self) -> String {
        match (&self.code, &self.delivery) {
            (Some(code), _) => format!("<Received refused {code}>"),
            (None, Some(delivery)) => format!("<Received event {}>", delivery.id),
            (None, None) => "<Received answer>".to_owned(),
        }
    }
}

pub(crate) fn no_place(route: usize) -> PyErr {
    let reason = format!("route {route} leads to no destination of the journal");
    pyo3::exceptions::PyValueError::new_err(reason)
}
