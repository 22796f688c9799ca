//! The REST client of the command line: hyper, one connection a request, no TLS yet.
//!
//! In: a URL, a path, JSON. Out: JSON, or the failure that the peer's problem document tells.

use crate::failure::Failure;
use crate::output::Out;
use crate::reader::{Reader, Says, channel_of};
use bytes::Bytes;
use host_types::fault::Code;
use host_types::ids::GenesisHash;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Largest answer that is read, bytes: a full block in JSON fits.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A peer's REST interface.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    authority: String,
    timeout: Duration,
    out: Out,
    /// Who asks, when it is said.
    reader: Option<Arc<Reader>>,
}

impl Api {
    /// The interface at a URL.
    ///
    /// # Errors
    /// When it is no `http://HOST:PORT`.
    pub(crate) fn new(endpoint: &str, timeout: Duration, out: Out) -> Result<Self, Failure> {
        let Some(rest) = endpoint.strip_prefix("http://") else {
            let message = format!("`{endpoint}` is not an address of the form http://HOST:PORT");
            return Err(Failure::new(Code::UsageWrong, message)
                .with_help("peers of a local network listen on http://127.0.0.1:9000 and up"));
        };
        let authority = rest.trim_end_matches('/').to_owned();
        Ok(Self { authority, timeout, out, reader: None })
    }

    /// The same, with requests about a channel signed.
    pub(crate) fn read_by(self, reader: Reader) -> Self {
        Self { reader: Some(Arc::new(reader)), ..self }
    }

    /// The same once more, when it was refused to nobody in particular and it may be said who asks.
    fn insisting(&self) -> Option<Self> {
        let reader = self.reader.as_ref().filter(|reader| reader.says == Says::WhenRefused)?;
        Some(Self { reader: Some(Arc::new(reader.always())), ..self.clone() })
    }

    /// The header of a signed request; none where nobody says who asks.
    async fn signed(
        &self,
        (method, path): (&Method, &str),
        body: &[u8],
    ) -> Result<Option<String>, Failure> {
        let reader = self.reader.as_ref().filter(|reader| reader.says == Says::Always);
        let Some((reader, channel)) = reader.zip(channel_of(path)) else {
            return Ok(None);
        };
        let unsigned = Self { reader: None, ..self.clone() };
        let ask = || async {
            let status = unsigned.get(&format!("/api/v2/channels/{channel}")).await?;
            let genesis = status.get("genesis").and_then(Value::as_str).unwrap_or_default();
            GenesisHash::from_hex(genesis).ok_or_else(|| {
                let message = format!("http://{} tells no genesis of {channel}", self.authority);
                Failure::new(Code::ProtocolMismatch, message)
            })
        };
        // A request inside a request: its future has no size of its own.
        let genesis = Box::pin(reader.genesis.get_or_try_init(ask)).await?;
        reader.header(*genesis, (method.as_str(), path), body).await.map(Some)
    }

    /// Asks.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.exchange(Method::GET, path, None, None).await
    }

    /// Asks for what is answered with an error status as well, such as readiness.
    pub(crate) async fn look(&self, path: &str) -> Result<Value, Failure> {
        let sent = self.send(Method::GET, path, None, None);
        let Ok(answer) = tokio::time::timeout(self.timeout, sent).await else {
            let message = format!("http://{} did not answer in time", self.authority);
            return Err(Failure::new(Code::Unreachable, message));
        };
        let (_, bytes) = answer?;
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// Sends; with `wait`, the peer may take so long to answer.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: &Value,
        wait: Option<Duration>,
    ) -> Result<Value, Failure> {
        self.exchange(Method::POST, path, Some(body), wait).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        wait: Option<Duration>,
    ) -> Result<Value, Failure> {
        match self.exchange_once(method.clone(), path, body, wait).await {
            Err(refused) if refused.code() == Code::RoleRefused => match self.insisting() {
                Some(insisting) => insisting.exchange_once(method, path, body, wait).await,
                None => Err(refused),
            },
            done => done,
        }
    }

    async fn exchange_once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        wait: Option<Duration>,
    ) -> Result<Value, Failure> {
        let started = Instant::now();
        let shown = format!("{method} http://{}{path}", self.authority);
        // The peer answers by itself when its wait is over; the rest is for the way.
        let limit = wait.map_or(self.timeout, |wait| wait + Duration::from_secs(5));
        let exchanged = tokio::time::timeout(limit, self.send(method, path, body, wait)).await;
        let Ok(exchanged) = exchanged else {
            let message =
                format!("http://{} did not answer in {} s", self.authority, limit.as_secs());
            return Err(Failure::new(Code::Unreachable, message));
        };
        let (status, bytes) = exchanged?;
        self.out.trace(&format!("{shown} -> {status} in {} ms", started.elapsed().as_millis()));
        let body: Value = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).map_err(|_| {
                let message =
                    format!("http://{} is no peer: no JSON in its answer", self.authority);
                Failure::new(Code::Unreachable, message)
            })?
        };
        if status >= 400 {
            return Err(Failure::from_problem(status, &body));
        }
        Ok(body)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        wait: Option<Duration>,
    ) -> Result<(u16, Bytes), Failure> {
        let unreachable = |error: &dyn std::fmt::Display| {
            let message = format!("http://{} does not answer: {error}", self.authority);
            Failure::new(Code::Unreachable, message)
        };
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let signed = self.signed((&method, path), &bytes).await?;
        let stream = tokio::net::TcpStream::connect(&self.authority).await;
        let stream = stream.map_err(|error| unreachable(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreachable(&error))?;
        // It ends with the request; its error is the request's too.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(ACCEPT, "application/json");
        if let Some(wait) = wait {
            request = request.header("prefer", format!("wait={}", wait.as_secs().max(1)));
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(signed) = signed {
            request = request.header(host_web::SIGNED_READ, signed);
        }
        let request = request.body(Full::new(bytes)).map_err(|error| unreachable(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| unreachable(&error))?;
        Ok((status, body.to_bytes()))
    }
}
