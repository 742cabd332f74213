//! The index leaves the order of the file alone: whatever the routes and the message, those are picked
//! that are found by asking one route after the other.

use std::ops::ControlFlow;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::stored::StoredEvent;
use super::{Asked, RouteTable};
use crate::config::RouteConfig;
use crate::request::Request;
use crate::time::UnixMillis;

/// Asks all routes in their order.
fn one_by_one(table: &RouteTable, asked: &Asked<'_>) -> Vec<usize> {
    let mut found = Vec::new();
    for (index, route) in table.routes.iter().enumerate() {
        if route.when.holds(asked) {
            found.push(index);
            if !route.also {
                break;
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn what_is_picked_is_what_asking_one_by_one_finds(
        routes in routes(),
        messages in prop::collection::vec((event(), query(), header()), 12),
    ) {
        let table = table(&routes);
        for (event, query, header) in &messages {
            let stored = StoredEvent::read(event.as_bytes()).unwrap();
            let headers = [("x-ENV", &**header)];
            let request = Request { query, headers: &headers, ..NOBODY };
            let asked = Asked::new(&stored, stored.keys(), &request);
            let expected = one_by_one(&table, &asked);
            let picked = table.pick(&stored, stored.keys(), &request);
            let picked: Vec<usize> = picked.iter().map(|one| one.route).collect();
            prop_assert_eq!(&picked, &expected);
            let explained = table.explain(&stored, &request);
            let taken = explained.routes.iter().filter(|one| one.fails.is_none());
            let taken: Vec<usize> = taken.map(|one| one.route).collect();
            prop_assert_eq!(&taken, &expected);
        }
    }
}

const NOBODY: Request<'_> = Request {
    method: "POST",
    query: "",
    headers: &[],
    body: b"",
    now: UnixMillis(0),
    peer: None,
};

const ACCOUNTS: [&str; 3] = ["shop", "Mall", "market-3"];
const TYPES: [&str; 4] = ["text", "event", "image", "Voice"];
const EVENTS: [&str; 5] = ["subscribe", "CLICK", "view", "scan", "xpay_refund"];
const TEXTS: [&str; 8] = [
    "退款",
    "我要退款 12",
    "ok",
    "O\u{212a}!",
    "订单 1234",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "menu_1",
    "",
];
const PATTERNS: [&str; 14] = [
    "退款",
    "^退款$",
    "退款|退货",
    "(?i)ok",
    r"\d+",
    ".*",
    "订单 1",
    "12",
    "a",
    "aa",
    "aaa",
    "^menu_[12]$",
    "^$",
    "(?i:MENU)_.",
];

fn table(routes: &[Value]) -> RouteTable {
    let routes = json!(routes);
    let routes: Vec<RouteConfig> = serde_json::from_value(routes).unwrap();
    RouteTable::new(&routes, &[]).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Up to four words of bits; most tables are for few of the conditions, as real ones are.
fn routes() -> impl Strategy<Value = Vec<Value>> {
    let kinds = subsequence(&CONDITIONS[..], 1..=CONDITIONS.len());
    (kinds, 0_usize..230, 0.0..0.3_f64).prop_flat_map(|(kinds, count, also)| {
        let when = subsequence(kinds.clone(), 0..=kinds.len().min(3));
        let when = when
            .prop_flat_map(|names| names.iter().map(|name| condition(name)).collect::<Vec<_>>());
        let route = (when, prop::bool::weighted(also));
        let route = route.prop_map(|(conditions, also)| {
            let when: Map<String, Value> = conditions.into_iter().collect();
            json!({"when": when, "also": also})
        });
        prop::collection::vec(route, count)
    })
}

const CONDITIONS: [&str; 12] = [
    "account",
    "kind",
    "type",
    "event",
    "info_type",
    "header",
    "query",
    "content",
    "key",
    "field",
    "number",
    "shard",
];

fn condition(name: &'static str) -> BoxedStrategy<(String, Value)> {
    let pattern = || select(&PATTERNS[..]);
    let value = match name {
        "account" => names(&ACCOUNTS),
        "kind" => names(&["official", "Wecom", "miniprogram"]),
        "type" => names(&TYPES),
        "event" => names(&EVENTS),
        "info_type" => names(&["suite_ticket", "authorized"]),
        "header" => names(&["canary", "PROD"])
            .prop_map(|names| json!({"X-Env": names}))
            .boxed(),
        "query" => names(&["a", "b"])
            .prop_map(|names| json!({"env": names}))
            .boxed(),
        "content" | "key" => pattern().prop_map(|pattern| json!(pattern)).boxed(),
        "field" => pattern()
            .prop_map(|pattern| json!({"Content": pattern}))
            .boxed(),
        "number" => Just(json!({"field:Priority": "> 5"})).boxed(),
        _ => Just(json!({"of": "field:EventKey", "modulo": 2, "parts": [0]})).boxed(),
    };
    value
        .prop_map(move |value| (name.to_owned(), value))
        .boxed()
}

/// One or several, in any case.
fn names(all: &'static [&'static str]) -> BoxedStrategy<Value> {
    let names = subsequence(all, 1..=all.len().min(2));
    let names = (names, any::<bool>()).prop_map(|(names, upper)| {
        let as_written = |name: &&str| {
            if upper {
                name.to_uppercase()
            } else {
                (*name).to_owned()
            }
        };
        json!(names.iter().map(as_written).collect::<Vec<_>>())
    });
    names.boxed()
}

fn event() -> impl Strategy<Value = String> {
    let text = || select(&TEXTS[..]);
    let data = (
        select(&TYPES[..]),
        select(&EVENTS[..]),
        select(&["", "suite_ticket", "AUTHORIZED", "other"][..]),
        text(),
        text(),
        0..10,
    );
    let data = data.prop_map(|(kind, event, info, content, key, priority)| {
        json!({
            "MsgType": kind, "Event": event, "InfoType": info, "Content": content,
            "EventKey": key, "Priority": priority,
        })
    });
    let kind = select(&["official", "wecom", "miniprogram", "component"][..]);
    let account = select(&["shop", "Mall", "mall", "market-3", "other"][..]);
    (data, kind, account).prop_map(|(data, kind, account)| {
        json!({
            "id": "shop:m:1", "source": format!("/wxgate/{account}"),
            "type": format!("wechat.{kind}.text"), "partitionkey": "oUser", "data": data,
        })
        .to_string()
    })
}

fn query() -> impl Strategy<Value = String> {
    select(&["", "env=a", "x=1&env=B", "env=c"][..]).prop_map(str::to_owned)
}

fn header() -> impl Strategy<Value = String> {
    select(&["canary", "Prod", "", "other"][..]).prop_map(str::to_owned)
}

/// How many of a table's routes are asked for a text message.
fn asked(routes: impl Iterator<Item = Value>, content: &str) -> usize {
    let routes: Vec<Value> = routes.collect();
    let table = table(&routes);
    let event = json!({
        "id": "shop:m:1", "source": "/wxgate/shop", "type": "wechat.official.text",
        "data": {"MsgType": "text", "Content": content},
    });
    let event = event.to_string();
    let stored = StoredEvent::read(event.as_bytes()).unwrap();
    let asked = Asked::new(&stored, stored.keys(), &NOBODY);
    let mut count = 0;
    let _ = table.index.each(&asked, |route| {
        count += usize::from(route < routes.len());
        ControlFlow::Continue(())
    });
    count
}

#[test]
fn few_of_many_are_asked() {
    let other =
        |name: &'static str| (0..1000).map(move |at| json!({"when": {name: format!("x{at}")}}));
    let last = || [json!({})].into_iter();
    assert_eq!(asked(other("account").chain(last()), "你好"), 1);
    assert_eq!(asked(other("event").chain(last()), "你好"), 1);
    let mixed = other("account").chain(other("type")).chain(other("event"));
    assert_eq!(asked(mixed.chain(last()), "你好"), 1);
    assert_eq!(asked(other("content").chain(last()), "你好"), 1);
    // x1, x12 and x123, each text that is contained, and the last.
    assert_eq!(asked(other("content").chain(last()), "x123"), 4);
}

#[test]
fn a_text_made_of_pieces_asks_all_rather_than_count_them() {
    let routes = (0..200).map(|at| json!({"when": {"content": "a".repeat(at % 5 + 1) + "$"}}));
    assert_eq!(asked(routes, &"a".repeat(2000)), 200);
}
