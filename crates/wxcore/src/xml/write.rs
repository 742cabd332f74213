//! Writing text so that it can never become markup.

use memchr::memmem;

/// Appends `text` as CDATA; a `]]>` inside is split over two sections.
pub fn cdata(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"<![CDATA[");
    if memmem::find(text.as_bytes(), b"]]>").is_none() {
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"]]>");
        return;
    }
    let mut parts = text.split("]]>");
    out.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        out.extend_from_slice(b"]]]]><![CDATA[>");
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(b"]]>");
}

/// Appends `text` with `&`, `<` and `>` escaped.
pub fn escaped(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            _ => out.push(byte),
        }
    }
}
