//! Whether a message may pass, key by key.

use std::hint::black_box;
use std::num::NonZeroU32;

use crate::criterion::Criterion;
use governor::clock::FakeRelativeClock;
use governor::{Quota, RateLimiter};
use wxcore::limit::{Gcra, Limit, Limiter};

/// Keys in use: as many users as write within a minute of a busy day.
const KEYS: usize = 10_000;

/// One decision for a user among many: most pass, as they do in life.
pub fn limit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limit");
    let gcra = Gcra::new(1_000, 20).expect("a rate");
    let limits: Vec<[Limit; 1]> = keys().map(|key| [limit_of(&key, gcra)]).collect();
    let mut limiter = Limiter::new(100_000, 1);
    for one in &limits {
        assert_eq!(limiter.admit(one, 0), Ok(()));
    }
    assert_eq!(limiter.len(), KEYS);
    let (mut now, mut at) = (0, 0);
    group.bench_function("one of 10,000 keys", |bencher| {
        bencher.iter(|| {
            (now, at) = (now + 10, (at + 7) % KEYS);
            limits
                .get(at)
                .map(|one| limiter.admit(black_box(one), now).is_ok())
        });
    });

    group.bench_function("rival/governor", |bencher| {
        let quota = Quota::per_second(NonZeroU32::new(1_000).expect("not 0"))
            .allow_burst(NonZeroU32::new(20).expect("not 0"));
        let clock = FakeRelativeClock::default();
        let rival = RateLimiter::hashmap_with_clock(quota, clock.clone());
        let names: Vec<Box<[u8]>> = keys().collect();
        assert!(names.iter().all(|name| rival.check_key(name).is_ok()));
        bencher.iter(|| {
            clock.advance(std::time::Duration::from_micros(10));
            at = (at + 7) % KEYS;
            names
                .get(at)
                .map(|name| rival.check_key(black_box(name)).is_ok())
        });
    });
    group.finish();
}

fn keys() -> impl Iterator<Item = Box<[u8]>> {
    (0..KEYS).map(|n| {
        format!("one-user\0shop:oABCDEFGHIJKLMNOPQRST{n:05}")
            .into_bytes()
            .into()
    })
}

fn limit_of(key: &[u8], gcra: Gcra) -> Limit {
    Limit {
        key: key.into(),
        rate: Some(gcra),
        concurrency: None,
        rule: 0,
    }
}
