//! One request to one peer: hyper, one connection a request, no TLS yet.
//!
//! In: an endpoint, a path, JSON. Out: JSON, or the error that the peer's problem document tells. Every
//! exchange ends in time and reads a bounded answer. Deliberately not here: which peer, and how often.

use crate::error::ClientError;
use bytes::Bytes;
use host_types::fault::Code;
use host_web::SIGNED_READ;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{HeaderMap, Method, Request, body::Incoming};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Largest answer that is read, bytes: a full block in JSON fits.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a peer that waits for finality gets on top of its wait, for the way.
const WAY: Duration = Duration::from_secs(5);

/// A peer's REST interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    authority: String,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    pub method: Method,
    pub path: &'a str,
    pub body: Option<&'a Value>,
    /// How long the peer may wait for finality.
    pub wait: Option<Duration>,
    /// How long an answer may take otherwise.
    pub timeout: Duration,
}

/// One exchange, for who watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// `GET http://…/api/v2/…`
    pub request: String,
    /// Status of the answer.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
}

impl Endpoint {
    /// The interface at a URL.
    ///
    /// # Errors
    /// When it is no `http://HOST:PORT`.
    pub(crate) fn parse(url: &str) -> Result<Self, ClientError> {
        let Some(rest) = url.strip_prefix("http://").filter(|rest| !rest.is_empty()) else {
            let message = format!("`{url}` is not an address of the form http://HOST:PORT");
            return Err(ClientError::new(Code::UsageWrong, message)
                .with_help("peers of a local network listen on http://127.0.0.1:9000 and up"));
        };
        Ok(Self { authority: rest.trim_end_matches('/').to_owned() })
    }

    /// Asks, with a header that says who asks where there is one, and tells `seen` how it went.
    pub(crate) async fn exchange(
        &self,
        question: &Question<'_>,
        signed: Option<&str>,
        seen: &(dyn Fn(&Exchange) + Sync),
    ) -> Result<Value, ClientError> {
        let started = Instant::now();
        // The peer answers by itself when its wait is over; the rest is for the way.
        let limit = question.wait.map_or(question.timeout, |wait| wait + WAY);
        let Ok(exchanged) = tokio::time::timeout(limit, self.whole(question, signed)).await else {
            let message =
                format!("http://{} did not answer in {} s", self.authority, limit.as_secs());
            return Err(ClientError::new(Code::Unreachable, message));
        };
        let (status, headers, bytes) = exchanged?;
        let request = format!("{} http://{}{}", question.method, self.authority, question.path);
        seen(&Exchange { request, status, took: started.elapsed() });
        if status >= 400 {
            let body = serde_json::from_slice(&bytes).unwrap_or_default();
            let after =
                headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let after = after.map(Duration::from_secs);
            return Err(ClientError::from_problem(status, &body).with_retry_after(after));
        }
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| self.no_peer("no JSON in its answer"))
    }

    /// Asks for what is answered with an error status as well, such as readiness: the body, or null.
    pub(crate) async fn look(&self, path: &str, timeout: Duration) -> Result<Value, ClientError> {
        let question = Question { method: Method::GET, path, body: None, wait: None, timeout };
        let Ok(answer) = tokio::time::timeout(timeout, self.whole(&question, None)).await else {
            let message = format!("http://{} did not answer in time", self.authority);
            return Err(ClientError::new(Code::Unreachable, message));
        };
        let (_, _, bytes) = answer?;
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    fn no_peer(&self, why: &str) -> ClientError {
        ClientError::new(Code::Unreachable, format!("http://{} is no peer: {why}", self.authority))
    }

    fn unreachable(&self, error: &dyn std::fmt::Display) -> ClientError {
        let message = format!("http://{} does not answer: {error}", self.authority);
        ClientError::new(Code::Unreachable, message)
    }

    async fn whole(
        &self,
        question: &Question<'_>,
        signed: Option<&str>,
    ) -> Result<(u16, HeaderMap, Bytes), ClientError> {
        let more: Vec<_> = signed.into_iter().map(|value| (SIGNED_READ, value)).collect();
        let (status, headers, body) = self.open(question, &more).await?;
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| self.unreachable(&error))?;
        Ok((status, headers, body.to_bytes()))
    }

    /// Opens an event stream after an id; the body goes on until the peer ends it.
    pub(crate) async fn open_stream(
        &self,
        path: &str,
        (after, signed): (Option<&str>, Option<&str>),
        timeout: Duration,
    ) -> Result<Incoming, ClientError> {
        let question = Question { method: Method::GET, path, body: None, wait: None, timeout };
        let accept = ("accept", "text/event-stream");
        let more = [accept].into_iter().chain(after.map(|id| ("last-event-id", id)));
        let more: Vec<_> = more.chain(signed.map(|value| (SIGNED_READ, value))).collect();
        let Ok(opened) = tokio::time::timeout(timeout, self.open(&question, &more)).await else {
            return Err(self.unreachable(&"it opened no stream in time"));
        };
        let (status, headers, body) = opened?;
        if status < 400 {
            let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            return match kind {
                Some(kind) if kind.starts_with("text/event-stream") => Ok(body),
                _ => Err(crate::answer::odd("event stream")),
            };
        }
        let read = Limited::new(body, ANSWER_BYTES_MAX).collect();
        let bytes = tokio::time::timeout(timeout, read).await;
        let bytes = bytes.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes);
        let problem = serde_json::from_slice(&bytes.unwrap_or_default()).unwrap_or_default();
        Err(ClientError::from_problem(status, &problem))
    }

    /// Sends, and gives the answer's body to be read bit by bit.
    async fn open(
        &self,
        question: &Question<'_>,
        more: &[(&'static str, &str)],
    ) -> Result<(u16, HeaderMap, Incoming), ClientError> {
        let unreachable = |error: &dyn std::fmt::Display| self.unreachable(error);
        let stream = tokio::net::TcpStream::connect(&self.authority).await;
        let stream = stream.map_err(|error| unreachable(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreachable(&error))?;
        // It ends with the request; its error is the request's too.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(question.method.clone())
            .uri(question.path)
            .header(HOST, &self.authority);
        if !more.iter().any(|(name, _)| *name == "accept") {
            request = request.header(ACCEPT, "application/json");
        }
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        if let Some(wait) = question.wait {
            request = request.header("prefer", format!("wait={}", wait.as_secs().max(1)));
        }
        let bytes = match question.body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(Full::new(bytes)).map_err(|error| unreachable(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
        let status = answer.status().as_u16();
        let (parts, body) = answer.into_parts();
        Ok((status, parts.headers, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_http_host_and_port() {
        let read = Endpoint::parse("http://127.0.0.1:9000/").unwrap();
        assert_eq!(read.authority, "127.0.0.1:9000");
        for wrong in ["127.0.0.1:9000", "https://127.0.0.1:9000", "http://", ""] {
            assert_eq!(Endpoint::parse(wrong).unwrap_err().code(), Code::UsageWrong, "{wrong}");
        }
    }
}
