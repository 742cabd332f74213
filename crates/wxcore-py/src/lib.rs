//! The native module `wxcore._wxcore`.
