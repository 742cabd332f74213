//! Which route takes a message.

use std::borrow::Cow;
use std::hint::black_box;

use criterion::Criterion;
use wxcore::parse::{Message, parse};
use wxcore::route::{Facts, HashKeys, RouteTable};

use crate::messages::{Sealed, TEXT, config};

/// The only route takes the message, or the last of a hundred; the others ask for its `Event`.
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
    for (name, count) in [("1 route", 1), ("100 routes", 100)] {
        let config = config(count);
        let table = RouteTable::new(&config.routes, &config.upstreams).expect("it compiles");
        let [only] = &table.pick(&asked, keys, &request)[..] else {
            panic!("one route takes it");
        };
        assert_eq!(only.route, count - 1);

        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                table
                    .pick(black_box(&asked), black_box(keys), &request)
                    .len()
            });
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
        self.0.field(path)
    }

    fn openid(&self) -> Option<Cow<'_, str>> {
        self.0.openid()
    }
}
