//! Primitives, each behind one small module; nothing else names a cryptography crate.

pub mod aes;
pub mod base64;
pub mod constant_time;
pub mod digest;
pub mod gcm;
pub mod keygen;
pub mod pem;
pub mod rsa;
#[cfg(feature = "sm")]
pub mod sm;
pub mod x509;

#[cfg(test)]
pub(crate) mod fixtures;
