//! The states, the bounds, and a worker that is killed at each of its writes.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;

use super::{Claims, Known, LEASE_MS, Shape};
use crate::admit::{PAY_LIFETIME_MS, PUSH_LIFETIME_MS, claim_key};
use crate::shared::Words;
use crate::time::UnixMillis;

const NOW: i64 = 1_700_000_000_000;

/// The memory, which outlives whoever visits it.
struct Memory {
    cells: Vec<Cell<u64>>,
    shape: Shape,
}

impl Memory {
    fn new(claims: usize, answer_bytes: usize) -> Self {
        let shape = Shape::new(claims, answer_bytes).unwrap();
        let cells = vec![Cell::new(0); shape.words()];
        Self { cells, shape }
    }

    fn visit<R>(&self, act: impl FnOnce(&Claims<'_>) -> R) -> R {
        let claims = Claims::enter(Words::new(&self.cells), self.shape);
        let done = act(&claims);
        claims.leave();
        done
    }

    /// Acts as a worker that is killed after so many writes; false if it was through by then.
    fn killed(&self, writes: usize, act: impl FnOnce(&Claims<'_>)) -> bool {
        let fuse = Cell::new(writes);
        let act = || {
            let claims = Claims::enter(Words::burning(&self.cells, &fuse), self.shape);
            act(&claims);
            claims.leave();
        };
        catch_unwind(AssertUnwindSafe(act)).is_err()
    }

    fn claim(&self, name: &str, after: i64) -> Known {
        self.visit(|claims| claims.claim(&claim_key(name), UnixMillis(NOW + after)))
    }

    fn complete(&self, name: &str, after: i64, answer: &[u8]) {
        self.visit(|claims| claims.complete(&claim_key(name), UnixMillis(NOW + after), answer));
    }

    /// How many are kept, and were dropped.
    fn counts(&self) -> (usize, u64) {
        self.visit(|claims| (claims.len(), claims.dropped()))
    }

    /// Whether what is counted is what is there, and everything can be found.
    fn is_whole(&self) -> bool {
        self.visit(|claims| {
            let entries: Vec<_> = claims.table.entries().collect();
            let found = entries
                .iter()
                .all(|&at| claims.table.find(&claims.table.key(at)) == Some(at));
            let chunks: usize = entries
                .iter()
                .map(|&at| claims.answers.read(claims.table.chunk(at)).len())
                .map(|length| length.div_ceil(crate::shared::chunks::BYTES))
                .sum();
            found && entries.len() == claims.len() && chunks == claims.answers.in_use()
        })
    }
}

#[test]
fn a_message_is_new_then_leased_then_done_then_new() {
    let memory = Memory::new(100, 10_000);
    assert_eq!(memory.claim("a", 0), Known::New);
    assert_eq!(memory.claim("a", 10), Known::Leased);
    memory.complete("a", 60_000, b"hello");
    assert_eq!(memory.claim("a", 59_999), Known::Done(b"hello".to_vec()));
    assert_eq!(memory.claim("a", 60_000), Known::New);
    assert_eq!(memory.claim("a", 60_001), Known::Leased);
}

#[test]
fn the_lease_of_a_dead_worker_ends() {
    let memory = Memory::new(100, 0);
    assert_eq!(memory.claim("a", 0), Known::New);
    assert_eq!(memory.claim("a", LEASE_MS - 1), Known::Leased);
    assert_eq!(memory.claim("a", LEASE_MS), Known::New);
}

#[test]
fn what_is_abandoned_is_new_and_what_is_done_cannot_be_abandoned() {
    let memory = Memory::new(100, 0);
    memory.claim("a", 0);
    memory.visit(|claims| claims.abandon(&claim_key("a")));
    assert_eq!(memory.claim("a", 0), Known::New);
    memory.complete("a", 60_000, b"");
    memory.visit(|claims| claims.abandon(&claim_key("a")));
    assert_eq!(memory.claim("a", 0), Known::Done(Vec::new()));
}

#[test]
fn what_is_found_unfinished_is_leased_until_it_is_done() {
    let memory = Memory::new(100, 10_000);
    memory.complete("a", 60_000, b"as far as is known");
    memory.visit(|claims| claims.lease(&claim_key("a"), UnixMillis(NOW + 60_000)));
    assert_eq!(memory.claim("a", 10_000), Known::Leased);
    memory.complete("a", 60_000, b"at last");
    assert_eq!(memory.claim("a", 10_000), Known::Done(b"at last".to_vec()));
    assert!(memory.is_whole());
}

#[test]
fn answers_of_any_length_are_kept_and_their_room_is_used_again() {
    let memory = Memory::new(100, 20_000);
    for turn in 0..50_u8 {
        for length in [1, 7, 8, 247, 248, 249, 5_000, 10_000] {
            let answer = vec![turn ^ 0x5a; length];
            memory.complete("a", 60_000, &answer);
            assert_eq!(memory.claim("a", 0), Known::Done(answer));
        }
    }
    assert!(memory.is_whole());
}

#[test]
fn an_answer_without_room_is_dropped_and_the_message_is_done_all_the_same() {
    let memory = Memory::new(100, 1_000);
    memory.complete("a", 60_000, &[1; 900]);
    memory.complete("b", 60_000, &[2; 900]);
    assert_eq!(memory.claim("a", 0), Known::Done(vec![1; 900]));
    assert_eq!(memory.claim("b", 0), Known::Done(Vec::new()));
    assert_eq!(memory.counts().1, 1);
}

#[test]
fn memory_is_bounded_and_what_was_done_first_goes_first() {
    let memory = Memory::new(64, 1_000_000);
    for n in 0..40 {
        memory.claim(&format!("in hand {n}"), 0);
    }
    for n in 0..1_000 {
        memory.complete(&format!("done {n}"), 10_000 + n, b"answer");
    }
    for n in 0..40 {
        assert_eq!(memory.claim(&format!("in hand {n}"), 0), Known::Leased);
    }
    assert_eq!(memory.claim("done 999", 0), Known::Done(b"answer".to_vec()));
    let (kept, dropped) = memory.counts();
    assert_eq!((kept, dropped), (64, 1_000 - 24));
    assert!(memory.is_whole());
}

#[test]
fn payments_make_room_for_pushes() {
    let memory = Memory::new(1_000, 0);
    // A payment in ten, so that they alone would fill it.
    for n in 0..20_000 {
        let push = format!("push {n}");
        memory.claim(&push, n);
        memory.complete(&push, n + PUSH_LIFETIME_MS, b"");
        if n % 10 == 0 {
            memory.complete(&format!("pay {n}"), n + PAY_LIFETIME_MS, b"");
        }
    }
    // Of 64 entries the oldest goes: the latest may lie among young ones, but never these.
    for n in 19_900..20_000 {
        let push = memory.claim(&format!("push {n}"), 20_000);
        assert_eq!(push, Known::Done(Vec::new()), "push {n}");
    }
    assert_eq!(memory.counts().0, 1_000);
    assert!(memory.is_whole());
}

#[test]
fn what_has_expired_makes_room_without_anybody_asking_for_it() {
    let memory = Memory::new(4_000, 1 << 20);
    for n in 0..100_000 {
        let name = n.to_string();
        assert_eq!(memory.claim(&name, n), Known::New);
        memory.complete(&name, n + 1_000, b"answer");
    }
    assert_eq!(memory.counts().1, 0);
    assert!(memory.counts().0 < 1_300);
    assert!(memory.visit(|claims| claims.table.entries().count()) < 1_300);
}

#[test]
fn the_parts_together_are_all_that_is_done() {
    let memory = Memory::new(1_000, 10_000);
    for n in 0..100 {
        memory.complete(&n.to_string(), 60_000, if n == 7 { b"seven" } else { b"" });
    }
    memory.claim("in hand", 0);
    let parts = (0..8).flat_map(|part| memory.visit(|claims| claims.done(part, 8)));
    let mut all: Vec<_> = parts.collect();
    all.sort_unstable();
    all.dedup_by_key(|one| one.0);
    assert_eq!(all.len(), 100);
    assert_eq!(all.iter().filter(|one| one.2 == b"seven").count(), 1);
    assert!(all.iter().all(|one| one.1.0 == NOW + 60_000));
}

#[test]
fn any_memory_is_survived() {
    let memory = Memory::new(50, 2_000);
    for seed in 1..200_u64 {
        for (at, cell) in memory.cells.iter().enumerate() {
            let word = (seed ^ at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            cell.set(word >> (word % 64));
        }
        memory.claim("a", 0);
        memory.complete("b", 1_000, b"b");
        memory.visit(|claims| (claims.abandon(&claim_key("a")), claims.done(0, 1)));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Claim(u8),
    Complete(u8, usize),
    Lease(u8),
    Abandon(u8),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        4 => (0..30_u8).prop_map(Step::Claim),
        4 => (0..30_u8, 0..900_usize).prop_map(|(key, length)| Step::Complete(key, length)),
        1 => (0..30_u8).prop_map(Step::Lease),
        1 => (0..30_u8).prop_map(Step::Abandon),
        1 => (0..3_000_i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(one, 1..60)
}

fn answer(key: u8, length: usize) -> Vec<u8> {
    vec![key.wrapping_add(1); length]
}

/// What the memory should know: until when, and the answer if it is done.
type Model = std::collections::BTreeMap<u8, (i64, Option<Vec<u8>>)>;

fn key_of(number: u8) -> [u8; 16] {
    claim_key(&number.to_string())
}

fn act(step: &Step, now: i64, claims: &Claims<'_>) {
    let until = |life: i64| UnixMillis(NOW + now + life);
    match *step {
        Step::Claim(key) => _ = claims.claim(&key_of(key), until(0)),
        Step::Complete(key, length) => {
            claims.complete(&key_of(key), until(6_000), &answer(key, length));
        }
        Step::Lease(key) => claims.lease(&key_of(key), until(6_000)),
        Step::Abandon(key) => claims.abandon(&key_of(key)),
        Step::Wait(_) => {}
    }
}

fn expect(step: &Step, now: &mut i64, model: &mut Model) {
    match *step {
        Step::Claim(key) => {
            let known = model.get(&key).is_some_and(|one| one.0 > *now);
            if !known {
                model.insert(key, (*now + LEASE_MS, None));
            }
        }
        Step::Complete(key, length) => {
            model.insert(key, (*now + 6_000, Some(answer(key, length))));
        }
        Step::Lease(key) => _ = model.insert(key, (*now + 6_000, None)),
        Step::Abandon(key) => {
            if model.get(&key).is_some_and(|one| one.1.is_none()) {
                model.remove(&key);
            }
        }
        Step::Wait(time) => *now += time,
    }
}

/// What a claim of this key would say, by the model.
fn said(model: &Model, key: u8, now: i64) -> Known {
    match model.get(&key) {
        Some((until, Some(answer))) if *until > now => Known::Done(answer.clone()),
        Some((until, None)) if *until > now => Known::Leased,
        _ => Known::New,
    }
}

proptest! {
    #[test]
    fn it_knows_what_a_simple_map_would(steps in steps()) {
        let (memory, mut model, mut now) = (Memory::new(40, 100_000), Model::new(), 0);
        for step in &steps {
            if let Step::Claim(key) = *step {
                let known = memory.visit(|claims| claims.claim(&key_of(key), UnixMillis(NOW + now)));
                prop_assert_eq!(known, said(&model, key, now));
            } else {
                memory.visit(|claims| act(step, now, claims));
            }
            expect(step, &mut now, &mut model);
        }
        prop_assert!(memory.is_whole());
        prop_assert_eq!(memory.counts().1, 0);
    }

    /// Wherever it strikes, everybody else's messages are as they were, and the one that it was at
    /// is as before, as after, or in its hands.
    #[test]
    fn a_kill_at_any_write_harms_nothing(steps in steps(), last in steps()) {
        std::panic::set_hook(Box::new(|_| ()));
        let (memory, mut model, mut now) = (Memory::new(40, 100_000), Model::new(), 0);
        for step in &steps {
            memory.visit(|claims| act(step, now, claims));
            expect(step, &mut now, &mut model);
        }
        let Some(step) = last.first() else { return Ok(()) };
        let kept: Vec<u64> = memory.cells.iter().map(Cell::get).collect();
        let before = model.clone();
        let mut after = model;
        expect(step, &mut now.clone(), &mut after);
        for writes in 0.. {
            memory.cells.iter().zip(&kept).for_each(|(cell, word)| cell.set(*word));
            let killed = memory.killed(writes, |claims| act(step, now, claims));
            prop_assert!(memory.is_whole());
            for key in 0..30 {
                let known = memory.visit(|claims| claims.claim(&key_of(key), UnixMillis(NOW + now)));
                let may = [said(&before, key, now), said(&after, key, now)];
                let is_its = matches!(step, Step::Complete(at, _) | Step::Lease(at) if *at == key);
                let half = [Known::Leased, Known::New, Known::Done(Vec::new())];
                prop_assert!(may.contains(&known) || is_its && half.contains(&known), "{known:?}");
            }
            if !killed {
                break;
            }
        }
    }

    /// Nor does one who is killed while it mends what another has left.
    #[test]
    fn a_kill_while_mending_is_mended(steps in steps(), first in 1..60_usize, second in 0..200_usize) {
        std::panic::set_hook(Box::new(|_| ()));
        let memory = Memory::new(40, 100_000);
        for step in &steps {
            memory.visit(|claims| act(step, 0, claims));
        }
        memory.complete("kept", 60_000, b"answer");
        memory.killed(first, |claims| claims.complete(&claim_key("x"), UnixMillis(NOW), &[1; 2_000]));
        memory.killed(second, |claims| claims.abandon(&claim_key("y")));
        prop_assert!(memory.is_whole());
        prop_assert_eq!(memory.claim("kept", 0), Known::Done(b"answer".to_vec()));
    }
}
