//! Streams that another node makes and this one hands on: a proxy's.
//!
//! In: requests for a stream, before a relay is asked, and its answer. Out: the answer, with the bounds that
//! streams of this node would have: a place, what pages of other origins may open, how long silence may last. A
//! WebSocket is handed on byte for byte between two sockets, with one buffer each way; when the
//! other node is gone or this one stops, its client gets a close and comes back with its last id.
//! Deliberately not here: which node is asked, and its headers (the relay).

use super::boundary::{self, Boundary};
use super::limits::{WS_CLOSE_WITHIN, WS_PASSED_BYTES, WS_PINGS_MISSED_MAX};
use super::place::{Kind, Place, Places};
use super::{wants_stream, ws};
use crate::config::RestConfig;
use crate::gate::ClientAddress;
use crate::problem::Problem;
use crate::server::stopping::Stopping;
use crate::server::tunnel::Tunnel;
use axum::body::Body;
use axum::extract::ws::close_code;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use host_types::Code;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// In the extensions of a request that a relay is to hand on with its upgrade to a WebSocket: it was let
/// in. The relay's answer then has the other end in its own extensions, as hyper's client gives it.
#[derive(Clone, Copy, Debug)]
pub struct ToWebSocket;

/// What a relay's streams share.
#[derive(Debug)]
pub(crate) struct Through {
    pub(crate) places: Arc<Places>,
    pub(crate) config: Arc<RestConfig>,
}

/// A stream that was let in, and is not answered yet.
pub(crate) struct Admitted {
    place: Place,
    socket: Option<Socket>,
}

/// The client's end of a WebSocket.
struct Socket {
    client: OnUpgrade,
    tunnel: Option<Tunnel>,
    stopping: Stopping,
    quiet: Duration,
}

impl Through {
    /// Lets a stream in; none when the request is for no stream.
    pub(crate) fn admit(&self, request: &mut Request<Body>) -> Result<Option<Admitted>, Problem> {
        let Some(kind) = wanted(request) else { return Ok(None) };
        let address = ClientAddress::of(request.extensions());
        if kind == Kind::Sse {
            return Ok(Some(Admitted { place: self.places.take(address, kind)?, socket: None }));
        }
        ws::check_origin(&self.config, request.headers())?;
        let place = self.places.take(address, kind)?;
        let extensions = request.extensions_mut();
        let Some(client) = extensions.remove::<OnUpgrade>() else { return Ok(None) };
        extensions.insert(ToWebSocket);
        let tunnel = extensions.remove::<Tunnel>();
        let stopping = extensions.get::<Stopping>().cloned().unwrap_or_default();
        let quiet = self.config.streams.ping * WS_PINGS_MISSED_MAX;
        Ok(Some(Admitted { place, socket: Some(Socket { client, tunnel, stopping, quiet }) }))
    }
}

fn wanted(request: &Request<Body>) -> Option<Kind> {
    let rest = request.uri().path().strip_prefix("/api/v2/channels/")?;
    let (_, below) = rest.split_once('/')?;
    match below {
        _ if request.method() != Method::GET => None,
        "events" if wants_stream(request.headers()) => Some(Kind::Sse),
        "events/ws" if is_upgrade(request.headers()) => Some(Kind::WebSocket),
        _ => None,
    }
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

impl Admitted {
    /// Hands on what the relay answered: a stream keeps its place, anything else gives it back.
    pub(crate) fn answered(self, mut response: Response) -> Response {
        let Self { place, socket } = self;
        let kind = response.headers().get(header::CONTENT_TYPE);
        let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        match socket {
            None if is_stream => response.map(|body| {
                let parts = body.into_data_stream();
                Body::from_stream(parts.inspect(move |_| {
                    let _held = &place;
                }))
            }),
            Some(socket) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                let Some(other) = response.extensions_mut().remove::<OnUpgrade>() else {
                    let detail = "the node behind switched protocols and left nothing";
                    return Problem::new(Code::Unreachable, detail).into_response();
                };
                if let Some(tunnel) = &socket.tunnel {
                    tunnel.open();
                }
                tokio::spawn(socket.join(other, place));
                response
            }
            _ => response,
        }
    }
}

impl Socket {
    /// Lives until either end is gone, this node stops, or the connection is cut because the client
    /// takes nothing.
    async fn join(self, other: OnUpgrade, place: Place) {
        let Self { client, tunnel, stopping, quiet } = self;
        let cut = async {
            match tunnel {
                Some(mut tunnel) => tunnel.cut().await,
                None => std::future::pending().await,
            }
        };
        let joined = async {
            if let Ok((client, other)) = futures::future::try_join(client, other).await {
                hand_on(TokioIo::new(client), TokioIo::new(other), &stopping, quiet).await;
            }
        };
        tokio::select! {
            () = cut => {}
            () = joined => {}
        }
        drop(place);
    }
}

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client has heard all: a close of the other node, or half a frame of one that broke off.
    Told,
    /// The other node is gone.
    Gone,
    /// This node stops.
    Stop,
}

impl End {
    const fn word(self) -> Option<&'static str> {
        match self {
            Self::Told => None,
            Self::Gone => Some("the peer behind this proxy is gone: come back with the last id"),
            Self::Stop => Some("this proxy stops: come back with the last id"),
        }
    }
}

/// Hands bytes on both ways.
async fn hand_on<C, O>(client: C, other: O, stopping: &Stopping, quiet: Duration)
where
    C: AsyncRead + AsyncWrite,
    O: AsyncRead + AsyncWrite,
{
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (from_other, to_other) = tokio::io::split(other);
    let mut said = Boundary::default();
    let end = tokio::select! {
        end = down(from_other, &mut to_client, stopping, quiet) => end,
        () = up(&mut from_client, to_other, &mut said) => return,
    };
    let Some(word) = end.word() else { return };
    let close = boundary::close(close_code::AWAY, &format!("{} {word}", Code::Unreachable));
    let closing = async {
        to_client.write_all(&close).await?;
        to_client.flush().await?;
        let mut buffer = [0; 256];
        while !said.has_closed() {
            match from_client.read(&mut buffer).await? {
                0 => break,
                len => said.pass(buffer.get(..len).unwrap_or_default()),
            }
        }
        std::io::Result::Ok(())
    };
    // Who does not hear it in time goes without.
    drop(tokio::time::timeout(WS_CLOSE_WITHIN, closing).await);
}

/// What the client says, until it is gone.
async fn up(
    client: &mut (impl AsyncRead + Unpin),
    mut other: impl AsyncWrite + Unpin,
    said: &mut Boundary,
) {
    let mut buffer = vec![0; WS_PASSED_BYTES];
    while let Ok(len @ 1..) = client.read(&mut buffer).await {
        let bytes = buffer.get(..len).unwrap_or_default();
        said.pass(bytes);
        if other.write_all(bytes).await.is_err() || other.flush().await.is_err() {
            // It may have said why, which is still on its way down.
            std::future::pending::<()>().await;
        }
    }
}

/// What the other node says, and how that ended.
async fn down(
    mut other: impl AsyncRead + Unpin,
    client: &mut (impl AsyncWrite + Unpin),
    stopping: &Stopping,
    quiet: Duration,
) -> End {
    let mut told = Boundary::default();
    let mut buffer = vec![0; WS_PASSED_BYTES];
    loop {
        let read = tokio::select! {
            read = tokio::time::timeout(quiet, other.read(&mut buffer)) => read,
            () = stopping.requested(), if told.is_between() && !told.has_closed() => return End::Stop,
        };
        let Ok(Ok(len @ 1..)) = read else {
            let is_clean = told.is_between() && !told.has_closed();
            return if is_clean { End::Gone } else { End::Told };
        };
        let bytes = buffer.get(..len).unwrap_or_default();
        if client.write_all(bytes).await.is_err() || client.flush().await.is_err() {
            return End::Told;
        }
        told.pass(bytes);
    }
}
