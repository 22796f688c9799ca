//! `/api/openapi.json` and the page `/docs` that shows it.
//!
//! In: a browser. Out: three files that are part of this program. The script draws the page from the
//! document; nothing is loaded from anywhere else, and the policy sent along forbids it. Deliberately
//! not here: any copy of Swagger UI, which is 1.5 MB for the same.

use super::operation::{Answer, JSON as JSON_TYPE, Method, Operation};
use super::{Interface, json};
use crate::problem::JSON;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use axum::routing::{MethodRouter, get};

const HTML: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// Scripts, styles and requests of this origin only; no frames, no forms, nothing inline.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");

const GET: Operation = Operation {
    method: Method::Get,
    path: "",
    id: "",
    tag: "This document",
    summary: "",
    query: &[],
    headers: &[],
    body: &[],
    answers: &[],
    codes: &[],
    also: &[],
};

/// The requests that these routes take.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: "/api/openapi.json",
        id: "getOpenApi",
        tag: "This document",
        summary: "What you read, for programs",
        answers: &[Answer {
            status: 200,
            description: "OpenAPI 3.1",
            bodies: &[(JSON_TYPE, "object")],
            headers: &[],
        }],
        ..GET
    },
    Operation {
        path: "/docs",
        id: "getDocs",
        tag: "This document",
        summary: "The same for people",
        answers: &[Answer {
            status: 200,
            description: "a page",
            bodies: &[("text/html", "text")],
            headers: &[],
        }],
        ..GET
    },
    Operation {
        path: "/docs/page.js",
        id: "getDocsScript",
        tag: "This document",
        summary: "The script of the page",
        answers: &[Answer {
            status: 200,
            description: "a script",
            bodies: &[("text/javascript", "text")],
            headers: &[],
        }],
        ..GET
    },
    Operation {
        path: "/docs/page.css",
        id: "getDocsStyle",
        tag: "This document",
        summary: "The looks of the page",
        answers: &[Answer {
            status: 200,
            description: "a style sheet",
            bodies: &[("text/css", "text")],
            headers: &[],
        }],
        ..GET
    },
];

/// The routes.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(
    interface: Interface,
) -> [(&'static str, MethodRouter<S>); 4] {
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    let script = HeaderValue::from_static("text/javascript; charset=utf-8");
    let style = HeaderValue::from_static("text/css; charset=utf-8");
    [
        ("/api/openapi.json", get(async move || file(JSON, json(interface)))),
        ("/docs", get(async move || file(html, HTML))),
        ("/docs/page.js", get(async move || file(script, SCRIPT))),
        ("/docs/page.css", get(async move || file(style, STYLE))),
    ]
}

fn file(content_type: HeaderValue, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
