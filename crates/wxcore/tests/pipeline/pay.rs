//! Payment notices and partners' callbacks through the whole pipeline.

use wxcore::config::Config;
use wxcore::crypto::keygen::generate_rsa;
use wxcore::crypto::rsa::PrivateKey;
use wxcore::dialect::partner::{PartnerDraft, PartnerSender};
use wxcore::dialect::pay::{NoticeDraft, PaySender, Signer};
use wxcore::dialect::pay_v2::{SignType, seal_refund, seal_signed, write_xml};
use wxcore::gateway::{Gateway, Received};
use wxcore::reject::Reject;
use wxcore::request::Request;

use crate::support::{NOW, event, json, refused};

const APIV3: &str = "0123456789abcdef0123456789ABCDEF";
const V2_KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const SERIAL: &str = "PUB_KEY_ID_0000000001";
const PAID: &str = r#"{"mchid":"1900000001","out_trade_no":"20150806125346","transaction_id":"1008450740201411110005820873","trade_state":"SUCCESS","payer":{"openid":"oBuyer"}}"#;

fn built(account: &serde_json::Value, route: &str) -> Gateway {
    let routes: serde_json::Value = serde_json::from_str(route).unwrap();
    let config = serde_json::json!({"accounts": [account], "routes": [routes]});
    let config: Config = serde_json::from_value(config).unwrap();
    Gateway::new(&config).unwrap_or_else(|problems| panic!("{problems:?}"))
}

pub(crate) struct Merchant {
    pub(crate) gateway: Gateway,
    sender: PaySender,
}

impl Merchant {
    fn new(mchid: &str, route: &str) -> Self {
        Self::with(mchid, |config| {
            let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
            built(&config["accounts"][0].take(), route)
        })
    }

    /// A merchant in a gateway that is made of its configuration.
    pub(crate) fn with(mchid: &str, gateway: impl FnOnce(String) -> Gateway) -> Self {
        let (private, public) = generate_rsa().unwrap();
        let account = serde_json::json!({"kind": "pay", "name": "mch", "mchids": [mchid],
            "apiv3_keys": [APIV3], "platform_keys": [[SERIAL, public]]});
        let gateway = gateway(serde_json::json!({ "accounts": [account] }).to_string());
        let signer = Signer::Rsa(PrivateKey::from_pem(&private).unwrap());
        Self {
            gateway,
            sender: PaySender::new(SERIAL, signer, APIV3).unwrap(),
        }
    }

    pub(crate) fn notify(&self, event_type: &str, id: &str, resource: &str) -> Received {
        let draft = NoticeDraft {
            id,
            created: NOW,
            event_type,
            original_type: "transaction",
            summary: "支付成功",
            resource: resource.as_bytes(),
            resource_nonce: "abcdef012345",
        };
        let sealed = self.sender.seal(&draft, NOW, "nonce").unwrap();
        let headers: Vec<(&str, &str)> = sealed
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.call(&headers, &sealed.body)
    }

    fn call(&self, headers: &[(&str, &str)], body: &[u8]) -> Received {
        let request = Request {
            method: "POST",
            query: "",
            headers,
            body,
            now: NOW,
            peer: None,
        };
        self.gateway.receive("mch", None, &request)
    }
}

#[test]
fn a_payment_arrives_in_the_clear_under_its_business_identity() {
    let merchant = Merchant::new("1900000001", "{}");
    let delivery = event(merchant.notify("TRANSACTION.SUCCESS", "EV-1", PAID));
    let read = json(&delivery);
    assert_eq!(read["type"], "wechat.pay.transaction.success");
    assert_eq!(read["subject"], "20150806125346");
    assert_eq!(read["partitionkey"], "20150806125346");
    assert_eq!(read["data"]["resource"]["payer"]["openid"], "oBuyer");
    assert_eq!(read["data"]["summary"], "支付成功");
    assert!(read.get("mismatch").is_none());
    assert_eq!(
        (delivery.ack.status, &delivery.ack.body[..8]),
        (200, &b"{\"code\":"[..])
    );
    let again = event(merchant.notify("TRANSACTION.SUCCESS", "EV-2", PAID));
    assert_eq!(
        again.id, delivery.id,
        "a notice that is sent again may have a new id of its own"
    );
}

#[test]
fn partial_refunds_of_one_order_are_told_apart() {
    let merchant = Merchant::new("1900000001", "{}");
    let refund = |number: u8| {
        let resource = format!(
            r#"{{"mchid":"1900000001","out_trade_no":"1","transaction_id":"2","out_refund_no":"r{number}","refund_id":"5{number}"}}"#
        );
        event(merchant.notify("REFUND.SUCCESS", "EV", &resource)).id
    };
    assert_ne!(refund(1), refund(2));
    assert_eq!(refund(1), refund(1));
}

#[test]
fn notices_that_repeat_about_one_thing_are_told_apart_by_content() {
    let merchant = Merchant::new("1900000001", "{}");
    let complaint = |state: &str| {
        let resource = format!(r#"{{"complaint_id":"1","action_type":"{state}"}}"#);
        event(merchant.notify("COMPLAINT.STATE_CHANGE", "EV", &resource)).id
    };
    assert_ne!(complaint("CREATE"), complaint("CONTINUE"));
    assert_eq!(complaint("CREATE"), complaint("CREATE"));
}

#[test]
fn another_merchants_notice_is_marked() {
    let merchant = Merchant::new("1900000009", "{}");
    let delivery = event(merchant.notify("TRANSACTION.SUCCESS", "EV-1", PAID));
    assert_eq!(json(&delivery)["mismatch"], "mchid");
}

#[test]
fn routes_read_pays_event_type_and_fields() {
    let route = r#"{"when":{"event_type":"refund.success","field":{"amount.refund":"^[0-9]+$"}}}"#;
    let merchant = Merchant::new("1900000001", route);
    assert_eq!(
        refused(merchant.notify("TRANSACTION.SUCCESS", "1", PAID)),
        Reject::NoRoute
    );
    let refund = r#"{"out_trade_no":"1","amount":{"refund":100}}"#;
    event(merchant.notify("REFUND.SUCCESS", "1", refund));
}

#[test]
fn unsigned_and_misplaced_notices_are_refused() {
    let merchant = Merchant::new("1900000001", "{}");
    assert_eq!(refused(merchant.call(&[], b"{}")), Reject::MissingParameter);
    assert_eq!(
        refused(merchant.notify("TRANSACTION.SUCCESS", "1", "no json")),
        Reject::BadMessage
    );
    let get = Request {
        method: "GET",
        query: "",
        headers: &[],
        body: b"",
        now: NOW,
        peer: None,
    };
    assert_eq!(
        refused(merchant.gateway.receive("mch", None, &get)),
        Reject::Method
    );
    assert_eq!(
        refused(merchant.gateway.receive("mch", Some("x"), &get)),
        Reject::UnknownAccount
    );
}

fn v2() -> Gateway {
    built(
        &serde_json::json!({"kind": "pay_v2", "name": "old", "mchids": ["10000100"],
            "keys": [V2_KEY]}),
        "{}",
    )
}

fn post(gateway: &Gateway, account: &str, body: &[u8]) -> Received {
    let request = Request {
        method: "POST",
        query: "",
        headers: &[],
        body,
        now: NOW,
        peer: None,
    };
    gateway.receive(account, None, &request)
}

#[test]
fn a_v2_payment_keeps_every_field_and_gets_its_xml() {
    let gateway = v2();
    let sealed = |nonce: &str, kind| {
        let fields = [
            ("return_code", "SUCCESS"),
            ("mch_id", "10000100"),
            ("out_trade_no", "1409811653"),
            ("transaction_id", "1004400740201409030005092168"),
            ("coupon_fee_3", "10"),
            ("nonce_str", nonce),
            ("attach", ""),
        ];
        seal_signed(&fields, V2_KEY, kind)
    };
    let delivery = event(post(&gateway, "old", &sealed("a", SignType::Md5)));
    let read = json(&delivery);
    assert_eq!(read["type"], "wechat.pay_v2.transaction");
    assert_eq!(read["data"]["coupon_fee_3"], "10");
    let printed = b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";
    assert_eq!(delivery.ack.body, printed);
    let again = event(post(&gateway, "old", &sealed("b", SignType::HmacSha256)));
    assert_eq!(again.id, delivery.id);
    let ready = b"<xml><return_code>SUCCESS</return_code><prepay_id>wx1</prepay_id></xml>";
    let answer = gateway
        .reply(&delivery.reply.unwrap(), ready, NOW, [0; 16])
        .unwrap()
        .unwrap();
    assert_eq!(answer.body, ready);
}

#[test]
fn a_v2_refund_is_opened_in_its_place() {
    let inner = "<root><out_trade_no>1</out_trade_no><transaction_id>2</transaction_id>\
        <out_refund_no>3</out_refund_no><refund_id>4</refund_id><refund_status>SUCCESS</refund_status></root>";
    let info = seal_refund(V2_KEY, inner).unwrap();
    let refund = |mchid: &str| {
        write_xml(&[
            ("return_code", "SUCCESS"),
            ("mch_id", mchid),
            ("nonce_str", "n"),
            ("req_info", &info),
        ])
    };
    let delivery = event(post(&v2(), "old", &refund("10000100")));
    assert_eq!(delivery.id, "old:p:refund:1:2:3:4:SUCCESS");
    let read = json(&delivery);
    assert_eq!(read["data"]["req_info"]["refund_status"], "SUCCESS");
    assert_eq!(read["data"]["mch_id"], "10000100");
    assert_eq!(
        refused(post(&v2(), "old", &refund("10000101"))),
        Reject::WrongMerchant
    );
}

#[test]
fn a_partners_callback_brings_its_nonce_and_gets_an_answer() {
    let (private, public) = generate_rsa().unwrap();
    let gateway = built(
        &serde_json::json!({"kind": "partner", "name": "erp", "app_id": "erp-1",
            "app_secrets": ["secret"], "public_keys": [public]}),
        "{}",
    );
    let sender =
        PartnerSender::new("erp-1", "secret", PrivateKey::from_pem(&private).unwrap()).unwrap();
    let seal = |plaintext: &str, nonce: &str| {
        let draft = PartnerDraft {
            plaintext: plaintext.as_bytes(),
            nonce,
            extra: &[],
        };
        sender.seal(&draft, NOW).unwrap()
    };
    let body = seal(
        r#"{"id":"o-1","type":"Order.Paid","openid":"oUser"}"#,
        "0123456789abcdef",
    );
    let delivery = event(post(&gateway, "erp", &body));
    assert_eq!(
        (delivery.id.as_str(), delivery.key.as_str()),
        ("erp:x:o-1", "oUser")
    );
    assert_eq!(delivery.type_name, "wechat.partner.order.paid");
    let (nonce, until) = delivery.nonce.clone().unwrap();
    assert_eq!(
        (nonce.as_str(), until.0 - NOW.0),
        ("0123456789abcdef", 300_445 - 445)
    );
    let answer = gateway.reply(&delivery.reply.unwrap(), br#"{"ok":1}"#, NOW, [0; 16]);
    assert_eq!(answer.unwrap().unwrap().body, br#"{"ok":1}"#);
    let bare = event(post(&gateway, "erp", &seal("{}", "fedcba9876543210")));
    assert_eq!(bare.id, "erp:x:fedcba9876543210");
    assert_eq!(
        refused(post(&gateway, "erp", b"{}")),
        Reject::MissingParameter
    );
}
