//! Whole runs against a server that answers as the test says.

#![expect(clippy::unwrap_used, reason = "a test may end where it cannot go on")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use wxload::{Report, Spec, run};

const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const SUCCESS: &str = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nsuccess";
const REFUSED: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";

/// What a server has to say to the call of that number, whose first line and body are these.
type Script = dyn Fn(usize, &str, &[u8]) -> &'static str + Send + Sync;

fn serve(script: Box<Script>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(Mutex::new(0));
    let script: Arc<Script> = script.into();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (calls, script) = (calls.clone(), script.clone());
            thread::spawn(move || answer(&stream, &calls, &*script));
        }
    });
    address
}

fn answer(stream: &TcpStream, calls: &Mutex<usize>, script: &Script) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let number = {
            let mut calls = calls.lock().ok()?;
            *calls += 1;
            *calls
        };
        let text = script(number, &first, &body);
        if text.is_empty() {
            return None;
        }
        (&mut &*stream).write_all(text.as_bytes()).ok()?;
    }
}

fn play(address: SocketAddr, more: &str) -> Report {
    // Nobody is given up for a machine that stands still for a moment.
    play_within(5.0, address, more)
}

fn play_within(patience: f64, address: SocketAddr, more: &str) -> Report {
    let json = format!(
        r#"{{"address": "{address}", "epoch": 1764000000, "patience": {patience}, "retry_after": 0.05,
        "accounts": [{{"name": "shop", "style": "official_xml", "receiver": "wx0123456789abcdef",
            "token": "AAAAA", "aes_key": "{KEY}"}}],
        "mix": [{{"account": "shop", "what": "text", "weight": 3}},
                {{"account": "shop", "what": "subscribe", "weight": 1}}],
        {more}}}"#
    );
    run(&Spec::from_json(json.as_bytes()).unwrap(), &mut |_| true).unwrap()
}

#[test]
fn all_is_acknowledged_and_the_counts_add_up() {
    let report = play(
        serve(Box::new(|_, _, _| SUCCESS)),
        r#""legs": [{"seconds": 0.5, "rate": 400}]"#,
    );
    let counts = &report.counts;
    assert_eq!(
        (report.planned, counts.messages, counts.acknowledged),
        (200, 200, 200)
    );
    let latency = report.latency.unwrap();
    assert_eq!(latency.count, 200);
    assert_eq!(report.legs.len(), 1);
    let recorded = &report.recorded;
    assert!(recorded.is_sorted());
    assert_eq!(recorded.iter().map(|(_, count)| count).sum::<u64>(), 200);
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a test")]
    let slowest = recorded.last().unwrap().0 as f64 / 1000.0;
    assert!((slowest - latency.max).abs() < 0.001, "{slowest}");
}

#[test]
fn a_repeat_has_another_nonce_and_ciphertext_and_wants_the_same_answer() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    let address = serve(Box::new(move |_, first, body| {
        kept.lock().unwrap().push((first.to_owned(), body.to_vec()));
        SUCCESS
    }));
    let report = play(
        address,
        r#""retries": 1.0, "legs": [{"seconds": 0.1, "rate": 100}]"#,
    );
    assert_eq!(
        (report.counts.repeats, report.counts.repeats_alike),
        (10, 10)
    );
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 20);
    let mut bodies: Vec<_> = seen.iter().collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 20);
}

#[test]
fn what_is_refused_is_tried_three_times_in_all() {
    let report = play(
        serve(Box::new(|_, _, _| REFUSED)),
        r#""legs": [{"seconds": 0.1, "rate": 50}]"#,
    );
    let counts = report.counts;
    assert_eq!(
        (
            counts.messages,
            counts.refused,
            counts.tried_again,
            counts.given_up
        ),
        (5, 15, 10, 5)
    );
    assert_eq!(counts.acknowledged, 0);
}

#[test]
fn a_flood_can_keep_to_its_rate_and_each_leg_and_part_is_told() {
    let report = play(
        serve(Box::new(
            |number, _, _| if number <= 10 { SUCCESS } else { REFUSED },
        )),
        r#""tries": 1, "connections": 1, "legs": [{"seconds": 0.1, "rate": 100},
            {"seconds": 0.1, "rate": 200}]"#,
    );
    let counts = &report.counts;
    assert_eq!(
        (counts.messages, counts.acknowledged, counts.refused),
        (30, 10, 20)
    );
    assert_eq!((counts.tried_again, counts.given_up), (0, 20));
    let legs: Vec<_> = report
        .legs
        .iter()
        .map(|leg| {
            (
                leg.messages,
                leg.latency.as_ref().map_or(0, |latency| latency.count),
                leg.refusals.as_ref().map_or(0, |latency| latency.count),
                leg.parts.iter().map(|part| part.messages).sum::<u64>(),
                leg.parts.iter().map(|part| part.acknowledged).sum::<u64>(),
            )
        })
        .collect();
    assert_eq!(legs, [(10, 10, 0, 10, 10), (20, 0, 20, 20, 0)]);
}

#[test]
fn a_lost_connection_and_a_silent_server_are_told_apart() {
    let report = play(
        serve(Box::new(
            |number, _, _| if number == 1 { "" } else { SUCCESS },
        )),
        r#""messages": 4, "connections": 1, "legs": [{"seconds": 0.1, "rate": 100}]"#,
    );
    assert_eq!((report.counts.broken, report.counts.acknowledged), (1, 4));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let report = play_within(
        0.5,
        listener.local_addr().unwrap(),
        r#""messages": 2, "legs": [{"seconds": 0.1, "rate": 100}]"#,
    );
    assert_eq!((report.counts.unanswered, report.counts.given_up), (6, 2));
}

#[test]
fn latency_counts_from_the_schedule_also_while_all_connections_are_busy() {
    // One answer takes 100 ms; the ten messages behind it on the only connection wait for it.
    let report = play(
        serve(Box::new(|number, _, _| {
            if number == 1 {
                thread::sleep(Duration::from_millis(100));
            }
            SUCCESS
        })),
        r#""connections": 1, "legs": [{"seconds": 0.01, "rate": 1000}]"#,
    );
    let latency = report.latency.unwrap();
    assert_eq!(latency.count, 10);
    assert!(latency.p50 > 50.0, "{latency:?}");
    assert!(
        report.slip.share < 0.5,
        "it was not the player that was late: {:?}",
        report.slip
    );
}

#[test]
fn what_is_sent_again_does_not_wait_for_a_schedule_that_is_behind() {
    let report = play(
        serve(Box::new(|_, _, _| {
            thread::sleep(Duration::from_millis(5));
            SUCCESS
        })),
        r#""retries": 1.0, "connections": 1, "legs": [{"seconds": 0.2, "rate": 1000}]"#,
    );
    let (first, again) = (report.latency.unwrap(), report.repeats.unwrap());
    assert_eq!((first.count, again.count), (200, 200));
    assert!(again.p50 * 4.0 < first.p50, "{} {}", again.p50, first.p50);
}

/// A run of payments alone.
fn payments(address: SocketAddr, more: &str) -> Spec {
    let vectors = include_str!("../../../tests/vectors/vectors.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let mut vectors = vectors
        .pointer("/vectors")
        .unwrap()
        .as_array()
        .unwrap()
        .iter();
    let signed = vectors.find(|one| one.get("id").unwrap() == "pay-v3-rsa-sign-go");
    let key = signed.unwrap().pointer("/inputs/private_key_pem").unwrap();
    let spec = format!(
        r#"{{"address": "{address}", "epoch": 1764000000, "connections": 1,
        "accounts": [{{"name": "mch", "style": "pay", "receiver": "1900000001",
            "serial": "PUB_KEY_ID_1", "apiv3_key": "0123456789abcdef0123456789abcdef",
            "private_key": {key}}}],
        "mix": [{{"account": "mch", "what": "payment", "weight": 1}}],
        {more}}}"#
    );
    Spec::from_json(spec.as_bytes()).unwrap()
}

#[test]
fn a_payment_that_leaves_late_is_waited_for_as_long_as_any_other() {
    // Ten due at once on one connection: the last leaves after 2.25 s, of 2 s of patience.
    let address = serve(Box::new(|_, _, _| {
        thread::sleep(Duration::from_millis(250));
        SUCCESS
    }));
    let spec = payments(
        address,
        r#""patience": 2.0, "legs": [{"seconds": 0.01, "rate": 1000}]"#,
    );
    let report = run(&spec, &mut |_| true).unwrap();
    assert_eq!(
        (report.counts.acknowledged, report.counts.unanswered),
        (10, 0)
    );
}

#[test]
fn payments_beyond_those_signed_before_the_start_are_signed_meanwhile() {
    let address = serve(Box::new(|_, _, _| SUCCESS));
    let legs = r#""legs": [{"seconds": 0.1, "rate": 300}]"#;
    // There are as many as messages, and some to spare where that is chance.
    for (ahead, signed) in [(0, 0), (7, 7), (1000, 72)] {
        let spec = payments(address, &format!(r#""ahead": {ahead}, {legs}"#));
        let report = run(&spec, &mut |_| true).unwrap();
        assert_eq!(
            (report.counts.payments, report.counts.acknowledged),
            (30, 30)
        );
        assert_eq!(report.ahead.payments, signed);
    }
}

#[test]
fn a_run_can_be_stopped_while_payments_are_signed_for_it() {
    let address = serve(Box::new(|_, _, _| SUCCESS));
    let spec = payments(
        address,
        r#""ahead": 2000000, "legs": [{"seconds": 1e9, "rate": 1000}]"#,
    );
    let mut told = Vec::new();
    let report = run(&spec, &mut |at| {
        told.push((at.signed > 0, at.to_sign, at.messages));
        // Told once is enough.
        told.len() > 1
    });
    let report = report.unwrap();
    assert!(report.stopped);
    assert_eq!(report.counts.messages, 0);
    assert_eq!(told, [(true, 2_000_000, 0)]);
}

#[test]
fn a_stranger_is_counted_apart() {
    let address = serve(Box::new(|_, _, body| {
        if body.starts_with(b"<xml><ToUserName><![CDATA[gh_e136c6e50636]]></ToUserName><Encrypt>") {
            SUCCESS
        } else {
            FORBIDDEN
        }
    }));
    let report = play(
        address,
        r#""forged": 0.5, "legs": [{"seconds": 0.2, "rate": 1000}]"#,
    );
    let counts = report.counts;
    assert_eq!(counts.messages + counts.forged, 200);
    assert_eq!(counts.acknowledged, counts.messages);
    // This server looks only at the form: two forgeries of three get past it.
    assert_eq!(counts.kept_out + counts.let_in, counts.forged);
    assert!(counts.kept_out > 0 && counts.let_in > counts.kept_out);
}

#[test]
fn a_run_can_be_stopped() {
    let address = serve(Box::new(|_, _, _| SUCCESS));
    let json = format!(
        r#"{{"address": "{address}", "epoch": 1, "accounts": [{{"name": "shop", "style": "official_json",
        "receiver": "wx1", "token": "AAAAA", "aes_key": "{KEY}"}}],
        "mix": [{{"account": "shop", "what": "click", "weight": 1}}], "legs": [{{"seconds": 60, "rate": 10}}]}}"#
    );
    let report = run(
        &Spec::from_json(json.as_bytes()).unwrap(),
        &mut |progress| progress.seconds > 30.0,
    )
    .unwrap();
    assert!(report.stopped);
}

#[test]
fn a_player_that_rests_looks_no_more_often() {
    let report = play(
        serve(Box::new(|_, _, _| SUCCESS)),
        r#""rest": 0.001, "connections": 1, "legs": [{"seconds": 0.001, "rate": 50000}]"#,
    );
    assert_eq!(report.counts.acknowledged, 50);
    // One call at a time, and what is answered is seen at the next look.
    assert!(report.seconds >= 0.049, "{}", report.seconds);
}

#[test]
fn a_rest_in_which_messages_would_slip_is_refused() {
    let json = format!(
        r#"{{"address": "127.0.0.1:1", "epoch": 1, "legs": [{{"seconds": 1, "rate": 1}}], "rest": 0.002,
        "accounts": [{{"name": "shop", "style": "wecom", "receiver": "ww1", "token": "AAAAA", "aes_key": "{KEY}"}}],
        "mix": [{{"account": "shop", "what": "text", "weight": 1}}]}}"#
    );
    let refused = Spec::from_json(json.as_bytes())
        .and_then(|spec| run(&spec, &mut |_| true))
        .unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("rest: seconds from 0 to 0.001"), "{said}");
}

#[test]
fn what_cannot_be_played_is_said_with_its_key() {
    let with = |mix: &str, key: &str| {
        let json = format!(
            r#"{{"address": "127.0.0.1:1", "epoch": 1, "legs": [{{"seconds": 1, "rate": 1}}],
            "accounts": [{{"name": "shop", "style": "wecom", "receiver": "ww1", "token": "AAAAA", "aes_key": "{key}"}}],
            "mix": [{mix}]}}"#
        );
        Spec::from_json(json.as_bytes())
            .and_then(|spec| run(&spec, &mut |_| true))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(with("", KEY), "mix: parts with weights above 0 are needed");
    let part = |account: &str, what: &str| {
        format!(r#"{{"account": "{account}", "what": "{what}", "weight": 1}}"#)
    };
    assert_eq!(
        with(&part("shop", "payment"), KEY),
        "mix: shop does not send Payment"
    );
    assert_eq!(with(&part("shup", "text"), KEY), "mix: shup is no account");
    assert_eq!(
        with(&part("shop", "text"), "short"),
        "accounts: shop: token or aes_key cannot be used"
    );
    assert!(!with(&part("shop", "text"), "short").contains("short"));
}
