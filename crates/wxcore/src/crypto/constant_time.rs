//! Comparison that tells nothing by its duration but the length.

/// Whether `a` and `b` are equal, in time that depends on their lengths alone.
pub fn eq(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}
