//! A message that was read back goes to the nodes it was for: what an upstream hashes by a field
//! stands in the recorded event.

use serde_json::json;
use wxcore::config::Config;
use wxcore::gateway::{Delivery, Gateway};
use wxcore::request::Request;
use wxcore::route::HashKeys;

use crate::pay::Merchant;
use crate::support::*;

const NOBODY: Request<'_> = Request {
    method: "POST",
    query: "",
    headers: &[],
    body: b"",
    now: NOW,
    peer: None,
};

/// `configuration`, with an upstream of eight nodes behind the only route.
fn spread(configuration: &str, hash: &str) -> Gateway {
    let mut config: serde_json::Value = serde_json::from_str(configuration).unwrap();
    let nodes: Vec<_> = (1..=8)
        .map(|n| json!({"url": format!("http://node-{n}")}))
        .collect();
    config["upstreams"] = json!([{"name": "orders", "nodes": nodes, "hash": hash}]);
    config["routes"] = json!([{"upstream": 0}]);
    let config: Config = serde_json::from_value(config).unwrap();
    Gateway::new(&config).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The first node, having found that it is chosen, read back and explained alike.
fn node(gateway: &Gateway, delivery: &Delivery) -> usize {
    let keys = HashKeys {
        routing: &delivery.key,
        account: delivery.account(),
        id: &delivery.id,
        tick: NOW.0,
    };
    let [destination] = &delivery.destinations[..] else {
        panic!("one destination")
    };
    assert_eq!(destination.nodes.len(), 4);
    assert_eq!(gateway.nodes(0, keys, &delivery.event), destination.nodes);
    let explained = gateway.explain(&delivery.event, &NOBODY).unwrap();
    let choice = explained.routes[0].choice.as_ref().unwrap();
    let indices: Vec<usize> = choice.nodes.iter().map(|node| node.index).collect();
    assert_eq!(indices[..4], destination.nodes);
    assert!(!choice.falls_back);
    destination.nodes[0]
}

fn reached(nodes: impl Iterator<Item = usize>) -> usize {
    let mut seen: Vec<usize> = nodes.collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len()
}

#[test]
fn by_a_field_of_xml() {
    for hash in ["field:Region.Name", "account+field:Content"] {
        let gateway = spread(&config("official", "{}"), hash);
        let nodes = (0..40).map(|n| {
            let region = format!("<Region><Name> r{n} </Name></Region>");
            let text = TEXT.replace("</xml>", &format!("{region}</xml>"));
            let text = text.replace("你好", &format!("你好{n}"));
            let (body, query) = sealed(&text);
            node(&gateway, &event(post(&gateway, &query, &body)))
        });
        assert!(reached(nodes) > 4, "{hash}");
    }
}

#[test]
fn by_a_field_of_json() {
    let gateway = spread(
        &config("miniprogram", r#"{"format":"json"}"#),
        "field:Count+field:MsgType",
    );
    let sender = sender();
    let nodes = (0..40).map(|n| {
        let text = format!(
            r#"{{"ToUserName":"gh_1","FromUserName":"oUser","CreateTime":1714112445,"MsgType":"Event","Event":"x","Count":{n}.50}}"#
        );
        let sealed = sender.seal(text.as_bytes(), 0, 0, [7; 16]).unwrap();
        let body = format!(r#"{{"ToUserName":"gh_1","Encrypt":"{sealed}"}}"#);
        let query = query(&sender.sign_sealed(TIMESTAMP, NONCE, &sealed));
        node(&gateway, &event(post(&gateway, &query, &body)))
    });
    assert!(reached(nodes) > 4);
}

#[test]
fn by_a_field_of_a_payment() {
    for hash in ["field:payer.openid", "field:event_type+field:payer.openid"] {
        let merchant = Merchant::with("1900000001", |config| spread(&config, hash));
        let nodes = (0..40).map(|n| {
            let paid = format!(
                r#"{{"mchid":"1900000001","out_trade_no":"{n}","transaction_id":"1","payer":{{"openid":"o{n}"}}}}"#
            );
            let delivery = event(merchant.notify("TRANSACTION.SUCCESS", "EV-1", &paid));
            node(&merchant.gateway, &delivery)
        });
        assert!(reached(nodes) > 4, "{hash}");
    }
}

#[test]
fn what_is_no_event_is_not_explained() {
    let gateway = gateway("official", "{}");
    for text in [
        "",
        "[]",
        "{}",
        r#"{"id":"a","type":"other.thing","source":"/wxgate/shop","data":{}}"#,
    ] {
        assert!(
            gateway.explain(text.as_bytes(), &NOBODY).is_none(),
            "{text}"
        );
    }
}

#[test]
fn an_explanation_names_the_condition_and_what_it_met() {
    let mut configuration: serde_json::Value =
        serde_json::from_str(&config("official", "{}")).unwrap();
    configuration["routes"] = json!([
        {"when": {"account": "mall"}},
        {"when": {"type": ["image", "voice"]}},
        {"when": {"header": {"x-env": "canary"}}},
        {"when": {"number": {"field:Priority": "> 5"}}},
        {"when": {"content": "^退款"}},
        {"also": true},
        {"when": {"type": "text"}, "reply": "wait"},
        {},
    ]);
    let configuration: Config = serde_json::from_value(configuration).unwrap();
    let gateway = Gateway::new(&configuration).unwrap();
    let (body, query) = sealed(TEXT);
    let delivery = event(post(&gateway, &query, &body));
    let request = Request {
        headers: &[("X-Env", "prod")],
        ..NOBODY
    };
    let explained = gateway.explain(&delivery.event, &request).unwrap();
    let met: Vec<_> = explained
        .routes
        .iter()
        .filter_map(|one| one.fails.as_ref())
        .map(|one| (&*one.setting, &*one.wants, one.got.as_deref()))
        .collect();
    assert_eq!(
        met,
        [
            ("when.account", "mall", Some("shop")),
            ("when.type", "image | voice", Some("text")),
            ("when.header.x-env", "canary", Some("prod")),
            ("when.number.field:Priority", "> 5", None),
            ("when.content", "^退款", Some("你好 👍🏽")),
        ]
    );
    let taken: Vec<usize> = explained
        .routes
        .iter()
        .filter(|one| one.fails.is_none())
        .map(|one| one.route)
        .collect();
    let routed: Vec<usize> = delivery.destinations.iter().map(|one| one.route).collect();
    assert_eq!(taken, routed);
    assert_eq!(taken, [5, 6]);
}
