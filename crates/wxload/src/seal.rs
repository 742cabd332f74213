//! Sealing and signing, anew for each try: as WeChat's retries have new nonces and ciphertexts.

use rand::{Rng, RngExt};
use wxcore::crypto::rsa::PrivateKey;
use wxcore::dialect::pay::{NoticeDraft, PaySender, SealedNotice, Signer};
use wxcore::envelope::Envelope;
use wxcore::time::UnixMillis;

use crate::message::{Body, Message, Notice};
use crate::spec::{AccountSpec, LoadError, Style};

/// What is wrong with a forged call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgery {
    /// The signature is of something else.
    Signature,
    /// The body is not sealed at all.
    PlainBody,
    /// A byte of the ciphertext or of the notice was changed after it was signed.
    Changed,
}

/// All kinds of forgery.
pub(crate) const FORGERIES: [Forgery; 3] =
    [Forgery::Signature, Forgery::PlainBody, Forgery::Changed];

/// What differs from try to try.
pub(crate) struct Stamp {
    /// Milliseconds since 1970.
    now: UnixMillis,
    nonce: u128,
    random: [u8; 16],
    forgery: Option<Forgery>,
}

impl Stamp {
    /// A stamp of `now`, in milliseconds since 1970.
    pub(crate) fn new(now: i64, random: &mut impl Rng, forgery: Option<Forgery>) -> Self {
        Self {
            now: UnixMillis(now),
            nonce: random.random(),
            random: random.random(),
            forgery,
        }
    }

    /// The nonce as Pay writes it.
    fn hex(&self) -> String {
        format!("{:032x}", self.nonce)
    }

    fn is(&self, forgery: Forgery) -> bool {
        self.forgery == Some(forgery)
    }
}

/// Plays WeChat towards one account.
pub(crate) struct Sender {
    pub(crate) style: Style,
    pub(crate) receiver: String,
    path: String,
    keys: Keys,
}

enum Keys {
    Push(Box<Envelope>),
    Pay(Box<PaySender>),
}

impl Sender {
    /// Reads the keys.
    pub(crate) fn new(spec: &AccountSpec) -> Result<Self, LoadError> {
        let unusable =
            |key: &str| LoadError::Spec(format!("accounts: {}: {key} cannot be used", spec.name));
        let keys = if spec.style == Style::Pay {
            let key =
                PrivateKey::from_pem(&spec.private_key).map_err(|_| unusable("private_key"))?;
            let sender = PaySender::new(&spec.serial, Signer::Rsa(key), &spec.apiv3_key);
            Keys::Pay(Box::new(sender.ok_or_else(|| unusable("apiv3_key"))?))
        } else {
            let one = |text: &String| [text.clone()];
            let envelope =
                Envelope::new(&one(&spec.token), &one(&spec.aes_key), &one(&spec.receiver));
            Keys::Push(Box::new(
                envelope.map_err(|_| unusable("token or aes_key"))?,
            ))
        };
        Ok(Self {
            style: spec.style,
            receiver: spec.receiver.clone(),
            path: format!("/cb/{}", spec.name),
            keys,
        })
    }

    /// Writes a whole request. `None` for a message that is not of this account's kind.
    pub(crate) fn write(&self, message: &Message, stamp: &Stamp) -> Option<Vec<u8>> {
        match (&self.keys, &message.body) {
            (Keys::Push(envelope), Body::Push(content)) => {
                self.push(envelope, &message.openid, content, stamp)
            }
            (Keys::Pay(sender), Body::Notice(notice)) => self.pay(sender, notice, stamp),
            _ => None,
        }
    }

    fn push(
        &self,
        envelope: &Envelope,
        openid: &str,
        content: &[u8],
        stamp: &Stamp,
    ) -> Option<Vec<u8>> {
        let timestamp = stamp.now.seconds().to_string();
        let nonce = (stamp.nonce >> 96).to_string();
        let mut ciphertext = envelope.seal(content, 0, 0, stamp.random)?;
        let signed = if stamp.is(Forgery::Signature) {
            "another"
        } else {
            &*ciphertext
        };
        let signature = envelope.sign_sealed(&timestamp, &nonce, signed);
        if stamp.is(Forgery::Changed) {
            let other = if ciphertext.starts_with('A') {
                "B"
            } else {
                "A"
            };
            ciphertext.replace_range(..1, other);
        }
        let body = if stamp.is(Forgery::PlainBody) {
            content.to_vec()
        } else {
            self.around(&ciphertext)
        };
        let sealed = [
            "msg_signature=",
            &signature,
            "&timestamp=",
            &timestamp,
            "&nonce=",
            &nonce,
        ];
        let plain = envelope.sign_plain(&timestamp, &nonce);
        let more = [
            "&signature=",
            &plain,
            "&openid=",
            openid,
            "&encrypt_type=aes",
        ];
        let more = if self.style == Style::Wecom {
            &[][..]
        } else {
            &more[..]
        };
        let target = [
            &["POST ", &self.path, "?"][..],
            &sealed[..],
            more,
            &[" HTTP/1.1\r\n"],
        ]
        .concat();
        let kind = if self.style == Style::OfficialJson {
            "application/json"
        } else {
            "text/xml"
        };
        Some(request(&target, kind, &[], &body))
    }

    fn around(&self, ciphertext: &str) -> Vec<u8> {
        if self.style == Style::OfficialJson {
            let before = "{\"ToUserName\":\"gh_e136c6e50636\",\"Encrypt\":\"";
            return [before, ciphertext, "\"}"].concat().into_bytes();
        }
        let before = "<xml><ToUserName><![CDATA[gh_e136c6e50636]]></ToUserName><Encrypt><![CDATA[";
        [before, ciphertext, "]]></Encrypt></xml>"]
            .concat()
            .into_bytes()
    }

    fn pay(&self, sender: &PaySender, notice: &Notice, stamp: &Stamp) -> Option<Vec<u8>> {
        let sealed = if stamp.forgery.is_some() {
            // Nothing is signed for a forger: 0.3 ms each would be the player's, not the gateway's.
            forged(sender, notice, stamp)
        } else {
            let nonce = stamp.hex();
            sender.seal(&draft(notice, &nonce)?, stamp.now, &nonce)?
        };
        Some(self.notice(&sealed))
    }

    /// Signs a notice, which is to be written with the same stamp. `None` unless this is Pay.
    pub(crate) fn sign(&self, notice: &Notice, stamp: &Stamp) -> Option<String> {
        let Keys::Pay(sender) = &self.keys else {
            return None;
        };
        let nonce = stamp.hex();
        let body = sender.body(&draft(notice, &nonce)?)?;
        sender.signature(&body, stamp.now, &nonce)
    }

    /// Writes the request of a notice that was signed with this stamp.
    pub(crate) fn write_signed(
        &self,
        notice: &Notice,
        stamp: &Stamp,
        signature: String,
    ) -> Option<Vec<u8>> {
        let Keys::Pay(sender) = &self.keys else {
            return None;
        };
        let nonce = stamp.hex();
        let body = sender.body(&draft(notice, &nonce)?)?;
        Some(self.notice(&sender.signed(body, stamp.now, &nonce, signature)))
    }

    fn notice(&self, sealed: &SealedNotice) -> Vec<u8> {
        let target = ["POST ", &self.path, " HTTP/1.1\r\n"];
        request(&target, "application/json", &sealed.headers, &sealed.body)
    }
}

/// `nonce` is that of the signature, whose beginning serves the resource.
fn draft<'a>(notice: &'a Notice, nonce: &'a str) -> Option<NoticeDraft<'a>> {
    Some(NoticeDraft {
        id: &notice.id,
        created: UnixMillis(notice.created),
        event_type: "TRANSACTION.SUCCESS",
        original_type: "transaction",
        summary: "支付成功",
        resource: &notice.resource,
        resource_nonce: nonce.get(..12)?,
    })
}

/// A notice under a signature that WeChat's key has not made, which is to be found out by that key; or
/// under none.
fn forged(sender: &PaySender, notice: &Notice, stamp: &Stamp) -> SealedNotice {
    let signature = if stamp.is(Forgery::Signature) {
        // 256 bytes, and less than any modulus of so many.
        format!("{}Wg==", "Wlpa".repeat(85))
    } else {
        String::new()
    };
    sender.signed(notice.resource.clone(), stamp.now, &stamp.hex(), signature)
}

fn request(target: &[&str], kind: &str, headers: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 768);
    let mut put = |parts: &[&str]| {
        for part in parts {
            out.extend_from_slice(part.as_bytes());
        }
    };
    put(target);
    put(&[
        "Host: gateway.example.com\r\nUser-Agent: Mozilla/4.0\r\nAccept: */*\r\nContent-Type: ",
        kind,
    ]);
    for (name, value) in headers {
        put(&["\r\n", name, ": ", value]);
    }
    put(&["\r\nContent-Length: ", &body.len().to_string(), "\r\n\r\n"]);
    out.extend_from_slice(body);
    out
}
