//! Pushes of every kind, from bytes to event and back to a reply.

use crate::support::*;
use wxcore::account::Format;
use wxcore::envelope::Envelope;
use wxcore::gateway::Received;
use wxcore::reject::Reject;
use wxcore::request::Request;
use wxcore::verify::ciphertext;

const EVENT: &str = "<xml><ToUserName>gh_1</ToUserName><FromUserName>oUser</FromUserName>\
    <CreateTime>1714112445</CreateTime><MsgType>event</MsgType><Event>subscribe</Event>\
    <EventKey></EventKey></xml>";

#[test]
fn a_safe_message_becomes_a_cloudevent() {
    let (body, query) = sealed(TEXT);
    let delivery = event(post(&gateway("official", "{}"), &query, &body));
    let event = json(&delivery);
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["id"], "shop:m:24000000000000001");
    assert_eq!(event["source"], "/wxgate/shop");
    assert_eq!(event["type"], "wechat.official.text");
    assert_eq!(event["subject"], "oUser");
    assert_eq!(event["partitionkey"], "oUser");
    assert_eq!(event["time"], "2024-04-26T06:20:45.000Z");
    assert_eq!(event["data"]["Content"], "你好 👍🏽");
    assert_eq!(event["data"]["MsgId"], "24000000000000001");
    assert_eq!(event["traceparent"].as_str().unwrap().len(), 55);
    assert_eq!(delivery.ack.body, b"success");
    assert_eq!(delivery.destinations[0].route, 0);
}

#[test]
fn compatible_mode_reads_the_ciphertext_and_nothing_else() {
    let (body, query) = sealed(TEXT);
    let both = body.replace(
        "</xml>",
        "<FromUserName>mallory</FromUserName><Content>forged</Content><L><I/><I/></L></xml>",
    );
    let delivery = event(post(
        &gateway("official", r#"{"mode":"compatible"}"#),
        &query,
        &both,
    ));
    assert_eq!(json(&delivery)["data"]["Content"], "你好 👍🏽");
    assert_eq!(delivery.key, "oUser");
}

#[test]
fn plain_mode_takes_plain_messages_only() {
    let plain = gateway("official", r#"{"mode":"plain","aes_keys":[]}"#);
    assert_eq!(
        event(post(&plain, &plain_query(), TEXT)).id,
        "shop:m:24000000000000001"
    );
    let (body, query) = sealed(TEXT);
    assert_eq!(refused(post(&plain, &query, &body)), Reject::SealedBody);
}

#[test]
fn json_accounts_keep_the_senders_json() {
    let message = r#"{"ToUserName":"gh_1","FromUserName":"oUser","CreateTime":"1714112445","MsgType":"event","Event":"user_enter_tempsession","SessionFrom":"a","Big":12345678901234567890123}"#;
    let sender = sender();
    let sealed = sender.seal(message.as_bytes(), 0, 0, [7; 16]).unwrap();
    let body = format!(r#"{{"ToUserName":"gh_1","Encrypt":"{sealed}"}}"#);
    let query = query(&sender.sign_sealed(TIMESTAMP, NONCE, &sealed));
    let delivery = event(post(
        &gateway("miniprogram", r#"{"format":"json"}"#),
        &query,
        &body,
    ));
    assert_eq!(
        delivery.type_name,
        "wechat.miniprogram.event.user_enter_tempsession"
    );
    let text = String::from_utf8(delivery.event.clone()).unwrap();
    assert!(text.ends_with(&format!("\"data\":{message}}}")), "{text}");
}

#[test]
fn both_keys_open_and_the_reply_uses_the_one_that_did() {
    let gateway = gateway("official", "{}");
    for key in [0, 1] {
        let (body, query) = sealed_with(&sender(), key, TEXT);
        let delivery = event(post(&gateway, &query, &body));
        let to = delivery.reply.unwrap();
        assert_eq!(to.keys, Some((key, 0)));
        let spec = r#"{"type":"text","content":"好的 ]]> <b>"}"#;
        let answer = gateway
            .reply(&to, spec.as_bytes(), NOW, [1; 16])
            .unwrap()
            .unwrap();
        let only = Envelope::new(
            &[TOKEN.to_owned()],
            &[[KEY, OLD_KEY][key].to_owned()],
            &[APPID.to_owned()],
        )
        .unwrap();
        let sealed = ciphertext(&answer.body, Format::Xml, true).unwrap();
        let plain = only.open(&sealed).unwrap();
        let fields = wxcore::parse::parse(plain.content())
            .unwrap()
            .fields
            .clone();
        assert_eq!(fields.text("ToUserName").as_deref(), Some("oUser"));
        assert_eq!(fields.text("FromUserName").as_deref(), Some("gh_1"));
        assert_eq!(fields.text("Content").as_deref(), Some("好的 ]]> <b>"));
    }
}

#[test]
fn every_reply_type_is_written_as_wechat_reads_it() {
    let gateway = gateway("official", r#"{"mode":"plain"}"#);
    let to = event(post(&gateway, &plain_query(), TEXT)).reply.unwrap();
    let written = |spec: &str| {
        let answer = gateway
            .reply(&to, spec.as_bytes(), NOW, [1; 16])
            .unwrap()
            .unwrap();
        let body = String::from_utf8(answer.body).unwrap();
        let head = "<xml><ToUserName><![CDATA[oUser]]></ToUserName><FromUserName><![CDATA[gh_1]]>\
            </FromUserName><CreateTime>1714112445</CreateTime><MsgType>";
        body.strip_prefix(head)
            .unwrap_or_else(|| panic!("{body}"))
            .to_owned()
    };
    assert_eq!(
        written(r#"{"type":"image","media_id":"m"}"#),
        "<![CDATA[image]]></MsgType><Image><MediaId><![CDATA[m]]></MediaId></Image></xml>"
    );
    assert_eq!(
        written(r#"{"type":"news","articles":[{"title":"a","url":"u"},{"title":"b"}]}"#),
        "<![CDATA[news]]></MsgType><ArticleCount>2</ArticleCount><Articles><item><Title>\
         <![CDATA[a]]></Title><Url><![CDATA[u]]></Url></item><item><Title><![CDATA[b]]></Title>\
         </item></Articles></xml>"
    );
    assert_eq!(
        written(r#"{"type":"transfer_customer_service"}"#),
        "<![CDATA[transfer_customer_service]]></MsgType></xml>"
    );
    assert!(written(r#"{"type":"music","thumb_media_id":"t"}"#).contains("<ThumbMediaId>"));
    assert!(written(r#"{"type":"video","media_id":"t","title":"x"}"#).contains("<Video><MediaId>"));
    assert!(written(r#"{"type":"voice","media_id":"t"}"#).contains("<Voice><MediaId>"));
}

#[test]
fn answers_that_are_no_reply_say_why() {
    let gateway = gateway("official", "{}");
    let (body, query) = sealed(TEXT);
    let to = event(post(&gateway, &query, &body)).reply.unwrap();
    let code = |spec: &str| {
        gateway
            .reply(&to, spec.as_bytes(), NOW, [1; 16])
            .map_err(wxcore::reply::ReplyError::code)
    };
    assert_eq!(code(""), Ok(None));
    assert_eq!(code(" success\n"), Ok(None));
    assert_eq!(code("hello"), Err("reply.unreadable"));
    assert_eq!(code("<xml><a></xml>"), Err("reply.unreadable"));
    assert_eq!(code(r#"{"type":"dance"}"#), Err("reply.unknown_type"));
    assert_eq!(code(r#"{"type":"text"}"#), Err("reply.missing_field"));
    assert_eq!(
        code(r#"{"type":"news","articles":[]}"#),
        Err("reply.missing_field")
    );
    assert_eq!(code(r#"{"ok":true}"#), Err("reply.wrong_format"));
    assert!(
        code("<xml><MsgType>text</MsgType></xml>")
            .unwrap()
            .is_some()
    );
}

#[test]
fn url_verification_echoes_as_text() {
    let gateway = gateway("official", "{}");
    let query = format!("{}&echostr=%3Cb%3E1%3C%2Fb%3E", plain_query());
    let Received::Answer(answer) = call(&gateway, "GET", &query, b"") else {
        panic!("no answer")
    };
    assert_eq!(answer.body, b"<b>1</b>");
    assert!(answer.content_type.starts_with("text/plain"));
    let forged = query.replace("signature=", "signature=0");
    assert_eq!(
        refused(call(&gateway, "GET", &forged, b"")),
        Reject::BadSignature
    );
    assert_eq!(
        refused(call(&gateway, "GET", &plain_query(), b"")),
        Reject::MissingParameter
    );
}

#[test]
fn wecom_verifies_urls_by_an_encrypted_echo() {
    let gateway = gateway("wecom", "{}");
    let sender = sender();
    let echo = sender.seal(b"1616140317555161061", 0, 0, [3; 16]).unwrap();
    let signature = sender.sign_sealed(TIMESTAMP, NONCE, &echo);
    let escaped = echo
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let query =
        format!("msg_signature={signature}&timestamp={TIMESTAMP}&nonce={NONCE}&echostr={escaped}");
    let Received::Answer(answer) = call(&gateway, "GET", &query, b"") else {
        panic!("no answer")
    };
    assert_eq!(answer.body, b"1616140317555161061");
    let blank = query.replace("%2B", "%20").replace("%2F", "%20");
    assert_eq!(
        refused(call(&gateway, "GET", &blank, b"")),
        Reject::BadSignature
    );
    assert_eq!(
        refused(call(&gateway, "GET", &plain_query(), b"")),
        Reject::MissingParameter
    );
}

#[test]
fn wecom_takes_several_receive_ids() {
    let gateway = gateway(
        "wecom_suite",
        r#"{"receive_ids":["suite1","wxba5fad812f8e6fb9"]}"#,
    );
    let ticket = "<xml><SuiteId>suite1</SuiteId><InfoType>suite_ticket</InfoType>\
        <TimeStamp>1714112445</TimeStamp><SuiteTicket>t</SuiteTicket></xml>";
    let (body, query) = sealed(ticket);
    let delivery = event(post(&gateway, &query, &body));
    assert_eq!(delivery.type_name, "wechat.wecom_suite.suite_ticket");
    assert!(
        delivery.id.starts_with("shop:e:suite1:1714112445:"),
        "{}",
        delivery.id
    );
    assert_eq!(delivery.ack.body, b"success");
    assert_eq!(delivery.reply.unwrap().keys, Some((0, 1)));
}

#[test]
fn a_wecom_robot_speaks_lower_case_json() {
    let gateway = gateway("wecom", r#"{"format":"json","receive_ids":[""]}"#);
    let robot = Envelope::new(&[TOKEN.to_owned()], &[KEY.to_owned()], &[String::new()]).unwrap();
    let message = r#"{"msgid":"CAIQ","aibotid":"b","chattype":"single","from":{"userid":"zhang"},"msgtype":"text","text":{"content":"hi"}}"#;
    let sealed = robot.seal(message.as_bytes(), 0, 0, [9; 16]).unwrap();
    let query = query(&robot.sign_sealed(TIMESTAMP, NONCE, &sealed));
    let body = format!(r#"{{"encrypt":"{sealed}"}}"#);
    let delivery = event(post(&gateway, &query, &body));
    assert_eq!(
        (delivery.id.as_str(), delivery.key.as_str()),
        ("shop:m:CAIQ", "zhang")
    );
    assert_eq!(delivery.type_name, "wechat.wecom.text");
    assert_eq!(delivery.ack.body, b"");
    let to = delivery.reply.unwrap();
    let ready = br#"{"msgtype":"stream","stream":{"id":"1","finish":false,"content":"..."}}"#;
    let answer = gateway.reply(&to, ready, NOW, [1; 16]).unwrap().unwrap();
    let reply: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let opened = robot.open(reply["encrypt"].as_str().unwrap()).unwrap();
    assert_eq!(opened.content(), ready);
    assert!(reply["msgsignature"].is_string() && reply["nonce"] == NONCE);
}

#[test]
fn stream_refreshes_of_a_robot_are_meant_repeats() {
    let gateway = gateway("wecom", r#"{"format":"json","receive_ids":[""]}"#);
    let robot = Envelope::new(&[TOKEN.to_owned()], &[KEY.to_owned()], &[String::new()]).unwrap();
    let message =
        r#"{"msgid":"CAIQ","from":{"userid":"zhang"},"msgtype":"stream","stream":{"id":"1"}}"#;
    let id = |nonce: &str| {
        let sealed = robot.seal(message.as_bytes(), 0, 0, [9; 16]).unwrap();
        let signature = robot.sign_sealed(TIMESTAMP, nonce, &sealed);
        let query = format!("msg_signature={signature}&timestamp={TIMESTAMP}&nonce={nonce}");
        event(post(
            &gateway,
            &query,
            &format!(r#"{{"encrypt":"{sealed}"}}"#),
        ))
        .id
    };
    assert_ne!(id("n1"), id("n2"));
    assert_eq!(id("n1"), id("n1"));
}

#[test]
fn a_platform_has_two_kinds_of_url() {
    let gateway = gateway("component", r#"{"authorizers":["wx570bc396a51b8ff8"]}"#);
    let ticket = format!(
        "<xml><AppId>{APPID}</AppId><CreateTime>1714112445</CreateTime>\
         <InfoType>component_verify_ticket</InfoType>\
         <ComponentVerifyTicket>ticket@@@x</ComponentVerifyTicket></xml>"
    );
    let (body, query) = sealed(&ticket);
    let delivery = event(post(&gateway, &query, &body));
    assert_eq!(
        delivery.type_name,
        "wechat.component.component_verify_ticket"
    );
    let (body, query) = sealed(TEXT);
    let to = |appid| {
        let request = Request {
            method: "POST",
            query: &query,
            headers: &[],
            body: body.as_bytes(),
            now: NOW,
            peer: None,
        };
        gateway.receive("shop", appid, &request)
    };
    let delivery = event(to(Some("wx570bc396a51b8ff8")));
    assert_eq!(delivery.id, "shop:wx570bc396a51b8ff8:m:24000000000000001");
    assert_eq!(json(&delivery)["authorizer"], "wx570bc396a51b8ff8");
    assert_eq!(
        refused(to(Some("wx0000000000000000"))),
        Reject::UnknownAccount
    );
    assert_eq!(refused(to(Some("../etc"))), Reject::UnknownAccount);
}

#[test]
fn the_release_test_gets_its_prescribed_answer() {
    let gateway = gateway("component", "{}");
    let (body, query) = sealed(&TEXT.replace("你好 👍🏽", "TESTCOMPONENT_MSG_TYPE_TEXT"));
    let request = Request {
        method: "POST",
        query: &query,
        headers: &[],
        body: body.as_bytes(),
        now: NOW,
        peer: None,
    };
    let delivery = event(gateway.receive("shop", Some("wx570bc396a51b8ff8"), &request));
    let spec = delivery.prescribed.unwrap();
    let answer = gateway
        .reply(&delivery.reply.unwrap(), spec, NOW, [1; 16])
        .unwrap()
        .unwrap();
    let sealed = ciphertext(&answer.body, Format::Xml, true).unwrap();
    let plain = sender().open(&sealed).unwrap();
    let text = std::str::from_utf8(plain.content()).unwrap();
    assert!(
        text.contains("<![CDATA[TESTCOMPONENT_MSG_TYPE_TEXT_callback]]>"),
        "{text}"
    );
    assert!(event(post(&gateway, &query, &body)).prescribed.is_none());
}

#[test]
fn events_that_share_a_second_are_told_apart_and_tries_are_not() {
    let gateway = gateway("official", "{}");
    let id = |message: &str| {
        let (body, query) = sealed(message);
        event(post(&gateway, &query, &body)).id
    };
    let scan = EVENT.replace("subscribe", "SCAN");
    assert_ne!(id(EVENT), id(&scan));
    assert_eq!(id(EVENT), id(EVENT));
    let pay = |tries: u8| {
        EVENT
            .replace("subscribe", "xpay_goods_deliver_notify")
            .replace(
                "<EventKey></EventKey>",
                &format!("<OpenId>buyer</OpenId><RetryTimes>{tries}</RetryTimes>"),
            )
    };
    assert_eq!(id(&pay(0)), id(&pay(7)));
    let (body, query) = sealed(&pay(0));
    assert_eq!(event(post(&gateway, &query, &body)).key, "buyer");
}

#[test]
fn virtual_payment_is_acknowledged_in_the_format_of_the_push() {
    let message = EVENT.replace("subscribe", "xpay_coin_pay_notify");
    let (body, query) = sealed(&message);
    let ack = event(post(&gateway("miniprogram", "{}"), &query, &body)).ack;
    let printed = "<xml><Errcode>0</Errcode><ErrMsg><![CDATA[success]]></ErrMsg></xml>";
    assert_eq!(ack.body, printed.as_bytes());
    let plain = gateway("miniprogram", r#"{"format":"json","mode":"plain"}"#);
    let json =
        r#"{"FromUserName":"s","CreateTime":1,"MsgType":"event","Event":"xpay_coin_pay_notify"}"#;
    let ack = event(post(&plain, &plain_query(), json)).ack;
    assert_eq!(ack.body, br#"{"ErrCode":0,"ErrMsg":"success"}"#);
}

#[test]
fn the_cloud_run_probe_is_answered_and_delivered_nowhere() {
    let gateway = gateway("official", "{}");
    for probe in [
        r#"{"action":"CheckContainerPath"}"#,
        "<xml><action>CheckContainerPath</action></xml>",
    ] {
        let Received::Answer(answer) = post(&gateway, "", probe) else {
            panic!("no answer")
        };
        assert_eq!(answer.body, b"success");
    }
    let more = r#"{"action":"CheckContainerPath","MsgType":"text"}"#;
    assert_eq!(refused(post(&gateway, "", more)), Reject::MissingParameter);
}

#[test]
fn events_nobody_has_heard_of_pass_through() {
    let message = EVENT.replace("subscribe", "brand_new_thing").replace(
        "<EventKey></EventKey>",
        "<New a=\"1\"><Deep><X>1</X></Deep><Item>1</Item><Item>2</Item></New><Twice>1</Twice><Twice>2</Twice>",
    );
    let (body, query) = sealed(&message);
    let delivery = event(post(&gateway("official", "{}"), &query, &body));
    assert_eq!(delivery.type_name, "wechat.official.event.brand_new_thing");
    let data = &json(&delivery)["data"];
    assert_eq!(data["New"]["Deep"]["X"], "1");
    assert_eq!(data["New"]["Item"], serde_json::json!(["1", "2"]));
    assert_eq!(data["Twice"], serde_json::json!(["1", "2"]));
    let (body, query) = sealed("<xml><Odd>1</Odd></xml>");
    assert_eq!(
        event(post(&gateway("official", "{}"), &query, &body)).type_name,
        "wechat.official.unknown"
    );
}
