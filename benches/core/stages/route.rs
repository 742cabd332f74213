//! Which route takes a message.

use std::borrow::Cow;
use std::hint::black_box;

use crate::criterion::Criterion;
use wxcore::config::Config;
use wxcore::parse::{Message, parse};
use wxcore::route::{Facts, HashKeys, RouteTable};

use super::messages::{ROUTES, Sealed, TEXT, config};

/// The only route takes the message, or the last of many: the others ask for other names or texts
/// than it has. Then one route to an upstream of several nodes.
pub fn route(criterion: &mut Criterion) {
    let asked = Asked(parse(TEXT.as_bytes()).expect("it parses"));
    let keys = HashKeys {
        routing: "oMgHVjngRipVsoxg6TuX3vz6glDg",
        account: "shop",
        id: "shop:m:24539081234567890",
        tick: 0,
    };
    let sealed = Sealed::new(TEXT);
    let request = sealed.request();
    let mut group = criterion.benchmark_group("route");
    let one = ("1 route".to_owned(), Vec::new());
    let many = ROUTES.into_iter().flat_map(|(by, route)| {
        [100, 1000].map(|count| (format!("{count} {by}"), (1..count).map(route).collect()))
    });
    for (name, passed) in [one].into_iter().chain(many) {
        let count = passed.len();
        let config = config(passed);
        let table = RouteTable::new(&config.routes, &config.upstreams).expect("it compiles");
        let [only] = &table.pick(&asked, keys, &request)[..] else {
            panic!("one route takes it");
        };
        assert_eq!(only.route, count);

        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                table
                    .pick(black_box(&asked), black_box(keys), &request)
                    .len()
            });
        });
    }
    for nodes in [3, 32] {
        let table = to_nodes(nodes);
        let picked = table.pick(&asked, keys, &request);
        assert_eq!(picked.first().map(|to| to.nodes.len()), Some(nodes.min(4)));
        group.bench_function(format!("1 route, {nodes} nodes"), |bencher| {
            bencher.iter(|| {
                table
                    .pick(black_box(&asked), black_box(keys), &request)
                    .len()
            });
        });
    }
    group.finish();
}

/// One route, to an upstream of so many nodes.
fn to_nodes(nodes: usize) -> RouteTable {
    let nodes: Vec<_> = (0..nodes)
        .map(|at| serde_json::json!({"url": format!("http://10.0.0.{at}:9001")}))
        .collect();
    let upstream = serde_json::json!({"name": "crm", "nodes": nodes, "hash": "openid"});
    let config = serde_json::json!({
        "accounts": [], "routes": [{"upstream": 0}], "upstreams": [upstream],
    });
    let config: Config = serde_json::from_value(config).expect("it has the shape");
    RouteTable::new(&config.routes, &config.upstreams).expect("it compiles")
}

/// A message, asked as `dialect::push` asks it.
struct Asked(Message<'static>);

impl Facts for Asked {
    fn account(&self) -> &str {
        "shop"
    }

    fn kind(&self) -> &'static str {
        "official"
    }

    fn field(&self, path: &str) -> Option<Cow<'_, str>> {
        self.0.field(path)
    }

    fn openid(&self) -> Option<Cow<'_, str>> {
        self.0.openid()
    }
}
