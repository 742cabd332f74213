//! As much of criterion as the benches use, for counting instead of timing. Rivals are passed over.

use std::hint::black_box;

/// How often each bench is run before it is counted: caches and tables fill, `OnceLock`s are set.
const BEFORE: usize = 50;
/// How often while it is counted; the sum is divided by it.
pub const TIMES: usize = 250;

pub struct Criterion;

impl Criterion {
    pub fn benchmark_group(&mut self, name: &'static str) -> Group {
        Group { name }
    }
}

pub struct Group {
    name: &'static str,
}

impl Group {
    pub fn throughput(&mut self, _: Throughput) {}

    pub fn bench_function(&mut self, id: impl Into<String>, mut bench: impl FnMut(&mut Bencher)) {
        let id = id.into();
        if !id.starts_with("rival/") {
            bench(&mut Bencher);
            println!("{}/{id}\t{TIMES}", self.name);
        }
    }

    pub fn finish(self) {}
}

/// What is processed each time: of no use to a count.
pub enum Throughput {
    Bytes(#[expect(dead_code, reason = "only criterion divides by it")] u64),
    Elements(#[expect(dead_code, reason = "only criterion divides by it")] u64),
}

pub enum BatchSize {
    SmallInput,
}

pub struct Bencher;

impl Bencher {
    pub fn iter<T>(&mut self, mut routine: impl FnMut() -> T) {
        for _ in 0..BEFORE {
            black_box(routine());
        }
        wxcore_counted(&mut || {
            for _ in 0..TIMES {
                black_box(routine());
            }
        });
    }

    pub fn iter_batched<I, T>(
        &mut self,
        setup: impl FnMut() -> I,
        mut routine: impl FnMut(I) -> T,
        _: BatchSize,
    ) {
        let mut inputs = std::iter::repeat_with(setup);
        for input in inputs.by_ref().take(BEFORE) {
            black_box(routine(input));
        }
        let mut inputs: Vec<I> = inputs.take(TIMES).collect();
        let mut outputs = Vec::with_capacity(TIMES);
        wxcore_counted(&mut || {
            while let Some(input) = inputs.pop() {
                outputs.push(black_box(routine(input)));
            }
        });
    }

    pub fn iter_batched_ref<I, T>(
        &mut self,
        setup: impl FnMut() -> I,
        mut routine: impl FnMut(&mut I) -> T,
        size: BatchSize,
    ) {
        // The input goes out with the output, so that neither is dropped while it is counted.
        self.iter_batched(
            setup,
            |mut input| {
                let output = routine(&mut input);
                (input, output)
            },
            size,
        );
    }
}

/// Callgrind collects while this runs, and writes the sum when it ends: it is told so by the name.
#[inline(never)]
#[unsafe(no_mangle)]
fn wxcore_counted(work: &mut dyn FnMut()) {
    work();
    black_box(()); // no tail call: this function has to be left after the work
}
