//! A refusal on its way to the client, in the form of the interface that was asked.
//!
//! In: a code and the facts. Out: for v1 `{"message": …}`, else RFC 9457 `application/problem+json`.
//! Handlers return a [`Problem`]; the gate writes the body, because only it knows path and request id.

use crate::arguments::CallError;
use crate::body;
use crate::json::{Json, JsonError};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host_types::{Code, Rejection};

/// Content type of v1 and v2 bodies.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Seconds after which a full pool or an exhausted rate is worth another try.
const RETRY_SOON: &str = "1";
/// Seconds after which a missing quorum or a catching-up node is worth another try.
const RETRY_LATER: &str = "5";

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its number.
    pub code: Code,
    /// HTTP status; most often the code's own.
    pub status: StatusCode,
    /// What is wrong, with the facts.
    pub detail: String,
    /// What to do.
    pub help: Vec<String>,
}

impl Problem {
    /// A refusal with the status and help of its code.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            status: StatusCode::from_u16(code.http()).unwrap_or(StatusCode::BAD_REQUEST),
            detail: detail.into(),
            help: vec![code.help().to_owned()],
        }
    }

    /// The same with another status.
    #[must_use]
    pub const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// There is nothing at this path.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Code::NotFound, detail)
    }

    /// A parameter of path, query or header is of another form.
    #[must_use]
    pub fn parameter(detail: impl Into<String>) -> Self {
        Self::new(Code::ParameterWrong, detail)
    }

    /// Words of the code's name: `ArgumentsWrong` is "Arguments wrong".
    fn title(&self) -> String {
        let mut title = String::new();
        for c in format!("{:?}", self.code).chars() {
            if c.is_ascii_uppercase() && !title.is_empty() {
                title.push(' ');
                title.push(c.to_ascii_lowercase());
            } else {
                title.push(c);
            }
        }
        title
    }

    /// The answer in v1's form.
    pub(crate) fn into_v1(self) -> Response {
        let message = Json::object([("message", self.v1_message().into())]);
        self.respond(JSON, body::python(&message) + "\n")
    }

    fn v1_message(&self) -> &str {
        match self.code {
            Code::JsonMalformed => {
                "The browser (or proxy) sent a request that this server could not understand."
            }
            Code::ContentType => {
                "Did not attempt to load JSON data because the request Content-Type was not \
                 'application/json'."
            }
            Code::MethodNotAllowed => "The method is not allowed for the requested URL.",
            Code::NotFound => {
                "The requested URL was not found on the server. If you entered the URL manually \
                 please check your spelling and try again."
            }
            _ => &self.detail,
        }
    }

    /// The answer as problem+json.
    pub(crate) fn into_problem_json(self, request_id: &str) -> Response {
        let body = self.problem_json(request_id);
        self.respond(HeaderValue::from_static("application/problem+json"), body)
    }

    /// Its body.
    pub(crate) fn problem_json(&self, request_id: &str) -> String {
        let json = Json::object([
            ("type", format!("urn:loopchain:error:{}", self.code).into()),
            ("title", self.title().into()),
            ("status", self.status.as_u16().into()),
            ("detail", self.detail.clone().into()),
            ("code", self.code.to_string().into()),
            ("request_id", request_id.into()),
            ("retryable", self.code.is_retryable().into()),
            ("help", self.help.iter().map(|line| Json::from(line.as_str())).collect()),
        ]);
        body::compact(&json)
    }

    fn respond(&self, content_type: HeaderValue, body: String) -> Response {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        let retry = match self.status {
            StatusCode::TOO_MANY_REQUESTS => Some(RETRY_SOON),
            StatusCode::SERVICE_UNAVAILABLE => Some(RETRY_LATER),
            _ => None,
        };
        if let Some(seconds) = retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// A response without a body that carries the problem to the gate.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection.code, rejection.message)
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        Self { help: error.help, ..Self::new(error.code, error.message) }
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        Self::new(Code::JsonMalformed, format!("the body is not JSON: {error}"))
    }
}
