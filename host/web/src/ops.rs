//! The operations listener: metrics, liveness, readiness, version.
//!
//! In: questions of monitoring systems. Out: text for Prometheus, JSON for the rest. It shares
//! nothing with REST but what that counts, so it answers when REST is flooded.

use crate::body;
use crate::json::Json;
use crate::problem::{JSON, Problem};
use crate::router::Pages;
use crate::stream::place::Places;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use host_rpc::gateway::{Directory, Gateway};
use host_types::Code;
use std::sync::Arc;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The last line of `OpenMetrics`.
const END: &str = "# EOF\n";

type Ask<T> = Box<dyn Fn() -> T + Send + Sync>;

/// What the operations listener asks.
pub struct OpsSource {
    metrics: Ask<String>,
    not_ready: Ask<Vec<String>>,
    version: String,
    /// What REST counts itself.
    streams: Option<Arc<Places>>,
}

impl std::fmt::Debug for OpsSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpsSource").field("version", &self.version).finish_non_exhaustive()
    }
}

impl OpsSource {
    /// Of whoever can say both: metrics in OpenMetrics, and why it is not ready.
    #[must_use]
    pub fn new(
        metrics: impl Fn() -> String + Send + Sync + 'static,
        not_ready: impl Fn() -> Vec<String> + Send + Sync + 'static,
        version: &str,
    ) -> Self {
        let version = version.to_owned();
        let (metrics, not_ready) = (Box::new(metrics), Box::new(not_ready));
        Self { metrics, not_ready, version, streams: None }
    }

    /// Of a peer.
    #[must_use]
    pub fn of_gateway(gateway: &Arc<dyn Gateway>) -> Self {
        let (metrics, not_ready) = (Arc::clone(gateway), Arc::clone(gateway));
        Self {
            metrics: Box::new(move || metrics.metrics()),
            not_ready: Box::new(move || not_ready.not_ready()),
            version: gateway.node().version,
            streams: None,
        }
    }

    /// Of a radiostation, which is ready as soon as it runs.
    #[must_use]
    pub fn of_directory(directory: &Arc<dyn Directory>, version: &str) -> Self {
        let metrics = Arc::clone(directory);
        Self {
            metrics: Box::new(move || metrics.metrics()),
            not_ready: Box::new(Vec::new),
            version: version.to_owned(),
            streams: None,
        }
    }

    /// Counts the streams of these pages, too.
    #[must_use]
    pub fn with_streams_of(self, pages: &Pages) -> Self {
        Self { streams: pages.streams(), ..self }
    }

    /// `OpenMetrics` text of this moment.
    fn metrics(&self) -> String {
        let text = (self.metrics)();
        let Some(streams) = &self.streams else { return text };
        // What ends the text stands at its end.
        let lines = text.strip_suffix(END).unwrap_or(&text);
        [lines, &streams.metrics(), END].concat()
    }
}

/// Pages of the operations listener.
pub fn ops_pages(source: OpsSource) -> Pages {
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .fallback(|| async { refuse(Problem::not_found("no such path")) })
        .method_not_allowed_fallback(|| async {
            refuse(Problem::new(Code::MethodNotAllowed, "this path takes GET only"))
        })
        .with_state(Arc::new(source));
    Pages::open(routes)
}

fn refuse(problem: Problem) -> Response {
    problem.into_problem_json("")
}

async fn metrics(State(source): State<Arc<OpsSource>>) -> Response {
    let content_type = HeaderValue::from_static(OPENMETRICS);
    ([(header::CONTENT_TYPE, content_type)], source.metrics()).into_response()
}

async fn healthz() -> Response {
    answer(StatusCode::OK, &Json::object([("status", "alive".into())]))
}

async fn readyz(State(source): State<Arc<OpsSource>>) -> Response {
    let reasons = (source.not_ready)();
    let (status, word) = if reasons.is_empty() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    let reasons = reasons.into_iter().map(Json::from).collect();
    answer(status, &Json::object([("status", word.into()), ("reasons", reasons)]))
}

async fn version(State(source): State<Arc<OpsSource>>) -> Response {
    answer(StatusCode::OK, &Json::object([("version", source.version.clone().into())]))
}

fn answer(status: StatusCode, json: &Json) -> Response {
    (status, [(header::CONTENT_TYPE, JSON)], body::compact(json)).into_response()
}
