//! HTTP/1.1 as far as a sender needs it: a status, a length, a body.

/// An answer that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
    /// Whether the connection may carry another exchange.
    pub(crate) stays: bool,
}

/// What has arrived so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read<'a> {
    Complete(Answer<'a>),
    Incomplete,
    /// Not HTTP, or no length is given.
    Broken,
}

/// Reads what has arrived of an answer.
pub(crate) fn read(received: &[u8]) -> Read<'_> {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Read::Incomplete;
    };
    let (head, rest) = received.split_at(end + 4);
    let mut lines = head.split(|byte| *byte == b'\n');
    let Some(status) = lines.next().and_then(status) else {
        return Read::Broken;
    };
    let mut length = (status == 204).then_some(0);
    let mut stays = true;
    for line in lines {
        if let Some(value) = field(line, b"content-length") {
            length = value.parse().ok();
        } else if let Some(value) = field(line, b"connection") {
            stays = !value.eq_ignore_ascii_case("close");
        }
    }
    match length.map(|length: usize| rest.get(..length)) {
        Some(Some(body)) => Read::Complete(Answer {
            status,
            body,
            stays,
        }),
        Some(None) => Read::Incomplete,
        None => Read::Broken,
    }
}

fn status(line: &[u8]) -> Option<u16> {
    let digits = line.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let (before, after) = line.split_at_checked(name.len())?;
    let value = before
        .eq_ignore_ascii_case(name)
        .then_some(after)?
        .strip_prefix(b":")?;
    Some(std::str::from_utf8(value).ok()?.trim())
}

#[cfg(test)]
mod tests {
    use super::{Answer, Read, read};

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsuccess";
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), Read::Incomplete);
        }
        let body = b"success".as_slice();
        assert_eq!(
            read(whole),
            Read::Complete(Answer {
                status: 200,
                body,
                stays: true
            })
        );
    }

    #[test]
    fn what_has_no_body_and_ends_the_connection() {
        let text = b"HTTP/1.1 204 No Content\r\nconnection: Close\r\n\r\n";
        assert_eq!(
            read(text),
            Read::Complete(Answer {
                status: 204,
                body: b"",
                stays: false
            })
        );
    }

    #[test]
    fn what_is_no_http_or_has_no_length_is_broken() {
        assert_eq!(read(b"SSH-2.0-x\r\n\r\n"), Read::Broken);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\n"), Read::Broken);
    }
}
