//! The event stream of a channel: an incremental reader of `text/event-stream`, and a reader that goes on
//! where it was cut off.
//!
//! In: bytes as they arrive, cut anywhere. Out: events with their ids. An event is given out once: after a
//! disconnect the next peer is asked for what comes after the last id (`Last-Event-ID`). Deliberately not
//! here: what stands in an event (`docs/spec/rest.md`).

use crate::client::Client;
use crate::error::ClientError;
use host_types::fault::Code;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;

/// Longest line and longest event, bytes: the output and events of one transaction in JSON fit many times.
const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// Longest id that is kept, bytes: `HEIGHT.TX.EVENT` has at most 42.
const ID_BYTES_MAX: usize = 64;
/// Without a byte for so long the connection counts as lost: the peer says something every 15 s.
const SILENCE: Duration = Duration::from_secs(60);
/// How often a stream that was cut off is opened again without an event in between.
const REOPENED_MAX: u32 = 8;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEvent {
    /// `HEIGHT.TX.EVENT`: where to go on.
    pub id: String,
    /// `block`, `tx` or `score`.
    pub kind: String,
    /// Its text, which is one JSON document.
    pub data: String,
}

impl StreamEvent {
    /// Its document.
    ///
    /// ```
    /// # let event = host_client::StreamEvent { id: "1.0.0".into(), kind: "tx".into(), data: "{}".into() };
    /// let document = event.json()?;
    /// # Ok::<_, host_client::ClientError>(())
    /// ```
    ///
    /// # Errors
    /// `LC3107` when it is no JSON.
    pub fn json(&self) -> Result<Value, ClientError> {
        serde_json::from_str(&self.data).map_err(|_| crate::answer::odd("data"))
    }
}

/// Reads `text/event-stream` piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed after it is of the same end of line.
    after_return: bool,
    begun: bool,
    kind: String,
    data: String,
    has_data: bool,
    id: String,
    /// The id of what is complete; the one above may be of an event that is not.
    whole_id: String,
}

impl Parser {
    /// Takes the next bytes; whole events are put into `found`.
    ///
    /// # Errors
    /// `LC3107` when a line or an event is longer than any that a peer sends.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        found: &mut VecDeque<StreamEvent>,
    ) -> Result<(), ClientError> {
        for byte in bytes {
            let after_return = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    self.line_ends(&line, found);
                }
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.len() > EVENT_BYTES_MAX {
                return Err(crate::answer::odd("event: it is longer than 1 MiB"));
            }
        }
        Ok(())
    }

    fn line_ends(&mut self, line: &[u8], found: &mut VecDeque<StreamEvent>) {
        let line =
            if self.begun { line } else { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) };
        self.begun = true;
        if line.is_empty() {
            self.event_ends(found);
            return;
        }
        let line = String::from_utf8_lossy(line);
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') && value.len() <= ID_BYTES_MAX => {
                value.clone_into(&mut self.id);
            }
            // Comments have no name; `retry` is the application's own decision.
            _ => {}
        }
    }

    fn event_ends(&mut self, found: &mut VecDeque<StreamEvent>) {
        self.id.clone_into(&mut self.whole_id);
        let kind = std::mem::take(&mut self.kind);
        let data = std::mem::take(&mut self.data);
        if std::mem::take(&mut self.has_data) {
            let kind = if kind.is_empty() { "message".to_owned() } else { kind };
            found.push_back(StreamEvent { id: self.id.clone(), kind, data });
        }
    }

    /// The id after which to go on, also when nothing that was wanted came with it.
    pub(crate) fn last_id(&self) -> &str {
        &self.whole_id
    }
}

/// The events of a channel, one after the other, over disconnects.
#[derive(Debug)]
pub struct EventReader {
    client: Client,
    path: String,
    last_id: String,
    body: Option<Incoming>,
    parser: Parser,
    ready: VecDeque<StreamEvent>,
    reopened: u32,
    has_connected: bool,
}

impl EventReader {
    pub(crate) fn new(client: Client, path: String, after: Option<&str>) -> Self {
        Self {
            client,
            path,
            last_id: after.unwrap_or_default().to_owned(),
            body: None,
            parser: Parser::default(),
            ready: VecDeque::new(),
            reopened: 0,
            has_connected: false,
        }
    }

    /// The next event; waits for it. Ends only with an error.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let mut events = client.stream(&[("types", "score"), ("score", "token")], None);
    /// loop {
    ///     let event = events.next().await?;
    ///     println!("{} {}", event.id, event.data);
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the peers refused with, or `LC3101` when the stream was cut off again and again.
    pub async fn next(&mut self) -> Result<StreamEvent, ClientError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                if event.kind == "end" {
                    self.ended(&event)?;
                    continue;
                }
                if !event.id.is_empty() {
                    event.id.clone_into(&mut self.last_id);
                }
                self.reopened = 0;
                return Ok(event);
            }
            if !self.parser.last_id().is_empty() {
                self.parser.last_id().clone_into(&mut self.last_id);
            }
            let Some(body) = &mut self.body else {
                self.open().await?;
                continue;
            };
            let frame = tokio::time::timeout(SILENCE, body.frame()).await;
            match frame {
                Ok(Some(Ok(frame))) => {
                    if let Some(bytes) = frame.data_ref() {
                        self.parser.take(bytes, &mut self.ready)?;
                    }
                }
                // Silence, an error, or the end: the peer goes, events stay where they are stored.
                _ => self.body = None,
            }
        }
    }

    /// The id after which the reader goes on: keep it to go on after a restart.
    ///
    /// ```
    /// # fn example(events: &host_client::EventReader) {
    /// println!("go on after {}", events.last_id());
    /// # }
    /// ```
    #[must_use]
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// Whether any peer has answered with the stream so far.
    ///
    /// ```
    /// # fn example(events: &host_client::EventReader) {
    /// if !events.has_connected() { println!("no peer gave a stream"); }
    /// # }
    /// ```
    #[must_use]
    pub const fn has_connected(&self) -> bool {
        self.has_connected
    }

    /// The peer says why it is over: another one goes on, or nobody would.
    fn ended(&mut self, event: &StreamEvent) -> Result<(), ClientError> {
        self.body = None;
        let told = ClientError::from_problem(200, &event.json()?);
        if told.is_retryable() { Ok(()) } else { Err(told) }
    }

    async fn open(&mut self) -> Result<(), ClientError> {
        if self.reopened >= REOPENED_MAX {
            let message = format!("the event stream was cut off {REOPENED_MAX} times in a row");
            return Err(ClientError::new(Code::Unreachable, message));
        }
        if self.reopened > 0 {
            tokio::time::sleep(self.client.pause(self.reopened - 1)).await;
        }
        self.reopened += 1;
        // What was read of an event that was cut off comes again whole.
        self.parser = Parser::default();
        let last = (!self.last_id.is_empty()).then_some(self.last_id.as_str());
        self.body = Some(self.client.open_stream(&self.path, last).await?);
        self.has_connected = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<StreamEvent> {
        let (mut parser, mut found) = (Parser::default(), VecDeque::new());
        for piece in pieces {
            parser.take(piece, &mut found).unwrap();
        }
        found.into()
    }

    fn event(id: &str, kind: &str, data: &str) -> StreamEvent {
        StreamEvent { id: id.into(), kind: kind.into(), data: data.into() }
    }

    const TEXT: &str = "\u{feff}: hello\r\n\r\nid: 7.0.1\r\nevent: score\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n\
                        retry: 5\nevent:tx\ndata:한국어\n\ndata\r\rid: 8.0.0\nevent: block\n\nevent: cut";

    #[test]
    fn a_stream_is_read_the_same_wherever_it_is_cut() {
        let whole = [
            event("7.0.1", "score", "{\"a\":\n1}"),
            event("7.0.1", "tx", "한국어"),
            event("7.0.1", "message", ""),
        ];
        let bytes = TEXT.as_bytes();
        assert_eq!(read(&[bytes]), whole);
        for at in 0..=bytes.len() {
            let (left, right) = bytes.split_at(at);
            assert_eq!(read(&[left, right]), whole, "cut at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&single), whole);
    }

    #[test]
    fn the_last_id_stands_also_after_an_event_without_data() {
        let (mut parser, mut found) = (Parser::default(), VecDeque::new());
        parser.take(TEXT.as_bytes(), &mut found).unwrap();
        assert_eq!(parser.last_id(), "8.0.0");
    }

    #[test]
    fn an_endless_line_and_an_endless_event_are_refused() {
        let mut found = VecDeque::new();
        let line = vec![b'x'; EVENT_BYTES_MAX + 1];
        let refused = Parser::default().take(&line, &mut found).unwrap_err();
        assert_eq!(refused.code(), Code::ProtocolMismatch);
        let lines = b"data: 0123456789\n".repeat(EVENT_BYTES_MAX / 10);
        assert!(Parser::default().take(&lines, &mut found).is_err());
        assert!(found.is_empty());
    }

    #[test]
    fn an_id_that_is_no_id_of_ours_is_passed_over() {
        let long = format!("id: {}\ndata: 1\n\n", "9".repeat(ID_BYTES_MAX + 1));
        assert_eq!(read(&[long.as_bytes()]), [event("", "message", "1")]);
        assert_eq!(read(&[b"id: 1\0\ndata: 1\n\n"]), [event("", "message", "1")]);
    }
}
