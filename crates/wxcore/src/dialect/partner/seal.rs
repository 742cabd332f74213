//! The sending end.

use super::{IV, aes_key, is_nonce, is_object, is_plain, string_to_sign};
use crate::crypto::aes::CbcKey;
use crate::crypto::{base64, rsa};
use crate::json::write_str;
use crate::time::UnixMillis;

/// One callback to be sent.
#[derive(Clone, Copy, Debug)]
pub struct PartnerDraft<'a> {
    /// What is sealed: one JSON object.
    pub plaintext: &'a [u8],
    /// New for each callback and each try.
    pub nonce: &'a str,
    /// Members beyond the agreed ones; they are signed but not sealed.
    pub extra: &'a [(&'a str, &'a str)],
}

/// Seals and signs callbacks for one application.
pub struct PartnerSender {
    app_id: String,
    secret: CbcKey,
    key: rsa::PrivateKey,
}

impl PartnerSender {
    /// `None` if the AppSecret is empty.
    pub fn new(app_id: &str, secret: &str, key: rsa::PrivateKey) -> Option<Self> {
        let app_id = app_id.to_owned();
        let secret = aes_key(secret).filter(|_| !secret.is_empty())?;
        Some(Self {
            app_id,
            secret,
            key,
        })
    }

    /// The body to post. `None`: the plaintext is not a JSON object, the nonce has not the agreed shape, or
    /// an extra member takes an agreed name or cannot be signed without ambiguity.
    pub fn seal(&self, draft: &PartnerDraft<'_>, now: UnixMillis) -> Option<Vec<u8>> {
        if !is_nonce(draft.nonce) || !is_object(draft.plaintext) {
            return None;
        }
        let timestamp = now.seconds().to_string();
        let sealed = self.secret.encrypt(&IV, draft.plaintext.to_vec(), 16)?;
        let data = base64::encode(&sealed);
        let agreed = [
            ("app_id", self.app_id.as_str()),
            ("timestamp", &timestamp),
            ("nonce", draft.nonce),
            ("data", &data),
        ];
        let taken = |name: &str| name == "sign" || agreed.iter().any(|(known, _)| *known == name);
        if draft.extra.iter().any(|(name, _)| taken(name)) {
            return None;
        }
        let members = [agreed.as_slice(), draft.extra].concat();
        if !members.iter().all(|(name, value)| is_plain(name, value)) {
            return None;
        }
        let signature = self
            .key
            .sign(&[string_to_sign(members.iter().copied()).as_bytes()])?;
        Some(write(&members, &base64::encode(&signature)))
    }
}

impl std::fmt::Debug for PartnerSender {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "PartnerSender({})", self.app_id)
    }
}

fn write(members: &[(&str, &str)], sign: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let mut open = b'{';
    for (name, value) in members.iter().chain(&[("sign", sign)]) {
        out.push(open);
        write_str(&mut out, name);
        out.push(b':');
        write_str(&mut out, value);
        open = b',';
    }
    out.push(b'}');
    out
}
