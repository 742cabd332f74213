//! Which node a key belongs to.

use std::hint::black_box;

use crate::criterion::Criterion;
use hashring::HashRing as Points;
use rendezvous_hash::RendezvousNodes;
use wxcore::ring::{HashRing, TABLE_ABOVE};

const USER: &str = "oMgHVjngRipVsoxg6TuX3vz6glDg";

/// A competition up to 32 nodes, a table above. The rivals hash the same names: points on a ring
/// (one for each node, so that loads differ much), and rendezvous hashing, which asks every node.
pub fn ring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring");
    for nodes in [3, 32, 1000] {
        let names = names(nodes);
        let ring = HashRing::new(names.iter().map(|name| (name.clone(), 1.0))).expect("distinct");
        let picked = ring.pick(USER.as_bytes());
        assert_eq!(Some(&picked), ring.ranked(USER.as_bytes()).first());
        assert_eq!(ring.few(USER.as_bytes()).first(), Some(&picked));
        if nodes <= TABLE_ABOVE {
            only_the_keys_of_a_lost_node_move(&ring, &names);
        }

        group.bench_function(format!("pick, {nodes} nodes"), |bencher| {
            bencher.iter(|| ring.pick(black_box(USER.as_bytes())));
        });
        group.bench_function(format!("few, {nodes} nodes"), |bencher| {
            bencher.iter(|| ring.few(black_box(USER.as_bytes())));
        });
        group.bench_function(format!("rival/hashring, {nodes} nodes"), |bencher| {
            let mut rival = Points::new();
            rival.batch_add(names.clone());
            assert!(rival.get(&USER).is_some_and(|name| names.contains(name)));
            bencher.iter(|| rival.get(black_box(&USER)));
        });
        group.bench_function(format!("rival/rendezvous_hash, {nodes} nodes"), |bencher| {
            let mut rival = RendezvousNodes::default();
            for name in &names {
                rival.insert(&**name);
            }
            let first = rival.calc_candidates(&USER).next();
            assert!(first.is_some_and(|name| names.iter().any(|one| one == name)));
            bencher.iter(|| rival.calc_candidates(black_box(&USER)).next().is_some());
        });
    }
    group.finish();
}

fn names(nodes: usize) -> Vec<String> {
    (0..nodes)
        .map(|at| format!("http://10.0.{}.{}:9001", at / 250, at % 250))
        .collect()
}

fn only_the_keys_of_a_lost_node_move(ring: &HashRing, names: &[String]) {
    let lost = 1;
    let left = names.iter().enumerate().filter(|(at, _)| *at != lost);
    let fewer = HashRing::new(left.map(|(_, name)| (name.clone(), 1.0))).expect("distinct");
    for user in 0..1000 {
        let key = format!("oUser{user}").into_bytes();
        let before = ring.pick(&key);
        assert!(before == lost || ring.name(before) == fewer.name(fewer.pick(&key)));
    }
}
