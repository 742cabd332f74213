//! Which limits a message falls under, and by what they count.

use serde_json::{Value, json};
use wxcore::config::Config;
use wxcore::gateway::{Gateway, Received};
use wxcore::limit::{Gcra, Limit, Limiter};
use wxcore::request::Request;
use wxcore::time::UnixMillis;

use crate::support::{NOW, TEXT, config, event, gateway, post, sealed};

fn built(kind: &str, limits: &Value) -> Result<Gateway, Vec<String>> {
    let mut document: Value = serde_json::from_str(&config(kind, "{}")).unwrap();
    document["limits"] = limits.clone();
    document["trusted_proxies"] = json!(["127.0.0.1"]);
    let config: Config = serde_json::from_value(document).unwrap();
    let lines =
        |all: Vec<wxcore::config::ConfigError>| all.iter().map(ToString::to_string).collect();
    Gateway::new(&config).map_err(lines)
}

fn limited(limits: &Value) -> Gateway {
    built("official", limits).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The limits of a message that came from `peer` at `now`.
fn from(gateway: &Gateway, message: &str, peer: &str, now: UnixMillis) -> Vec<Limit> {
    let (body, query) = sealed(message);
    let headers = [("x-forwarded-for", "198.51.100.7, 203.0.113.9")];
    let request = Request {
        method: "POST",
        query: &query,
        headers: &headers,
        body: body.as_bytes(),
        now,
        peer: Some(peer),
    };
    match gateway.receive("shop", None, &request) {
        Received::Event(delivery) => delivery.limits,
        other => panic!("not an event: {other:?}"),
    }
}

fn keys(limits: &[Limit]) -> Vec<String> {
    limits
        .iter()
        .map(|one| String::from_utf8_lossy(&one.key).into_owned())
        .collect()
}

fn rule(name: &str, per: &str) -> Value {
    json!({"name": name, "per": per, "rate": "10/s"})
}

#[test]
fn a_message_without_rules_has_no_limits() {
    let (body, query) = sealed(TEXT);
    let delivery = event(post(&gateway("official", "{}"), &query, &body));
    assert!(delivery.limits.is_empty());
}

#[test]
fn each_rule_counts_by_what_it_says() {
    let per = [
        "all",
        "account",
        "appid",
        "openid",
        "route",
        "field:Content",
        "field:Absent",
    ];
    let rules: Vec<Value> = per.iter().map(|per| rule(per, per)).collect();
    let gateway = limited(&json!(rules));
    let found = from(&gateway, TEXT, "127.0.0.1:9", NOW);
    let expected = [
        "all\0",
        "account\0shop",
        "appid\0shop",
        "openid\0shop:oUser",
        "route\u{0}0",
        "field:Content\0你好 👍🏽",
    ];
    assert_eq!(keys(&found), expected);
    assert_eq!(found[0].rate, Gcra::new(100_000, 10));
    assert_eq!(
        found.iter().map(|one| one.rule).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 5]
    );
}

#[test]
fn long_values_are_kept_by_their_digest() {
    let long = TEXT.replace("你好 👍🏽", &"x".repeat(5_000));
    let found = from(
        &limited(&json!([rule("r", "field:Content")])),
        &long,
        "127.0.0.1",
        NOW,
    );
    assert_eq!(found[0].key.len(), "r\0".len() + 32);
}

#[test]
fn only_what_meets_the_conditions_is_limited() {
    let mut images = rule("images", "all");
    images["when"] = json!({"type": "image"});
    let mut texts = rule("texts", "all");
    texts["when"] = json!({"type": ["text"], "account": "shop", "openid": "^oUser$"});
    let found = from(&limited(&json!([images, texts])), TEXT, "127.0.0.1", NOW);
    assert_eq!(keys(&found), ["texts\0"]);
}

#[test]
fn the_address_counted_by_is_the_callers_and_cannot_be_forged() {
    let gateway = limited(&json!([rule("s", "source")]));
    assert_eq!(gateway.needs_source(), (true, true));
    let proxied = from(&gateway, TEXT, "127.0.0.1:4711", NOW);
    assert_eq!(proxied[0].key, [b's', 0, 203, 0, 113, 9]);
    let direct = from(&gateway, TEXT, "192.0.2.1:4711", NOW);
    assert_eq!(direct[0].key, [b's', 0, 192, 0, 2, 1]);
    // One subscriber's addresses of IPv6 are one source.
    let neighbours = ["[2001:db8:1:2::1]:80", "[2001:db8:1:2:ffff::9]:80"];
    let [one, other] = neighbours.map(|peer| from(&gateway, TEXT, peer, NOW));
    assert_eq!(one, other);
    assert_eq!(
        limited(&json!([rule("s", "all")])).needs_source(),
        (false, false)
    );
}

#[test]
fn a_cold_rule_starts_at_a_third_of_its_rate_and_cools_down_again() {
    let mut warm = rule("w", "all");
    warm["warm_up"] = json!(60);
    let gateway = limited(&json!([warm]));
    let at = |seconds: i64| {
        let found = from(
            &gateway,
            TEXT,
            "127.0.0.1",
            UnixMillis(NOW.0 + seconds * 1_000),
        );
        found[0].rate.unwrap().interval()
    };
    assert_eq!([at(0), at(30), at(59)], [300_000, 200_000, 103_334]);
    assert_eq!([at(60), at(90)], [100_000, 100_000]);
    assert_eq!([at(200), at(201)], [300_000, 296_667]);
    // The clock was set back by more than the rule takes to warm up: as if it had been idle.
    assert_eq!(at(0), 300_000);
}

#[test]
fn a_rule_goes_on_as_warm_as_the_one_whose_place_it_takes() {
    let warming = |name: &str, seconds: u32| {
        let mut warm = rule(name, "all");
        warm["warm_up"] = json!(seconds);
        limited(&json!([warm]))
    };
    let at = |gateway: &Gateway, seconds: i64| {
        let now = UnixMillis(NOW.0 + seconds * 1_000);
        from(gateway, TEXT, "127.0.0.1", now)[0]
            .rate
            .unwrap()
            .interval()
    };
    let before = warming("w", 60);
    assert_eq!([at(&before, 0), at(&before, 30)], [300_000, 200_000]);
    let [same, other, slower] = [warming("w", 60), warming("v", 60), warming("w", 90)];
    for after in [&same, &other, &slower] {
        after.warm_as(&before);
    }
    assert_eq!(at(&same, 59), 103_334);
    assert_eq!([at(&other, 59), at(&slower, 59)], [300_000, 300_000]);
}

#[test]
fn a_rule_of_concurrency_needs_no_rate() {
    let gateway = limited(&json!([{"name": "c", "per": "account", "concurrency": 2}]));
    let found = from(&gateway, TEXT, "127.0.0.1", NOW);
    assert_eq!((found[0].rate, found[0].concurrency), (None, Some(2)));
    let mut limiter = Limiter::new(10, 1);
    assert!(limiter.admit(&found, 0).is_ok() && limiter.admit(&found, 0).is_ok());
    assert!(limiter.admit(&found, 0).is_err());
}

#[test]
fn what_cannot_be_meant_is_refused_by_its_path() {
    let refused = |limit: Value| built("official", &json!([limit])).err().unwrap_or_default();
    let one = |limit: Value| refused(limit).first().cloned().unwrap_or_default();
    assert!(
        one(json!({"name": "r", "per": "all", "rate": "5"}))
            .starts_with("limit[0].rate: is no rate")
    );
    assert!(
        one(json!({"name": "r", "per": "user", "rate": "5/s"}))
            .starts_with("limit[0].per: expected")
    );
    assert!(one(json!({"name": "r", "per": "all"})).starts_with("limit[0].rate: is required"));
    assert!(one(json!({"name": "r", "per": "all", "rate": "0.00001/day"})).contains("30 days"));
    assert!(
        one(json!({"name": "r", "per": "all", "concurrency": 1, "warm_up": 5}))
            .contains("warms up")
    );
    let pace = json!({"name": "r", "per": "source", "rate": "5/s", "action": "pace"});
    assert!(one(pace).contains("not known any more"));
    let pace = json!({"name": "r", "per": "all", "concurrency": 5, "action": "pace"});
    assert!(one(pace).contains("takes a rate"));
    let regex = json!({"name": "r", "per": "all", "rate": "5/s", "when": {"content": "("}});
    assert!(one(regex).starts_with("limit[0].when.content: is not a regular expression"));
    let twice = json!([rule("r", "all"), rule("r", "openid")]);
    assert!(built("official", &twice).err().unwrap()[0].starts_with("limit[1].name: stands twice"));
}

#[test]
fn only_what_is_named_is_absorbed() {
    let absorb = |when: Value| {
        let limit =
            json!([{"name": "a", "per": "all", "rate": "1/s", "action": "absorb", "when": when}]);
        built("official", &limit)
    };
    for when in [
        json!({}),
        json!({"account": "shop"}),
        json!({"type": "event"}),
        json!({"type": ["text", "event"]}),
        json!({"content": "x"}),
        json!({"event": ["view", "xpay_goods_deliver_notify"]}),
        json!({"event_type": "TRANSACTION.SUCCESS"}),
        json!({"kind": ["pay"], "event": "view"}),
        json!({"type": "text", "event_type": "TRANSACTION.SUCCESS"}),
    ] {
        let problems = absorb(when.clone()).err().unwrap_or_default();
        assert_eq!(problems.len(), 1, "{when}");
        assert!(
            problems[0].starts_with("limit[0].when: an absorbed message is lost"),
            "{when}"
        );
    }
    for when in [
        json!({"event": "location"}),
        json!({"type": ["text", "image"]}),
        json!({"type": "event", "event": "view"}),
    ] {
        assert!(absorb(when.clone()).is_ok(), "{when}");
    }
}

#[test]
fn what_paces_is_found_again_in_the_journals_event() {
    let pace = |name: &str, per: &str, when: Value| json!({"name": name, "per": per, "rate": "5/s", "burst": 2, "action": "pace", "when": when});
    let rules = json!([
        pace("all", "all", json!({})),
        pace(
            "user",
            "openid",
            json!({"type": "text", "account": "shop", "kind": "official"})
        ),
        pace("content", "field:Content", json!({"content": "^你好"})),
        pace("other", "all", json!({"type": "image"})),
        pace("pay", "all", json!({"kind": "pay"})),
    ]);
    let gateway = limited(&rules);
    assert!(gateway.has_paces());
    let (body, query) = sealed(TEXT);
    let delivery = event(post(&gateway, &query, &body));
    // They are asked when it is delivered, not when it comes.
    assert!(delivery.limits.is_empty());
    let found = gateway.paces(&delivery.event);
    assert_eq!(
        keys(&found),
        ["all\0", "user\0shop:oUser", "content\0你好 👍🏽"]
    );
    assert_eq!(found[0].rate, Gcra::new(200_000, 2));
    assert_eq!(gateway.paces(b"{}"), []);
    assert_eq!(gateway.paces(b"\xff no JSON"), []);
}
