//! Laws of a push's whole way: whatever a message holds, it becomes an event of sound JSON or a refusal.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wxcore::envelope::Envelope;
use wxcore::gateway::{Gateway, Received};
use wxcore::request::Request;
use wxcore::time::UnixMillis;

const CONFIG: &str = r#"{"accounts":[{"kind":"official","name":"shop","receive_ids":["wx1"],
    "tokens":["token"],"mode":"plain","format":"xml","max_age":86400}],"routes":[{}]}"#;

static GATEWAY: LazyLock<Gateway> = LazyLock::new(|| {
    let config = serde_json::from_str(CONFIG).expect("a sound configuration");
    Gateway::new(&config).unwrap_or_else(|problems| panic!("{problems:?}"))
});

static QUERY: LazyLock<String> = LazyLock::new(|| {
    let text = |text: &str| [text.to_owned()];
    let sender = Envelope::new(&text("token"), &[], &text("wx1")).expect("a sender");
    let signature = sender.sign_plain("1700000000", "nonce");
    format!("timestamp=1700000000&nonce=nonce&signature={signature}")
});

fuzz_target!(|body: &[u8]| {
    let now = UnixMillis::from_seconds(1_700_000_000);
    let request = Request {
        method: "POST",
        query: &QUERY,
        headers: &[],
        body,
        now,
        peer: None,
    };
    let Received::Event(delivery) = GATEWAY.receive("shop", None, &request) else {
        return;
    };
    let event: serde_json::Value =
        serde_json::from_slice(&delivery.event).expect("an event is JSON");
    assert_eq!(event["id"], delivery.id.as_str());
    assert!(event["data"].is_object());
    if let Some(to) = &delivery.reply {
        // What a service answers is not trusted either.
        let _ = GATEWAY.reply(to, body, now, [0; 16]);
    }
});
