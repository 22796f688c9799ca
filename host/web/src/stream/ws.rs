//! A stream over WebSocket: each frame a JSON text with `id`, `type` and `data`.
//!
//! In: a request to upgrade; from the client only pong and close. Out: one message at a time, the next
//! one when the last is on its way. Deliberately not here: what is told (`cursor`).

use super::cursor::{Cursor, End, Step};
use super::limits::{
    WS_CLOSE_WITHIN, WS_MESSAGE_BYTES_MAX, WS_MESSAGES_MAX, WS_PINGS_UNANSWERED_MAX,
};
use super::place::{Kind, Place};
use super::{Opened, open};
use crate::config::RestConfig;
use crate::problem::Problem;
use crate::seen::Seen;
use crate::server::tunnel::Tunnel;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, Path, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use host_types::Code;
use tokio::time::Instant;

/// Bytes that are gathered before they are written: none, so that one message is all that is held.
const GATHERED_BYTES: usize = 0;
/// Bytes read from the socket at once.
const READ_BYTES: usize = 4 * 1024;
/// Longest reason of a close, bytes; a control frame holds 125 with its code.
const REASON_BYTES_MAX: usize = 120;

/// Upgrades a connection.
pub(crate) async fn upgrade(
    Seen(api): Seen,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &api).await;
    let Ok(upgrade) = upgrade else { return Ok(upgrade_required()) };
    check_origin(&api.config, &parts.headers)?;
    let Opened { cursor, first, place } = open(&api, &name, &parts, Kind::WebSocket).await?;
    let tunnel = parts.extensions.remove::<Tunnel>();
    if let Some(tunnel) = &tunnel {
        tunnel.open();
    }
    let upgrade = upgrade
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(GATHERED_BYTES)
        .max_message_size(WS_MESSAGE_BYTES_MAX)
        .max_frame_size(WS_MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| {
        let talk = Talk { socket, cursor, _place: place, received: 0, unanswered: 0 };
        run(talk, first, tunnel)
    }))
}

/// Browsers let every page open a WebSocket to everywhere and leave it to the server to refuse.
pub(super) fn check_origin(config: &RestConfig, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) else {
        return Ok(());
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let is_own = origin.split_once("://").map(|(_, authority)| authority) == host;
    let is_listed = |listed: &String| listed == "*" || listed == origin;
    if is_own || config.cors_origins.iter().any(is_listed) {
        return Ok(());
    }
    let detail =
        format!("pages of {origin} may not call this node: its `cors_origins` says who may");
    Err(Problem::parameter(detail).with_status(StatusCode::FORBIDDEN))
}

fn upgrade_required() -> Response {
    let detail = "this path is a WebSocket: ask with `Upgrade: websocket`, or use /events for SSE";
    let problem = Problem::parameter(detail).with_status(StatusCode::UPGRADE_REQUIRED);
    let mut response = problem.into_response();
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response
}

/// One open WebSocket.
struct Talk {
    socket: WebSocket,
    cursor: Cursor,
    _place: Place,
    /// Messages since the last ping.
    received: u32,
    /// Pings since the last message.
    unanswered: u32,
}

/// Talks until either side ends it, or the connection is cut because the client takes nothing.
async fn run(mut talk: Talk, first: Vec<super::Frame>, tunnel: Option<Tunnel>) {
    let cut = async {
        match tunnel {
            Some(mut tunnel) => tunnel.cut().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = cut => {}
        () = talk.run(first).boxed() => {}
    }
}

enum Next {
    Step(Step),
    Received(Option<Message>),
    Ping,
}

impl Talk {
    async fn run(&mut self, first: Vec<super::Frame>) {
        let place = self.cursor.seen();
        if let Some(place) = place.filter(|_| first.is_empty()) {
            // Who is cut off before the first event comes back to here.
            let text = format!(r#"{{"id":"{place}","type":"place","data":null}}"#);
            if self.socket.send(Message::text(text)).await.is_err() {
                return;
            }
        }
        if self.send(first).await.is_err() {
            return;
        }
        let mut ping_at = Instant::now() + self.cursor.ping();
        loop {
            let next = tokio::select! {
                step = self.cursor.step() => Next::Step(step),
                received = self.socket.recv() => Next::Received(received.and_then(Result::ok)),
                () = tokio::time::sleep_until(ping_at) => Next::Ping,
            };
            let result = match next {
                Next::Step(Step::Frames(frames)) => self.send(frames).await,
                Next::Step(Step::Silence) => Ok(()),
                Next::Step(Step::End(end)) => Err(Some(close_of(&end))),
                Next::Received(message) => self.heed(message),
                Next::Ping => {
                    ping_at = Instant::now() + self.cursor.ping();
                    self.ping().await
                }
            };
            if let Err(close) = result {
                return self.close(close).await;
            }
        }
    }

    async fn send(&mut self, frames: Vec<super::Frame>) -> Result<(), Option<CloseFrame>> {
        for frame in frames {
            self.socket.send(Message::text(frame.message())).await.map_err(|_| None)?;
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), Option<CloseFrame>> {
        if self.unanswered >= WS_PINGS_UNANSWERED_MAX {
            return Err(Some(close(close_code::POLICY, "no answer to a ping")));
        }
        self.unanswered += 1;
        self.received = 0;
        self.socket.send(Message::Ping(axum::body::Bytes::new())).await.map_err(|_| None)
    }

    /// The client has nothing to say but pong and close.
    fn heed(&mut self, message: Option<Message>) -> Result<(), Option<CloseFrame>> {
        self.unanswered = 0;
        self.received += 1;
        match message {
            Some(Message::Ping(_) | Message::Pong(_)) if self.received <= WS_MESSAGES_MAX => Ok(()),
            Some(Message::Ping(_) | Message::Pong(_)) => {
                Err(Some(close(close_code::POLICY, "too many messages")))
            }
            Some(Message::Text(_) | Message::Binary(_)) => {
                Err(Some(close(close_code::UNSUPPORTED, "this stream takes no messages")))
            }
            Some(Message::Close(_)) | None => Err(None),
        }
    }

    /// Says why, and waits a moment for the client to have heard it.
    async fn close(&mut self, frame: Option<CloseFrame>) {
        let Some(frame) = frame else { return };
        let closing = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        tokio::time::timeout(WS_CLOSE_WITHIN, closing).await.ok();
    }
}

fn close(code: u16, reason: &str) -> CloseFrame {
    let end =
        (0..=reason.len().min(REASON_BYTES_MAX)).rev().find(|end| reason.is_char_boundary(*end));
    let reason = reason.get(..end.unwrap_or_default()).unwrap_or_default();
    CloseFrame { code, reason: reason.into() }
}

fn close_of(end: &End) -> CloseFrame {
    let code = match end.problem.code {
        _ if end.is_stop => close_code::AWAY,
        Code::RoleRefused | Code::ChannelUnknown => close_code::POLICY,
        _ => close_code::ERROR,
    };
    close(code, &format!("{} {}", end.problem.code, end.problem.detail))
}
