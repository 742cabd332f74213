//! Conditions on tags, numbers and hashes; the hash by fields; what explanations say.

use std::borrow::Cow;

use super::{Destination, Facts, HashKeys, RouteTable};
use crate::config::{RouteConfig, UpstreamConfig};
use crate::request::Request;
use crate::time::UnixMillis;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A message with the fields of a JSON object.
struct Message(Value);

impl Facts for Message {
    fn account(&self) -> &'static str {
        "shop"
    }

    fn kind(&self) -> &'static str {
        "official"
    }

    fn field(&self, path: &str) -> Option<Cow<'_, str>> {
        self.0.get(path)?.as_str().map(Cow::Borrowed)
    }

    fn openid(&self) -> Option<Cow<'_, str>> {
        self.field("FromUserName")
    }
}

const KEYS: HashKeys<'_> = HashKeys {
    routing: "oUser",
    account: "shop",
    id: "shop:m:1",
    tick: 7,
};

fn request<'a>(query: &'a str, headers: &'a [(&'a str, &'a str)]) -> Request<'a> {
    Request {
        method: "POST",
        query,
        headers,
        body: b"",
        now: UnixMillis(0),
        peer: None,
    }
}

fn table(routes: Value, upstreams: Value) -> RouteTable {
    let routes: Vec<RouteConfig> = serde_json::from_value(routes).unwrap();
    let upstreams: Vec<UpstreamConfig> = serde_json::from_value(upstreams).unwrap();
    RouteTable::new(&routes, &upstreams)
        .map_err(|problems| problems[0].to_string())
        .unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "reads well at the call")]
fn problems(when: Value) -> Vec<String> {
    let routes: Vec<RouteConfig> = serde_json::from_value(json!([{ "when": when }])).unwrap();
    let problems = RouteTable::new(&routes, &[]).err().unwrap_or_default();
    problems.into_iter().map(|one| one.path).collect()
}

/// Whether a message passes a `when`.
#[expect(clippy::needless_pass_by_value, reason = "reads well at the call")]
fn passes(when: Value, message: &Message, request: &Request<'_>) -> bool {
    let table = table(json!([{ "when": when }]), json!([]));
    !table.pick(message, KEYS, request).is_empty()
}

#[test]
fn tags_are_headers_and_parameters() {
    let message = Message(json!({}));
    let when = json!({"header": {"X-Env": "canary"}, "query": {"env": ["a b", "c"]}});
    let headers = [("x-env", " Canary "), ("x-env", "prod")];
    assert!(passes(
        when.clone(),
        &message,
        &request("x=1&e%6ev=a%20b&env=z", &headers)
    ));
    assert!(!passes(when.clone(), &message, &request("env=a", &headers)));
    assert!(!passes(
        when.clone(),
        &message,
        &request("env=%zz", &headers)
    ));
    assert!(!passes(
        when.clone(),
        &message,
        &request("env=c", &[("x-env", "canary2")])
    ));
    assert!(!passes(when, &message, &request("", &[])));
}

#[test]
fn priorities_are_numbers_wherever_they_stand() {
    let when = json!({"number": {"field:Priority": "> 5"}});
    let none = request("", &[]);
    for (priority, high) in [("6", true), ("5", false), ("five", false)] {
        let message = Message(json!({ "Priority": priority }));
        assert_eq!(passes(when.clone(), &message, &none), high);
    }
    assert!(!passes(when, &Message(json!({})), &none));
    let when = json!({"number": {"header:x-priority": ">= 5", "query:p": "1..2"}});
    assert!(passes(
        when,
        &Message(json!({})),
        &request("p=2", &[("X-Priority", "5")])
    ));
}

#[test]
fn shards_part_all_values_among_them() {
    let none = request("", &[]);
    let mut seen = [0_u32; 4];
    for n in 0..4000 {
        let message = Message(json!({ "Region": format!("region-{n}") }));
        let holds = |part: u32| {
            let when = json!({"shard": {"of": "field:Region", "modulo": 4, "parts": [part]}});
            passes(when, &message, &none)
        };
        let parts: Vec<u32> = (0..4).filter(|part| holds(*part)).collect();
        let [part] = parts[..] else {
            panic!("one part has it")
        };
        seen[part as usize] += 1;
    }
    assert!(
        seen.iter().all(|count| (900..1100).contains(count)),
        "{seen:?}"
    );
    let when = json!({"shard": {"of": "field:Region", "modulo": 2, "parts": [0, 1]}});
    assert!(!passes(when, &Message(json!({})), &none));
}

#[test]
fn a_share_keeps_whom_it_has_as_it_grows() {
    let none = request("", &[]);
    let share = |percent: f64, salt: &str| json!([{"when": {"share": {"of": "openid", "percent": percent, "salt": salt}}}]);
    let tables = [
        table(share(5.0, ""), json!([])),
        table(share(10.0, ""), json!([])),
        table(share(10.0, "another"), json!([])),
    ];
    let (mut counts, mut both) = ([0_u32; 3], 0_u32);
    for n in 0..20_000 {
        let openid = format!("oUser{n}");
        let keys = HashKeys {
            routing: &openid,
            ..KEYS
        };
        let message = Message(json!({}));
        let takes = tables
            .each_ref()
            .map(|one| !one.pick(&message, keys, &none).is_empty());
        assert!(!takes[0] || takes[1], "{openid} left a share that grew");
        for (count, takes) in counts.iter_mut().zip(takes) {
            *count += u32::from(takes);
        }
        both += u32::from(takes[1] && takes[2]);
    }
    assert!((900..1100).contains(&counts[0]), "{counts:?}");
    assert!((1850..2150).contains(&counts[1]) && (1850..2150).contains(&counts[2]));
    assert!(
        (140..260).contains(&both),
        "shares of two salts are not apart: {both}"
    );
    for (percent, takes) in [(0.0, false), (100.0, true)] {
        let when = json!({"share": {"of": "openid", "percent": percent}});
        assert_eq!(passes(when, &Message(json!({})), &none), takes);
    }
}

#[test]
fn what_cannot_be_meant_is_named() {
    for (when, path) in [
        (
            json!({"number": {"field:P": "5"}}),
            "route[0].when.number.field:P",
        ),
        (json!({"number": {"P": "> 5"}}), "route[0].when.number.P"),
        (
            json!({"shard": {"of": "x", "modulo": 2, "parts": [0]}}),
            "route[0].when.shard.of",
        ),
        (
            json!({"shard": {"of": "key", "modulo": 1, "parts": [0]}}),
            "route[0].when.shard.modulo",
        ),
        (
            json!({"shard": {"of": "key", "modulo": 2, "parts": [2]}}),
            "route[0].when.shard.parts",
        ),
        (
            json!({"shard": {"of": "key", "modulo": 2, "parts": []}}),
            "route[0].when.shard.parts",
        ),
        (
            json!({"share": {"of": "key", "percent": 101.0}}),
            "route[0].when.share.percent",
        ),
        (
            json!({"share": {"of": "field:", "percent": 1.0}}),
            "route[0].when.share.of",
        ),
        (json!({"field": {"A": "("}}), "route[0].when.field.A"),
    ] {
        assert_eq!(problems(when), [path]);
    }
}

#[test]
fn only_routes_for_an_account_want_its_headers() {
    let tagged = json!({"header": {"x-env": "canary"}, "account": "shop"});
    let table = table(json!([{ "when": tagged }, {}]), json!([]));
    assert!(table.asks_headers("shop", "official"));
    assert!(!table.asks_headers("mall", "official"));
}

fn upstream(hash: &str) -> Value {
    let nodes: Vec<Value> = (1..=8)
        .map(|n| json!({"url": format!("http://node-{n}")}))
        .collect();
    json!([{"name": "orders", "nodes": nodes, "hash": hash}])
}

fn nodes(hash: &str, message: &Message, keys: HashKeys<'_>) -> Vec<usize> {
    let table = table(json!([{"upstream": 0}]), upstream(hash));
    let [Destination { nodes, .. }] = &table.pick(message, keys, &request("", &[]))[..] else {
        panic!("one destination")
    };
    nodes.clone()
}

proptest! {
    #[test]
    fn what_has_one_value_has_one_node(region in "[a-z]{1,8}", one in "[a-z]{1,8}", two in "[a-z]{1,8}") {
        let message = Message(json!({ "Region": region }));
        let keys = |routing| HashKeys { routing, ..KEYS };
        let by_region = nodes("field:Region", &message, keys(&one));
        prop_assert_eq!(&by_region, &nodes("field:Region", &message, keys(&two)));
        // The hash is of the value as it stands, so that others can tell the node, too.
        prop_assert_eq!(&by_region, &nodes("openid", &message, keys(&region)));
        prop_assert_eq!(
            nodes("openid+field:Region", &message, keys(&one)) ==
                nodes("openid+field:Region", &message, keys(&two)),
            one == two || nodes("openid+field:Region", &message, keys(&one)) ==
                nodes("openid + field:Region", &message, keys(&two))
        );
    }

    #[test]
    fn without_its_fields_a_message_goes_by_its_user(user in "[a-z]{1,8}") {
        let message = Message(json!({ "Other": "x" }));
        let keys = HashKeys { routing: &user, ..KEYS };
        let by_user = nodes("openid", &message, keys);
        prop_assert_eq!(&nodes("field:Region", &message, keys), &by_user);
        prop_assert_eq!(&nodes("account+field:Region", &message, keys), &by_user);
        let half = nodes("field:Other+field:Region", &message, keys);
        let elsewhere = HashKeys { routing: "another", ..KEYS };
        prop_assert_eq!(&half, &nodes("field:Other+field:Region", &message, elsewhere));
    }
}

#[test]
fn values_do_not_run_into_each_other() {
    let differing = (0..64).filter(|n| {
        let one = Message(json!({"A": format!("{n}1"), "B": "2"}));
        let two = Message(json!({"A": n.to_string(), "B": "12"}));
        nodes("field:A+field:B", &one, KEYS) != nodes("field:A+field:B", &two, KEYS)
    });
    assert!(differing.count() > 32);
}

#[test]
fn a_hash_that_is_none_is_refused() {
    for hash in [
        "",
        "user",
        "field:",
        "header:x",
        "openid+query:x",
        "none+key",
        "openid++key",
    ] {
        let upstreams: Vec<UpstreamConfig> = serde_json::from_value(upstream(hash)).unwrap();
        let problems = RouteTable::new(&[], &upstreams).err().unwrap();
        assert_eq!(problems[0].path, "upstream.orders.hash", "{hash}");
    }
}
