//! Which route takes a message.

use std::borrow::Cow;
use std::hint::black_box;

use criterion::Criterion;
use wxcore::parse::{Message, parse};
use wxcore::route::{Facts, HashKeys, RouteTable};

use crate::messages::{TEXT, config};

/// The only route takes the message, or the last of a hundred; the others ask for its `Event`.
pub fn route(criterion: &mut Criterion) {
    let asked = Asked(parse(TEXT.as_bytes()).expect("it parses"));
    let keys = HashKeys {
        routing: "oMgHVjngRipVsoxg6TuX3vz6glDg",
        account: "shop",
        id: "shop:m:24539081234567890",
        tick: 0,
    };
    let mut group = criterion.benchmark_group("route");
    for (name, count) in [("1 route", 1), ("100 routes", 100)] {
        let config = config(count);
        let table = RouteTable::new(&config.routes, &config.upstreams).expect("it compiles");
        let [only] = &table.pick(&asked, keys)[..] else {
            panic!("one route takes it");
        };
        assert_eq!(only.route, count - 1);

        group.bench_function(name, |bencher| {
            bencher.iter(|| table.pick(black_box(&asked), black_box(keys)).len());
        });
    }
    group.finish();
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
        match path {
            "MsgType" => self.0.msg_type(),
            "Event" => self.0.event(),
            path => self.0.fields.path(path),
        }
    }

    fn openid(&self) -> Option<Cow<'_, str>> {
        self.0.openid()
    }
}
