//! The inputs: one message, as XML, as JSON and as the envelope around it.

/// A text message as the platform pushes it, about 300 bytes.
pub const XML: &str = "<xml><ToUserName><![CDATA[gh_e136c6e50636]]></ToUserName>\n\
    <FromUserName><![CDATA[oMgHVjngRipVsoxg6TuX3vz6glDg]]></FromUserName>\n\
    <CreateTime>1408091189</CreateTime>\n<MsgType><![CDATA[text]]></MsgType>\n\
    <Content><![CDATA[你好，我想问一下订单什么时候发货]]></Content>\n\
    <MsgId>6047906876614614016</MsgId>\n</xml>";

/// The same message as a mini-program configured for JSON gets it.
pub const JSON: &str = r#"{"ToUserName":"gh_e136c6e50636","FromUserName":"oMgHVjngRipVsoxg6TuX3vz6glDg","CreateTime":1408091189,"MsgType":"text","Content":"你好，我想问一下订单什么时候发货","MsgId":6047906876614614016}"#;

/// What WeChat encrypts: 16 random bytes, the length, the message, the receive id; 32-byte padding.
pub fn plaintext() -> Vec<u8> {
    let mut out = b"0123456789abcdef".to_vec();
    let length = u32::try_from(XML.len()).expect("a message is short");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(XML.as_bytes());
    out.extend_from_slice(b"wxb11529c136998cb6");
    out
}

/// The key that WeChat's console would show as a 43-character `EncodingAESKey`.
pub const KEY: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

/// Its first half, as WeChat has it.
pub const IV: [u8; 16] = *b"0123456789abcdef";
