//! Where a request ends, by its head.
//!
//! In: raw bytes. Out: the end of the head and how long the body is; or that two readers could
//! disagree about it (request smuggling), which is refused before hyper sees it: hyper itself takes
//! `Transfer-Encoding` and silently drops `Content-Length` when both are there.

/// How the body of a request is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks; where they end is hyper's to say.
    Chunked,
    /// Refused.
    Ambiguous,
}

/// End of the head in `bytes`, when it is there. `searched` bytes are known to have none.
pub(super) fn head_end(bytes: &[u8], searched: usize) -> Option<usize> {
    let is_break = |b: &&u8| matches!(b, b'\r' | b'\n');
    let start = bytes.iter().take_while(is_break).count();
    let mut at = start.max(searched.saturating_sub(3));
    loop {
        let found = bytes.get(at..)?.iter().position(|b| *b == b'\n')?;
        at += found + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

/// Framing that a complete head tells.
pub(super) fn framing(head: &[u8]) -> Framing {
    let lines = head.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let headers = lines.skip_while(|line| line.is_empty()).skip(1).take_while(|l| !l.is_empty());
    let mut length = None;
    let mut is_chunked = false;
    for header in headers {
        if header.first().is_some_and(u8::is_ascii_whitespace) {
            return Framing::Ambiguous;
        }
        let colon = header.iter().position(|b| *b == b':').unwrap_or(header.len());
        let (name, value) = header.split_at(colon);
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            is_chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
            match decimal(value) {
                Some(value) if length.is_none() => length = Some(value),
                _ => return Framing::Ambiguous,
            }
        }
    }
    match (length, is_chunked) {
        (Some(_), true) => Framing::Ambiguous,
        (None, true) => Framing::Chunked,
        (length, false) => Framing::Length(length.unwrap_or_default()),
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_found_wherever_the_search_begins() {
        let cases: [(&[u8], Option<usize>); 7] = [
            (b"GET / HTTP/1.1\r\n\r\nrest", Some(18)),
            (b"\r\n\nGET /\n\nrest", Some(10)),
            (b"GET /\r\nA: b\r\n\r\n", Some(15)),
            (b"GET /\r\nA: b\r\n\r", None),
            (b"\r\n\r\n", None),
            (b"", None),
            (b"a\n\r\n", Some(4)),
        ];
        for (bytes, end) in cases {
            for searched in 0..=end.map_or(bytes.len(), |end| end - 1) {
                assert_eq!(head_end(bytes, searched), end, "{searched} {bytes:?}");
            }
        }
    }

    #[test]
    fn a_body_that_two_readers_could_cut_differently_is_refused() {
        let cases = [
            ("", Framing::Length(0)),
            ("Content-Length: 5\r\n", Framing::Length(5)),
            ("content-length:5\n", Framing::Length(5)),
            ("Transfer-Encoding: chunked\r\n", Framing::Chunked),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Framing::Ambiguous),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Framing::Ambiguous),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Framing::Ambiguous),
            ("Content-Length: 5, 5\r\n", Framing::Ambiguous),
            ("Content-Length: +5\r\n", Framing::Ambiguous),
            ("Content-Length: -1\r\n", Framing::Ambiguous),
            ("Content-Length:\r\n", Framing::Ambiguous),
            ("Content-Length: 99999999999999999999\r\n", Framing::Ambiguous),
            ("A: b\r\n Content-Length: 5\r\n", Framing::Ambiguous),
            ("X-Content-Length: 5\r\n", Framing::Length(0)),
        ];
        for (headers, expected) in cases {
            let head = format!("POST / HTTP/1.1\r\n{headers}\r\n");
            assert_eq!(framing(head.as_bytes()), expected, "{headers:?}");
            assert_eq!(framing(format!("\r\n{head}").as_bytes()), expected);
        }
    }
}
