//! Hashes and MACs, written as the lower-case or upper-case hex that WeChat compares.

use aws_lc_rs::{digest, hmac};
use md5::Digest as _;

const LOWER: &[u8; 16] = b"0123456789abcdef";
/// Up to here copying the parts costs less than a context that takes them one by one.
const SHORT: usize = 768;

/// SHA-1 over the concatenation of `parts`. WeChat's push signature; not collision-safe.
pub fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    finish(&digest::SHA1_FOR_LEGACY_USE_ONLY, parts)
}

/// SHA-256 over the concatenation of `parts`.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    finish(&digest::SHA256, parts)
}

/// MD5 over `data`: Pay v2's signature and the key of its refund notices.
pub fn md5(data: &[u8]) -> [u8; 16] {
    md5::Md5::digest(data).into()
}

/// HMAC-SHA256 over the concatenation of `parts`.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    copied(context.sign().as_ref())
}

/// `bytes` as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    write_hex(&mut out, bytes);
    String::from_utf8(out).unwrap_or_default()
}

/// Appends `bytes` as lower-case hex.
pub fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len() * 2, 0);
    digits(out.get_mut(start..).unwrap_or_default(), bytes);
}

/// A SHA-1 as 40 lower-case hex digits, without touching the heap.
pub fn hex40(bytes: [u8; 20]) -> [u8; 40] {
    let mut out = [0; 40];
    digits(&mut out, &bytes);
    out
}

fn digits(out: &mut [u8], bytes: &[u8]) {
    let digit = |nibble: u8| LOWER.get(usize::from(nibble)).copied().unwrap_or(b'0');
    for (pair, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
}

fn finish<const N: usize>(algorithm: &'static digest::Algorithm, parts: &[&[u8]]) -> [u8; N] {
    if let [whole] = parts {
        return copied(digest::digest(algorithm, whole).as_ref());
    }
    let mut joined = [0; SHORT];
    if let Some(whole) = join(&mut joined, parts) {
        return copied(digest::digest(algorithm, whole).as_ref());
    }
    let mut context = digest::Context::new(algorithm);
    for part in parts {
        context.update(part);
    }
    copied(context.finish().as_ref())
}

/// The parts one after the other, if they fit.
fn join<'a>(room: &'a mut [u8; SHORT], parts: &[&[u8]]) -> Option<&'a [u8]> {
    let mut end = 0_usize;
    for part in parts {
        let to = room.get_mut(end..end.checked_add(part.len())?)?;
        to.copy_from_slice(part);
        end += part.len();
    }
    room.get(..end)
}

fn copied<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{SHORT, sha1, sha256};

    #[test]
    fn parts_are_one_after_the_other_whatever_their_length() {
        let bytes: Vec<u8> = (0..=255).cycle().take(SHORT + 300).collect();
        for length in [0, 1, 63, 64, SHORT - 1, SHORT, SHORT + 1, SHORT + 300] {
            let whole = &bytes[..length];
            for cut in [0, length / 3, length] {
                let (head, tail) = whole.split_at(cut);
                assert_eq!(sha1(&[head, b"", tail]), sha1(&[whole]));
                assert_eq!(sha256(&[head, b"", tail]), sha256(&[whole]));
            }
        }
    }
}
