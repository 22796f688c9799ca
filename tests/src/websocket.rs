//! A client of a stream over WebSocket, for tests that compare messages.
//!
//! In: a URL. Out: its messages as they came, and the close. It answers pings, as the protocol wants, and
//! says nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long the other end may be silent: longer than between two of its signs of life.
const SILENCE: Duration = Duration::from_secs(60);
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket(BufReader<TcpStream>);

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text.
    Text(String),
    /// Code and reason of the close; nothing comes behind it.
    Close(u16, String),
    /// The connection broke off.
    Broken,
}

impl WebSocket {
    /// Shakes hands.
    ///
    /// # Panics
    /// When the other end does not switch.
    #[must_use]
    pub fn open(url: &str) -> Self {
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let (authority, path) = rest.split_once('/').expect("a URL with a path");
        let mut stream = TcpStream::connect(authority).expect("somebody who listens");
        stream.set_read_timeout(Some(SILENCE)).expect("a limit of time");
        // The key of RFC 6455, 1.3, with its answer.
        let head = format!(
            "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("somebody who reads");
        let mut reader = BufReader::new(stream);
        let (mut head, mut line) = (String::new(), String::new());
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).expect("a whole head");
            assert!(!line.is_empty(), "{url} ended within its head: {head}");
            head += &line;
        }
        let is_switched = head.starts_with("HTTP/1.1 101 ");
        assert!(is_switched && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{url}: {head}");
        Self(reader)
    }

    /// The next one that says anything.
    ///
    /// # Panics
    /// When nothing comes for too long.
    #[must_use]
    pub fn next_message(&mut self) -> Message {
        loop {
            let Ok((opcode, payload)) = self.frame() else { return Message::Broken };
            match opcode {
                TEXT => return Message::Text(String::from_utf8(payload).expect("text")),
                PING => self.say(PONG, &payload),
                CLOSE => {
                    self.say(CLOSE, payload.get(..2).unwrap_or_default());
                    let (code, reason) = payload.split_first_chunk().expect("a close has a code");
                    let reason = String::from_utf8_lossy(reason).into_owned();
                    return Message::Close(u16::from_be_bytes(*code), reason);
                }
                _ => {}
            }
        }
    }

    fn frame(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head)?;
        let [first, second] = head;
        let len = match second & 0x7f {
            126 => self.number::<2>()?,
            127 => self.number::<8>()?,
            short => short.into(),
        };
        let mut payload = vec![0; usize::try_from(len).expect("a frame that fits memory")];
        self.0.read_exact(&mut payload)?;
        Ok((first & 0x0f, payload))
    }

    fn number<const BYTES: usize>(&mut self) -> std::io::Result<u64> {
        let mut bytes = [0; BYTES];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes.iter().fold(0, |all, byte| (all << 8) | u64::from(*byte)))
    }

    /// A short frame, with a mask that changes nothing.
    fn say(&mut self, opcode: u8, payload: &[u8]) {
        let len = u8::try_from(payload.len()).expect("a short frame");
        let head = [0x80 | opcode, 0x80 | len, 0, 0, 0, 0];
        // Who is gone does not hear it, and that is seen by reading.
        self.0.get_mut().write_all(&[&head, payload].concat()).ok();
    }
}
