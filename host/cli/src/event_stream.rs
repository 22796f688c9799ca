//! A peer's stream of server-sent events, read over as many connections as it takes.
//!
//! In: a URL, a path with its filters, the last id that is known. Out: frames, each once; a lost
//! connection is made again behind the last id. Deliberately not here: how frames are shown
//! (`cmd/event_watch`).

use crate::failure::Failure;
use bytes::Bytes;
use host_types::fault::Code;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;

/// Longest frame that is taken, bytes: the events of one call as JSON fit several times.
const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Largest refusal that is read, bytes.
const PROBLEM_BYTES_MAX: usize = 64 * 1024;
/// A peer says every 15 s that it lives; three times that without a byte, and it is gone.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// A frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Its id.
    pub id: Option<String>,
    /// Its type.
    pub kind: String,
    /// Its data.
    pub data: String,
}

/// Frames out of bytes that come in any pieces.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    held: Vec<u8>,
    searched: usize,
}

impl Parser {
    /// Takes bytes; gives the frames that are complete now, those without data as well.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, Failure> {
        self.held.extend_from_slice(bytes);
        let mut frames = Vec::new();
        while let Some(end) = self.end() {
            let frame: Vec<u8> = self.held.drain(..end).collect();
            self.searched = 0;
            frames.push(frame_of(&String::from_utf8_lossy(&frame)));
        }
        if self.held.len() > FRAME_BYTES_MAX {
            let message = format!("the peer sent a frame of more than {FRAME_BYTES_MAX} bytes");
            return Err(Failure::new(Code::ProtocolMismatch, message));
        }
        Ok(frames)
    }

    fn end(&mut self) -> Option<usize> {
        let from = self.searched.saturating_sub(1);
        let found = self.held.get(from..)?.windows(2).position(|pair| pair == b"\n\n");
        self.searched = self.held.len();
        found.map(|at| from + at + 2)
    }
}

fn frame_of(text: &str) -> Frame {
    let mut frame = Frame::default();
    for line in text.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => frame.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut frame.kind),
            "data" => frame.data.push_str(value),
            // Comments, and fields for browsers.
            _ => {}
        }
    }
    frame
}

/// Where a stream is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    authority: String,
    path: String,
    within: Duration,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    body: Incoming,
    parser: Parser,
    ready: VecDeque<Frame>,
}

impl Source {
    /// At a URL of the form `http://HOST:PORT`; a peer has so long to begin to answer.
    pub(crate) fn new(endpoint: &str, path: String, within: Duration) -> Result<Self, Failure> {
        let Some(authority) = endpoint.strip_prefix("http://") else {
            let message = format!("`{endpoint}` is not an address of the form http://HOST:PORT");
            return Err(Failure::new(Code::UsageWrong, message));
        };
        Ok(Self { authority: authority.trim_end_matches('/').to_owned(), path, within })
    }

    fn lost(&self, why: impl std::fmt::Display) -> Failure {
        Failure::new(Code::Unreachable, format!("http://{} does not answer: {why}", self.authority))
    }

    /// Asks for the stream behind an id.
    pub(crate) async fn connect(&self, last: Option<&str>) -> Result<Connection, Failure> {
        let asked = tokio::time::timeout(self.within, self.ask(last)).await;
        let answer = asked.map_err(|_| self.lost("nothing came in time"))??;
        let status = answer.status().as_u16();
        if status >= 400 {
            let body = Limited::new(answer.into_body(), PROBLEM_BYTES_MAX).collect().await;
            let bytes = body.map_err(|error| self.lost(error))?.to_bytes();
            let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            return Err(Failure::from_problem(status, &problem));
        }
        let parser = Parser::default();
        Ok(Connection { body: answer.into_body(), parser, ready: VecDeque::new() })
    }

    async fn ask(&self, last: Option<&str>) -> Result<Response<Incoming>, Failure> {
        let stream = tokio::net::TcpStream::connect(&self.authority).await;
        let stream = stream.map_err(|error| self.lost(error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.lost(error))?;
        // It ends with the body; its error is the body's too.
        tokio::spawn(connection);
        let mut request = Request::get(&self.path)
            .header(HOST, &self.authority)
            .header(ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| self.lost(error))?;
        sender.send_request(request).await.map_err(|error| self.lost(error))
    }
}

impl Connection {
    /// The next frame.
    ///
    /// # Errors
    /// When the connection is lost, which may be tried again, or the peer ended the stream.
    pub(crate) async fn next(&mut self) -> Result<Frame, Failure> {
        let lost =
            |why: &str| Failure::new(Code::Unreachable, format!("the stream broke off{why}"));
        loop {
            if let Some(frame) = self.ready.pop_front() {
                if frame.kind == "end" {
                    return Err(ended(&frame));
                }
                return Ok(frame);
            }
            let chunk = tokio::time::timeout(SILENCE_MAX, self.body.frame()).await;
            let Ok(chunk) = chunk else { return Err(lost(": nothing came for 45 s")) };
            let Some(Ok(chunk)) = chunk else { return Err(lost("")) };
            if let Ok(bytes) = chunk.into_data() {
                self.ready.extend(self.parser.feed(&bytes)?);
            }
        }
    }
}

/// What the peer's last frame tells.
fn ended(frame: &Frame) -> Failure {
    let problem: Value = serde_json::from_str(&frame.data).unwrap_or_default();
    Failure::from_problem(503, &problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        "retry: 1000\nid: 3.1.0\n\n: ping\n\nid: 4.0.1\nevent: score\ndata: {\"a\": 1}\n\n";

    #[test]
    fn frames_are_the_same_in_whatever_pieces_they_come() {
        let frame = |id: Option<&str>, kind: &str, data: &str| Frame {
            id: id.map(str::to_owned),
            kind: kind.to_owned(),
            data: data.to_owned(),
        };
        let expected = [
            frame(Some("3.1.0"), "", ""),
            frame(None, "", ""),
            frame(Some("4.0.1"), "score", "{\"a\": 1}"),
        ];
        for size in 1..STREAM.len() {
            let mut parser = Parser::default();
            let mut frames = Vec::new();
            for piece in STREAM.as_bytes().chunks(size) {
                frames.extend(parser.feed(piece).unwrap());
            }
            assert_eq!(frames, expected, "pieces of {size}");
        }
    }

    #[test]
    fn a_frame_without_an_end_is_not_gathered_for_ever() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; 64 * 1024];
        let fed = (0..=FRAME_BYTES_MAX / piece.len()).map(|_| parser.feed(&piece));
        let failure = fed.last().unwrap().unwrap_err();
        assert_eq!(failure.code(), Code::ProtocolMismatch);
    }

    #[test]
    fn the_last_frame_says_why_and_whether_to_come_back() {
        let end = |code: &str| Frame {
            data: format!(r#"{{"code": "{code}", "detail": "x", "retryable": true}}"#),
            ..Frame::default()
        };
        assert!(ended(&end("LC3101")).code().is_retryable());
        assert_eq!(ended(&end("LC4103")).code(), Code::RoleRefused);
    }
}
