//! The headers of an answer.

use crate::dialect::headers::{pick, present};
use crate::reject::Reject;

/// What an answer is signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerHeaders<'a> {
    /// `Wechatmp-Appid`.
    pub appid: &'a str,
    /// `Wechatmp-TimeStamp`, unread.
    pub timestamp: &'a str,
    /// `Wechatmp-Serial` and `Wechatmp-Signature`.
    pub current: (&'a str, &'a str),
    /// The same under the key that is about to go, while WeChat changes it.
    pub deprecated: Option<(&'a str, &'a str)>,
}

impl<'a> AnswerHeaders<'a> {
    /// Picks them out of all headers; names in any case.
    ///
    /// # Errors
    /// [`Reject::DuplicateParameter`] and [`Reject::MissingParameter`].
    pub fn read(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Reject> {
        let [
            appid,
            timestamp,
            serial,
            signature,
            old_serial,
            old_signature,
        ] = pick(
            headers,
            [
                "wechatmp-appid",
                "wechatmp-timestamp",
                "wechatmp-serial",
                "wechatmp-signature",
                "wechatmp-serial-deprecated",
                "wechatmp-signature-deprecated",
            ],
        )?;
        Ok(Self {
            appid: present(appid)?,
            timestamp: present(timestamp)?,
            current: (present(serial)?, present(signature)?),
            deprecated: old_serial.zip(old_signature),
        })
    }
}
