//! A client of a peer's stream of server-sent events, for tests that compare frames byte by byte.
//!
//! In: a URL, the last id. Out: frames as they came. It reads chunks by itself: a stream has no end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a peer may be silent: longer than between two of its signs of life.
const SILENCE: Duration = Duration::from_secs(40);

/// An open stream.
#[derive(Debug)]
pub struct Stream {
    reader: BufReader<TcpStream>,
    text: String,
}

impl Stream {
    /// Asks for a stream, behind an id when one is given.
    ///
    /// # Panics
    /// When the peer does not answer with a stream.
    #[must_use]
    pub fn open(url: &str, last: Option<&str>) -> Self {
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n"));
        Self::open_with(url, &last.unwrap_or_default())
    }

    /// Asks for a stream with further lines in the head, each with its end.
    ///
    /// # Panics
    /// When the peer does not answer with a stream.
    #[must_use]
    pub fn open_with(url: &str, lines: &str) -> Self {
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let (authority, path) = rest.split_once('/').expect("a URL with a path");
        let mut stream = TcpStream::connect(authority).expect("a peer that listens");
        stream.set_read_timeout(Some(SILENCE)).expect("a limit of time");
        let head = format!(
            "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nAccept: text/event-stream\r\n{lines}\r\n"
        );
        stream.write_all(head.as_bytes()).expect("a peer that reads");
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first).expect("an answer");
        assert!(first.starts_with("HTTP/1.1 200"), "{url}: {first}");
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).expect("a whole head");
        }
        Self { reader, text: String::new() }
    }

    /// The next frame that has data, as it came; none at the end.
    ///
    /// # Panics
    /// When the peer is silent for too long.
    pub fn next_frame(&mut self) -> Option<String> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let frame: String = self.text.drain(..end + 2).collect();
                if frame.contains("\ndata: ") {
                    return Some(frame);
                }
            }
            let mut size = String::new();
            self.reader.read_line(&mut size).expect("a chunk in time");
            let size = usize::from_str_radix(size.trim(), 16).ok().filter(|size| *size > 0)?;
            let mut chunk = vec![0; size + 2];
            self.reader.read_exact(&mut chunk).expect("a whole chunk");
            chunk.truncate(size);
            self.text += &String::from_utf8(chunk).expect("text");
        }
    }

    /// Frames up to the one with this id.
    ///
    /// # Panics
    /// When the stream ends before.
    #[must_use]
    pub fn until(&mut self, last: &str) -> Vec<String> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next_frame().expect("the stream ended");
            let is_last = id_of(&frame) == last;
            frames.push(frame);
            if is_last {
                return frames;
            }
        }
    }
}

/// The id of a frame; empty when it has none.
#[must_use]
pub fn id_of(frame: &str) -> &str {
    frame.lines().find_map(|line| line.strip_prefix("id: ")).unwrap_or_default()
}
