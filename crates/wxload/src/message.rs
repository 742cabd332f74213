//! What they write, before anybody seals it.

use crate::spec::{Style, What};
use crate::users::openid;

const QUESTION: &str = "你好，请问订单什么时候发货？昨天付款的那一单";
const OWN: &str = "gh_e136c6e50636";

/// A message as all of its tries have it in common.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Index of the account.
    pub(crate) account: usize,
    /// Who writes, as the query says it too.
    pub(crate) openid: String,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// XML or JSON, to be sealed.
    Push(Vec<u8>),
    Notice(Notice),
}

/// A payment.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) id: String,
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    pub(crate) resource: Vec<u8>,
}

/// Which message it is: its number within the run, and when the run began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    /// Seconds since 1970.
    pub(crate) epoch: u64,
    pub(crate) n: u64,
}

impl Number {
    /// Unique over all runs that start in different seconds and have fewer than 2^28 messages.
    fn msg_id(self) -> u64 {
        (self.epoch << 28) | (self.n & 0x0FFF_FFFF)
    }
}

/// Makes a push up. `now` is in seconds since 1970.
pub(crate) fn push(
    style: Style,
    what: What,
    user: u64,
    number: Number,
    now: u64,
) -> (String, Vec<u8>) {
    // Nobody follows twice in a run: two follows of one user in one second would be one event.
    let user = match what {
        What::Subscribe | What::Unsubscribe => u64::MAX - number.n,
        _ => user,
    };
    let openid = openid(user);
    let mut fields = Fields::new(style == Style::OfficialJson);
    fields.text("ToUserName", OWN);
    fields.text("FromUserName", &openid);
    fields.number("CreateTime", now);
    write(&mut fields, what, number);
    if style == Style::Wecom {
        fields.number("AgentID", 1_000_002);
    }
    (openid, fields.end())
}

/// Makes a payment up. `now` is in milliseconds since 1970.
pub(crate) fn notice(mchid: &str, user: u64, number: Number, now: i64) -> Notice {
    let (epoch, n) = (number.epoch, number.n);
    let mut fields = Fields::new(true);
    fields.text("mchid", mchid);
    fields.text("appid", "wx0123456789abcdef");
    fields.text("out_trade_no", &format!("L{epoch}{n:010}"));
    fields.text("transaction_id", &format!("4200{epoch}{n:014}"));
    fields.text("trade_type", "JSAPI");
    fields.text("trade_state", "SUCCESS");
    fields.text("bank_type", "OTHERS");
    fields.text("success_time", "2026-01-01T12:00:00+08:00");
    fields.text("payer", &openid(user));
    fields.number("amount", 100 + n % 9900);
    Notice {
        id: format!("EV-{epoch}{n:014}"),
        created: now,
        resource: fields.end(),
    }
}

fn write(fields: &mut Fields, what: What, number: Number) {
    let n = number.n;
    match what {
        What::Text => message(fields, "text", &[("Content", QUESTION)], number),
        What::LongText => message(fields, "text", &[("Content", &QUESTION.repeat(95))], number),
        What::Image => {
            let url = format!("http://mmbiz.qpic.cn/mmbiz_jpg/{n:032x}/0");
            let media = format!("{n:064x}");
            message(
                fields,
                "image",
                &[("PicUrl", &url), ("MediaId", &media)],
                number,
            );
        }
        // Most events have no id: two of one user in one second must differ in what they say.
        What::Click => event(
            fields,
            "CLICK",
            &[("EventKey", &format!("menu_orders_{n}"))],
            number,
        ),
        What::View => event(
            fields,
            "VIEW",
            &[("EventKey", &format!("https://example.com/orders?n={n}"))],
            number,
        ),
        What::Location => {
            let place = format!("120.{n:09}");
            event(
                fields,
                "LOCATION",
                &[
                    ("Latitude", "30.259244"),
                    ("Longitude", &place),
                    ("Precision", "65.0"),
                ],
                number,
            );
        }
        What::VirtualPayment => event(
            fields,
            "xpay_goods_deliver_notify",
            &[("OutTradeNo", &format!("V{n:030}"))],
            number,
        ),
        What::VirtualRefund => event(
            fields,
            "xpay_refund_notify",
            &[("MchRefundId", &format!("R{n:030}"))],
            number,
        ),
        What::Revocation => event(
            fields,
            "user_authorization_revoke",
            &[("RevokeInfo", &n.to_string())],
            number,
        ),
        What::Subscribe | What::Payment => event(fields, "subscribe", &[("EventKey", "")], number),
        What::Unsubscribe => event(fields, "unsubscribe", &[("EventKey", "")], number),
    }
}

fn message(fields: &mut Fields, kind: &str, more: &[(&str, &str)], number: Number) {
    fields.text("MsgType", kind);
    for (name, value) in more {
        fields.text(name, value);
    }
    fields.number("MsgId", number.msg_id());
}

/// Its number is in it, as in every message: whoever takes it can say which ones have arrived.
fn event(fields: &mut Fields, name: &str, more: &[(&str, &str)], number: Number) {
    fields.text("MsgType", "event");
    fields.text("Event", name);
    for (name, value) in more {
        fields.text(name, value);
    }
    fields.number("MsgId", number.msg_id());
}

/// Writes XML or JSON. What is written needs no escaping in either.
struct Fields {
    out: Vec<u8>,
    json: bool,
}

impl Fields {
    fn new(json: bool) -> Self {
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(if json { b"{" } else { b"<xml>" });
        Self { out, json }
    }

    fn text(&mut self, name: &str, value: &str) {
        let (open, close) = if self.json {
            ("\"", "\"")
        } else {
            ("<![CDATA[", "]]>")
        };
        self.field(name, &[open, value, close]);
    }

    fn number(&mut self, name: &str, value: u64) {
        self.field(name, &[&value.to_string()]);
    }

    fn field(&mut self, name: &str, value: &[&str]) {
        let first = self.json && self.out.len() == 1;
        let (before, between, after) = match (self.json, first) {
            (true, true) => ("\"", "\":", ""),
            (true, false) => (",\"", "\":", ""),
            (false, _) => ("<", ">", ">"),
        };
        self.put(&[before, name, between]);
        self.put(value);
        if !self.json {
            self.put(&["</", name, after]);
        }
    }

    fn put(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.out
            .extend_from_slice(if self.json { b"}" } else { b"</xml>" });
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::{Number, notice, push};
    use crate::spec::{Style, What};

    const NUMBER: Number = Number {
        epoch: 1_764_000_000,
        n: 7,
    };

    fn text(style: Style, what: What) -> String {
        String::from_utf8(push(style, what, 3, NUMBER, 1_764_000_001).1).unwrap()
    }

    #[test]
    fn a_text_in_xml() {
        let text = text(Style::OfficialXml, What::Text);
        assert!(text.starts_with("<xml><ToUserName><![CDATA[gh_e136c6e50636]]></ToUserName>"));
        assert!(
            text.contains("<CreateTime>1764000001</CreateTime><MsgType><![CDATA[text]]></MsgType>")
        );
        assert!(text.ends_with("<MsgId>473520144384000007</MsgId></xml>"));
    }

    #[test]
    fn the_same_in_json() {
        let text = text(Style::OfficialJson, What::Text);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["MsgType"], "text");
        assert_eq!(value["MsgId"], 473_520_144_384_000_007_u64);
    }

    #[test]
    fn wecom_names_the_agent() {
        assert!(text(Style::Wecom, What::Click).contains("<AgentID>1000002</AgentID>"));
    }

    #[test]
    fn two_events_of_one_user_differ_and_nobody_follows_twice() {
        let next = Number { n: 8, ..NUMBER };
        for what in [
            What::Click,
            What::View,
            What::Location,
            What::Subscribe,
            What::Unsubscribe,
        ] {
            let (one, other) = (
                push(Style::OfficialXml, what, 3, NUMBER, 1),
                push(Style::OfficialXml, what, 3, next, 1),
            );
            assert_ne!(one.1, other.1, "{what:?}");
        }
    }

    #[test]
    fn an_event_has_its_number_too() {
        for what in [What::Click, What::Subscribe, What::Revocation] {
            let text = text(Style::OfficialXml, what);
            assert!(
                text.contains("<MsgId>473520144384000007</MsgId>"),
                "{what:?}"
            );
        }
    }

    #[test]
    fn a_long_text_is_6_kb_and_a_payment_is_json() {
        assert!((6000..7000).contains(&text(Style::OfficialXml, What::LongText).len()));
        let notice = notice("1900000001", 3, NUMBER, 1);
        let value: serde_json::Value = serde_json::from_slice(&notice.resource).unwrap();
        assert_eq!(value["out_trade_no"], "L17640000000000000007");
    }
}
