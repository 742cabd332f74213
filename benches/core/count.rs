//! The same benches once more, to be run under callgrind: `benches/instructions.py` does so.
//!
//! Instead of timing a bench, `criterion.rs` repeats it inside of one function, by which callgrind
//! knows what to count and when to write a sum. The names go to standard output, in the same order.
//! Without callgrind it counts nothing.

mod criterion;
mod stages;

fn main() {
    println!("features\t{}", features().join(" "));
    stages::all(&mut criterion::Criterion);
}

/// What libraries ask the processor for at run time; under valgrind, what that lets through.
fn features() -> Vec<&'static str> {
    let mut found = vec![std::env::consts::ARCH];
    #[cfg(target_arch = "x86_64")]
    for (name, has) in [
        ("ssse3", is_x86_feature_detected!("ssse3")),
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
        ("aes", is_x86_feature_detected!("aes")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("adx", is_x86_feature_detected!("adx")),
        ("sha", is_x86_feature_detected!("sha")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ] {
        if has {
            found.push(name);
        }
    }
    found
}
