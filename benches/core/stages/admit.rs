//! Whether a message is new.

use std::hint::black_box;
use std::time::Duration;

use crate::criterion::Criterion;
use ttl_cache::TtlCache;
use wxcore::admit::{Claim, Claims, PUSH_LIFETIME_MS, claim_key};
use wxcore::time::UnixMillis;

use super::messages::NOW;

/// Known while it is measured: a minute of a thousand messages a second.
const KNOWN: i64 = PUSH_LIFETIME_MS;

/// A new message, claimed and completed, and a retry that is known as one; one a millisecond, so that
/// as many are forgotten as come. The rival keeps ids and drops what is over its capacity.
pub fn admit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admit");
    group.bench_function("key of an id", |bencher| {
        bencher.iter(|| claim_key(black_box("shop:m:24539081234567890")));
    });
    let mut claims = Claims::new(1 << 20, 1 << 20, NOW);
    let mut at = 0;
    while at < 2 * KNOWN {
        assert!(is_taken(&mut claims, at));
        at += 1;
    }
    // A generation ends a quarter of a life late, at most.
    assert!((KNOWN..=KNOWN / 4 * 5).contains(&i64::try_from(claims.len()).expect("not many")));
    group.bench_function("new, of 60,000", |bencher| {
        bencher.iter(|| {
            at += 1;
            is_taken(&mut claims, at - 1)
        });
    });
    at -= 1;
    let now = UnixMillis(NOW.0 + at);
    let mut again = 0;
    // Others each time: how many places of a table are looked at differs from key to key.
    let mut is_known = || {
        again = (again + 7) % KNOWN;
        claims.claim(black_box(key_of(at - again)), now) == Claim::Done(None)
    };
    assert!((0..KNOWN).all(|_| is_known()));
    group.bench_function("retry, of 60,000", |bencher| bencher.iter(&mut is_known));

    group.bench_function("rival/ttl_cache, new", |bencher| {
        let mut rival = TtlCache::new(usize::try_from(KNOWN).expect("not many"));
        let life = Duration::from_millis(PUSH_LIFETIME_MS.unsigned_abs());
        let mut taken = |key| !rival.contains_key(&key) && rival.insert(key, (), life).is_none();
        assert!((0..KNOWN).all(|at| taken(key_of(at))));
        let mut at = KNOWN;
        bencher.iter(|| {
            at += 1;
            taken(black_box(key_of(at)))
        });
    });
    group.finish();
}

/// Claims and completes the message of a millisecond; whether it was new.
fn is_taken(claims: &mut Claims, at: i64) -> bool {
    let (key, now) = (key_of(at), UnixMillis(NOW.0 + at));
    let new = claims.claim(black_box(key), now) == Claim::New;
    claims.complete(key, UnixMillis(now.0 + PUSH_LIFETIME_MS), None);
    new
}

/// Spread as a digest is.
fn key_of(at: i64) -> [u8; 16] {
    let bits = u128::from(at.unsigned_abs()) + 1;
    bits.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
        .to_le_bytes()
}
