//! The HTTP/1.1 client of the load: keep-alive, pipelining, one answer after another.
//!
//! In: an address and requests that are already bytes. Out: status and body. A load generator runs
//! on the cores that it measures, so it does nothing more than this: no redirects, no chunked
//! bodies, no pool. The command line's own client is another one (`host/cli`).

use crate::error::BenchError;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Largest head of an answer, bytes. Nodes send a few hundred.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Longest wait for an answer: a transaction waits up to 30 s to become final.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// The sending end of a connection.
#[derive(Debug)]
pub struct Sender {
    address: String,
    stream: OwnedWriteHalf,
}

/// The receiving end of a connection.
#[derive(Debug)]
pub struct Receiver {
    address: String,
    stream: OwnedReadHalf,
    buffer: Vec<u8>,
    at: usize,
}

/// One keep-alive connection.
#[derive(Debug)]
pub struct Connection {
    /// Writes requests.
    pub sender: Sender,
    /// Reads answers, in the order of the requests.
    pub receiver: Receiver,
}

/// A request without body.
#[must_use]
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// A request with a body. `more` are header lines, each with its line end.
#[must_use]
pub fn post(path: &str, content_type: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n{more}\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

impl Connection {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(address: &str) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(BenchError::connection("connect to", address))?;
        stream.set_nodelay(true).map_err(BenchError::connection("set up", address))?;
        let (read, write) = stream.into_split();
        Ok(Self {
            sender: Sender { address: address.to_owned(), stream: write },
            receiver: Receiver {
                address: address.to_owned(),
                stream: read,
                buffer: Vec::new(),
                at: 0,
            },
        })
    }

    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    /// As [`Sender::send`] and [`Receiver::receive`].
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer, BenchError> {
        self.sender.send(request).await?;
        self.receiver.receive().await
    }
}

impl Sender {
    /// Writes requests; any number at once.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, requests: &[u8]) -> Result<(), BenchError> {
        let sent = self.stream.write_all(requests).await;
        sent.map_err(BenchError::connection("send to", &self.address))
    }
}

impl Receiver {
    /// The next answer.
    ///
    /// # Errors
    /// When the connection is gone, nothing comes in time, or it is not of the form nodes send.
    pub async fn receive(&mut self) -> Result<Answer, BenchError> {
        loop {
            if let Some(answer) = self.buffered()? {
                return Ok(answer);
            }
            if self.at > 0 {
                self.buffer.drain(..self.at);
                self.at = 0;
            }
            let read = self.stream.read_buf(&mut self.buffer);
            let read = tokio::time::timeout(ANSWER_TIMEOUT, read).await;
            let late = || self.unexpected("nothing in time");
            let count = read
                .map_err(|_| late())?
                .map_err(BenchError::connection("receive from", &self.address))?;
            if count == 0 {
                return Err(self.unexpected("the end of the connection"));
            }
        }
    }

    /// An answer that is here already; none when it has to be waited for.
    ///
    /// # Errors
    /// When what is here is not of the form nodes send.
    pub fn buffered(&mut self) -> Result<Option<Answer>, BenchError> {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        match parse(rest) {
            Parsed::Partial => Ok(None),
            Parsed::Whole(answer, length) => {
                self.at += length;
                Ok(Some(answer))
            }
            Parsed::Wrong(what) => Err(self.unexpected(what)),
        }
    }

    fn unexpected(&self, what: &str) -> BenchError {
        BenchError::Answer { address: self.address.clone(), what: what.to_owned() }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Partial,
    Whole(Answer, usize),
    Wrong(&'static str),
}

fn parse(bytes: &[u8]) -> Parsed {
    let Some(head_end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        let is_too_long = bytes.len() > HEAD_BYTES_MAX;
        return if is_too_long { Parsed::Wrong("a head without end") } else { Parsed::Partial };
    };
    let head = bytes.get(..head_end).unwrap_or_default();
    let Ok(head) = std::str::from_utf8(head) else {
        return Parsed::Wrong("a head that is no text");
    };
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let Some(status) = status.filter(|_| status_line.starts_with("HTTP/1.1 ")) else {
        return Parsed::Wrong("no status line");
    };
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let Some(length) = length.or((status == 204 || status == 304).then_some(0)) else {
        return Parsed::Wrong("an answer without content-length");
    };
    let start = head_end + 4;
    match bytes.get(start..start + length) {
        Some(body) => Parsed::Whole(Answer { status, body: body.to_vec() }, start + length),
        None => Parsed::Partial,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_only_with_its_last_byte() {
        let text = b"HTTP/1.1 202 Accepted\r\nContent-LENGTH: 3\r\nx: y\r\n\r\nabcHTTP/1.1 2";
        for end in 0..text.len() - 10 {
            assert_eq!(parse(&text[..end]), Parsed::Partial, "{end}");
        }
        let answer = Answer { status: 202, body: b"abc".to_vec() };
        assert_eq!(parse(text), Parsed::Whole(answer, text.len() - 10));
    }

    #[test]
    fn what_nodes_do_not_send_is_refused() {
        let wrong = |text: &str| matches!(parse(text.as_bytes()), Parsed::Wrong(_));
        assert!(wrong("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"));
        assert!(wrong("SMTP ready\r\n\r\n"));
        assert!(wrong(&"x".repeat(HEAD_BYTES_MAX + 1)));
    }

    #[test]
    fn a_post_carries_its_length_and_headers() {
        let text = post("/p", "application/cbor", "Prefer: wait=30\r\n", b"xyz");
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("POST /p HTTP/1.1\r\n"));
        assert!(text.ends_with("Content-Length: 3\r\nPrefer: wait=30\r\n\r\nxyz"), "{text}");
    }
}
