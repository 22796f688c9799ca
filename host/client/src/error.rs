//! Why a request to a peer did not do what it should: the same code and words as everywhere.
//!
//! In: problem documents (RFC 9457) of peers, refusals of the parts below. Out: a [`ClientError`].
//! Nothing decides by its text: [`ClientError::code`] and [`ClientError::is_retryable`] do.

use host_types::fault::{Code, Rejection};
use serde_json::Value;
use std::time::Duration;

/// Why it failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ClientError {
    code: Code,
    message: String,
    help: Vec<String>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    /// What the peer said, which may know codes that this release does not.
    retryable: Option<bool>,
}

impl ClientError {
    /// An error; its help is the code's own until there is better.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            code,
            message,
            help: Vec::new(),
            request_id: None,
            retry_after: None,
            retryable: None,
        }
    }

    /// The same with a hint of its own.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    pub(crate) const fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The error that an `application/problem+json` body tells.
    #[must_use]
    pub fn from_problem(status: u16, body: &Value) -> Self {
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        let code = text("code")
            .and_then(|code| code.strip_prefix("LC").and_then(|number| number.parse().ok()))
            .and_then(Code::from_number);
        let message = text("detail").or_else(|| text("title"));
        let message = message.unwrap_or_else(|| format!("the peer answered with status {status}"));
        let help = match body.get("help") {
            Some(Value::Array(lines)) => {
                lines.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(Value::String(line)) => vec![line.clone()],
            _ => Vec::new(),
        };
        let request_id = text("request_id");
        let retryable = body.get("retryable").and_then(Value::as_bool);
        Self { help, request_id, retryable, ..Self::new(code.unwrap_or(Code::Internal), message) }
    }

    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The facts, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, where there is more to say than the code's own help.
    #[must_use]
    pub fn help(&self) -> &[String] {
        &self.help
    }

    /// Id of the request in the peer's log.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self.retryable {
            Some(told) => told,
            None => self.code.is_retryable(),
        }
    }

    /// How long the peer asked to wait (`Retry-After`).
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl From<Rejection> for ClientError {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection.code, rejection.message)
    }
}

impl From<host_web::arguments::CallError> for ClientError {
    fn from(error: host_web::arguments::CallError) -> Self {
        let failure = Self::new(error.code, error.message);
        error.help.into_iter().fold(failure, Self::with_help)
    }
}

impl From<host_identity::keyfile::KeyFileError> for ClientError {
    fn from(error: host_identity::keyfile::KeyFileError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_of_a_peer_keeps_its_code_help_and_request_id() {
        let body = json!({"code": "LC3201", "detail": "no quorum", "request_id": "r1",
            "help": ["start two peers"]});
        let error = ClientError::from_problem(503, &body);
        assert_eq!((error.code(), error.request_id()), (Code::NoQuorum, Some("r1")));
        assert_eq!(error.help(), ["start two peers"]);
        assert!(error.is_retryable());
    }

    #[test]
    fn an_answer_without_a_code_is_internal_and_names_the_status() {
        let error = ClientError::from_problem(500, &json!({}));
        assert_eq!(error.code(), Code::Internal);
        assert_eq!(error.message(), "the peer answered with status 500");
        let of_a_later_release = json!({"code": "LC3999", "retryable": false});
        assert!(!ClientError::from_problem(503, &of_a_later_release).is_retryable());
    }
}
