//! A whole message, beside the primitives that it cannot do without.

use std::hint::black_box;

use crate::criterion::{Criterion, Throughput};
use wxcore::account::Format;
use wxcore::crypto::aes::CbcKey;
use wxcore::crypto::{base64, digest};
use wxcore::envelope::Envelope;
use wxcore::gateway::Received;
use wxcore::parse::parse;
use wxcore::verify::ciphertext;

use super::messages::{
    ROUTES, SIZES, Sealed, TEXT, envelope, gateway as compiled, limited, routed,
};

/// `receive`: everything from bytes to an event; `read`: verify, open and parse without a gateway;
/// `primitives alone`: SHA-1, base64 and AES of the same bytes, by the functions that the core calls.
pub fn gateway(criterion: &mut Criterion) {
    let gateway = compiled();
    let envelope = envelope();
    let (key, iv) = key();
    let mut group = criterion.benchmark_group("gateway");
    for (size, message) in SIZES {
        let sealed = Sealed::new(message);
        let Received::Event(delivery) = gateway.receive("shop", None, &sealed.request()) else {
            panic!("it is an event");
        };
        assert_eq!(delivery.id, "shop:m:24539081234567890");
        assert_eq!(delivery.key, "oMgHVjngRipVsoxg6TuX3vz6glDg");
        assert_eq!(delivery.ack.body, b"success");
        assert_eq!(read(&envelope, &sealed), Some(6));
        let frame = primitives(&key, &iv, &sealed).expect("it decrypts");
        assert_eq!(frame.get(20..20 + message.len()), Some(message.as_bytes()));

        group.throughput(Throughput::Bytes(sealed.body.len() as u64));
        group.bench_function(format!("primitives alone, {size}"), |bencher| {
            bencher.iter(|| primitives(&key, &iv, black_box(&sealed)).is_some());
        });
        group.bench_function(format!("read, {size}"), |bencher| {
            bencher.iter(|| read(&envelope, black_box(&sealed)));
        });
        group.bench_function(format!("receive, {size}"), |bencher| {
            bencher.iter(|| gateway.receive("shop", None, black_box(&sealed.request())));
        });
    }
    // What many routes add to the whole.
    let sealed = Sealed::new(TEXT);
    group.throughput(Throughput::Bytes(sealed.body.len() as u64));
    for (by, route) in ROUTES {
        let gateway = routed((1..1000).map(route).collect());
        group.bench_function(format!("receive, 1000 {by}"), |bencher| {
            bencher.iter(|| gateway.receive("shop", None, black_box(&sealed.request())));
        });
    }
    group.finish();
}

/// What limits cost a message that they do not concern, and one that they do. Without any it is
/// `receive` above.
pub fn limits(criterion: &mut Criterion) {
    let sealed = Sealed::new(TEXT);
    let mut group = criterion.benchmark_group("gateway");
    for (name, others, matching) in [
        ("100 limits, none for it", 100, 0),
        ("1 limit, for it", 0, 1),
        ("10 limits, all for it", 0, 10),
        ("100 limits and 1 for it", 100, 1),
    ] {
        let gateway = limited(others, matching);
        let Received::Event(delivery) = gateway.receive("shop", None, &sealed.request()) else {
            panic!("it is an event");
        };
        assert_eq!(delivery.limits.len(), matching);
        group.bench_function(format!("receive, 325 B, {name}"), |bencher| {
            bencher.iter(|| gateway.receive("shop", None, black_box(&sealed.request())));
        });
    }
    group.finish();
}

/// How many fields a message has, once it is verified and opened.
fn read(envelope: &Envelope, sealed: &Sealed) -> Option<usize> {
    let request = sealed.request();
    let query = wxcore::request::Query::parse(request.query).ok()?;
    let ciphertext = ciphertext(request.body, Format::Xml, false).ok()?;
    let timestamp = query.timestamp(86_400, request.now).ok()?;
    envelope
        .check_sealed(
            timestamp,
            query.nonce().ok()?,
            &ciphertext,
            query.msg_signature().ok()?,
        )
        .ok()?;
    let plain = envelope.open(&ciphertext).ok()?;
    let message = parse(plain.content()).ok()?;
    Some(message.fields.members().len())
}

fn primitives(key: &CbcKey, iv: &[u8; 16], sealed: &Sealed) -> Option<Vec<u8>> {
    let signature = digest::hex40(digest::sha1(&sealed.signed()));
    black_box(signature);
    let mut frame = base64::decode_verified(sealed.ciphertext.as_bytes())?;
    key.decrypt(iv, &mut frame)?;
    Some(frame)
}

fn key() -> (CbcKey, [u8; 16]) {
    let bytes = base64::decode_aes_key(super::messages::AES_KEY).expect("43 characters");
    let iv = *bytes.first_chunk().expect("32 bytes have a head");
    (CbcKey::new(&bytes).expect("32 bytes are a key"), iv)
}
