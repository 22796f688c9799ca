//! A stream as server-sent events: text that browsers and curl read.
//!
//! In: a request for `text/event-stream`. Out: a body that is made as it is read, one page at a time.

use super::cursor::{Cursor, End, Step};
use super::limits::SSE_RETRY_MS;
use super::place::{Kind, Place};
use super::wish::EVENT_STREAM;
use super::{Opened, open};
use crate::body;
use crate::json::Json;
use crate::problem::Problem;
use crate::router::PeerApi;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use host_rpc::gateway::EventPlace;
use std::convert::Infallible;

/// Tells proxies to hand on what comes as it comes.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The body as it is read.
struct Reading {
    cursor: Cursor,
    _place: Place,
    /// What the opening has read already.
    first: Option<Bytes>,
    /// The last id the client was told.
    told: Option<EventPlace>,
    is_over: bool,
}

/// Answers with a stream.
pub(crate) async fn stream(api: &PeerApi, name: &str, parts: &Parts) -> Result<Response, Problem> {
    let Opened { cursor, first, place } = open(api, name, parts, Kind::Sse).await?;
    let told = cursor.seen();
    let mut head = format!("retry: {SSE_RETRY_MS}\n");
    if first.is_empty()
        && let Some(seen) = told
    {
        // An id without data: who is cut off before the first event comes back to here.
        head += &format!("id: {seen}\n");
    }
    head.push('\n');
    head.extend(first.iter().map(super::Frame::sse));
    let reading = Reading { cursor, _place: place, first: Some(head.into()), told, is_over: false };
    let chunks = futures::stream::unfold(reading, |mut reading| async move {
        let chunk = reading.next().await?;
        Some((Ok::<_, Infallible>(chunk), reading))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

impl Reading {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.is_over {
            return None;
        }
        let text: String = match self.cursor.step().await {
            Step::Frames(frames) => {
                self.told = frames.last().map(|frame| frame.id);
                frames.iter().map(super::Frame::sse).collect()
            }
            Step::Silence => self.ping(),
            Step::End(end) => {
                self.is_over = true;
                last(&end)
            }
        };
        Some(text.into())
    }

    /// A comment; with an id when nothing of what was looked through was wanted, so that who comes back
    /// does not look through it again.
    fn ping(&mut self) -> String {
        let seen = self.cursor.seen();
        if seen == self.told {
            return ": ping\n\n".to_owned();
        }
        self.told = seen;
        seen.map_or_else(String::new, |seen| format!(": ping\nid: {seen}\n\n"))
    }
}

/// Why it is over; it has no id, so the last one still counts.
fn last(end: &End) -> String {
    let problem = &end.problem;
    let json = Json::object([
        ("code", problem.code.to_string().into()),
        ("detail", problem.detail.as_str().into()),
        ("retryable", problem.code.is_retryable().into()),
    ]);
    format!("event: end\ndata: {}\n\n", body::compact(&json))
}
