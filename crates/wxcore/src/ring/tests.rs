//! The laws of the ring. They are shown of the competition, and the table to be the same.

use super::{FEW, HashRing, SLOTS, TABLE_ABOVE, slot_of, slots};
use proptest::prelude::*;

fn ring(nodes: &[(String, f64)]) -> HashRing {
    HashRing::competing(nodes.to_vec()).unwrap()
}

fn named(weights: &[f64]) -> Vec<(String, f64)> {
    weights
        .iter()
        .enumerate()
        .map(|(n, weight)| (format!("node-{n}"), *weight))
        .collect()
}

fn weights() -> impl Strategy<Value = Vec<f64>> {
    let weight = prop_oneof![Just(1.0), Just(2.0), 0.1..10.0_f64];
    prop_oneof![
        prop::collection::vec(weight.clone(), 2..12),
        prop::collection::vec(weight, 12..60),
    ]
}

fn keys() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-zA-Z0-9_-]{1,28}", 50)
}

proptest! {
    #[test]
    fn removing_a_node_moves_only_its_keys(
        weights in weights(), gone in any::<prop::sample::Index>(), keys in keys()
    ) {
        let nodes = named(&weights);
        let gone = gone.index(nodes.len());
        let mut fewer = nodes.clone();
        fewer.remove(gone);
        let (all, fewer) = (ring(&nodes), ring(&fewer));
        for key in keys {
            let key = key.as_bytes();
            let before = all.pick(key);
            let heir = if before == gone { all.few(key)[1] } else { before };
            prop_assert_eq!(all.name(heir), fewer.name(fewer.pick(key)));
        }
    }

    #[test]
    fn more_weight_only_attracts(
        weights in weights(), heavier in any::<prop::sample::Index>(), keys in keys()
    ) {
        let nodes = named(&weights);
        let heavier = heavier.index(nodes.len());
        let mut changed = nodes.clone();
        changed[heavier].1 *= 2.0;
        let (before, after) = (ring(&nodes), ring(&changed));
        for key in keys {
            let (old, new) = (before.pick(key.as_bytes()), after.pick(key.as_bytes()));
            prop_assert!(old == new || new == heavier);
        }
    }

    #[test]
    fn order_does_not_matter(weights in weights(), keys in keys()) {
        let nodes = named(&weights);
        let mut reversed = nodes.clone();
        reversed.reverse();
        let (one, two) = (ring(&nodes), ring(&reversed));
        let names = |ring: &HashRing, found: Vec<usize>| -> Vec<String> {
            found.into_iter().map(|index| ring.name(index).to_owned()).collect()
        };
        for key in keys {
            let key = key.as_bytes();
            prop_assert_eq!(one.name(one.pick(key)), two.name(two.pick(key)));
            prop_assert_eq!(names(&one, one.ranked(key)), names(&two, two.ranked(key)));
        }
    }

    #[test]
    fn every_way_to_ask_gives_one_answer(weights in weights(), keys in keys()) {
        let ring = ring(&named(&weights));
        for key in keys {
            let key = key.as_bytes();
            let ranked = ring.ranked(key);
            prop_assert_eq!(ring.pick(key), ranked[0]);
            prop_assert_eq!(slots::winner(&ring.classes, slot_of(key)), ranked[0]);
            prop_assert_eq!(ring.few(key), ranked[..FEW.min(ranked.len())].to_vec());
            let mut all = ranked;
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..ring.len()));
        }
    }
}

#[test]
fn a_table_says_what_the_competition_says() {
    let mut weights: Vec<f64> = (0..TABLE_ABOVE)
        .map(|n| f64::from(n % 3 == 0) + 1.0)
        .collect();
    assert!(!HashRing::new(named(&weights)).unwrap().has_table());
    weights.push(7.5);
    let tabled = HashRing::new(named(&weights)).unwrap();
    assert!(tabled.has_table());
    let competing = ring(&named(&weights));
    for n in 0..50_000_u32 {
        let key = n.to_le_bytes();
        assert_eq!(tabled.pick(&key), competing.pick(&key));
        assert_eq!(tabled.few(&key), competing.few(&key));
    }
}

/// The theoretical minimum is what the lost node held: that moves, and nothing else does.
#[test]
fn the_loss_of_a_node_costs_its_share() {
    for count in [3_usize, 16, 100] {
        let nodes = named(&vec![1.0; count]);
        let (all, fewer) = (ring(&nodes), ring(&nodes[1..]));
        let keys: Vec<String> = (0..100_000).map(|n| format!("oUser{n}")).collect();
        let moved = keys
            .iter()
            .map(|key| (all.pick(key.as_bytes()), fewer.pick(key.as_bytes())))
            .filter(|(before, after)| *before == 0 || *before != *after + 1);
        let (mut all_moved, mut wrongly) = (0_u32, 0);
        for (before, _) in moved {
            all_moved += 1;
            wrongly += u32::from(before != 0);
        }
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let least = 1.0 / count as f64;
        let share = f64::from(all_moved) / 100_000.0;
        assert_eq!(wrongly, 0);
        assert!((share - least).abs() < 0.02, "{count} nodes: {share}");
    }
}

#[test]
fn weights_set_the_shares() {
    let ring = ring(&named(&[1.0, 3.0]));
    let heavy = (0..40_000)
        .filter(|n| ring.pick(format!("user{n}").as_bytes()) == 1)
        .count();
    assert!((29_400..30_600).contains(&heavy), "{heavy}");
}

#[test]
fn every_slot_is_reached() {
    let mut seen = vec![false; SLOTS as usize];
    for n in 0..2_000_000_u32 {
        seen[slot_of(&n.to_le_bytes()) as usize] = true;
    }
    assert!(seen.into_iter().all(|one| one));
}

#[test]
fn senseless_nodes_are_refused() {
    let refused = |nodes: Vec<(String, f64)>| HashRing::new(nodes).unwrap_err().path;
    assert_eq!(refused(vec![]), "nodes");
    assert_eq!(refused(vec![("a".into(), 0.0)]), "nodes[0]");
    assert_eq!(refused(vec![("a".into(), f64::NAN)]), "nodes[0]");
    let twice = ["b", "a", "b"].map(|name| (name.to_owned(), 1.0));
    assert_eq!(refused(twice.to_vec()), "nodes[2]");
    assert_eq!(refused(named(&vec![1.0; 4097])), "nodes[4096]");
}
