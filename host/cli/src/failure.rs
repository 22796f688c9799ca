//! One shape for everything that goes wrong: a code, one line with the facts, what to do.
//!
//! In: refusals of all parts. Out: text or JSON for stderr, an exit code.

use host_node::config::ConfigError;
use host_types::fault::{Code, Rejection};
use serde_json::{Value, json};
use std::path::Path;

/// Why a command did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    code: Code,
    message: String,
    help: Vec<String>,
    exit: Option<u8>,
    request_id: Option<String>,
}

/// Exit code of a check that found problems.
pub(crate) const EXIT_FOUND: u8 = 7;

impl Failure {
    /// A failure; its help is the code's own until there is better.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message, help: Vec::new(), exit: None, request_id: None }
    }

    /// The same with a hint of its own.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// The same with another exit code than the code's.
    #[must_use]
    pub const fn with_exit(mut self, exit: u8) -> Self {
        self.exit = Some(exit);
        self
    }

    /// A file that cannot be read or written.
    #[must_use]
    pub fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::new(Code::ConfigUnreadable, format!("{}: {error}", path.display()))
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The line with the facts.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> u8 {
        self.exit.unwrap_or_else(|| self.code.exit())
    }

    fn help_lines(&self) -> Vec<String> {
        if self.help.is_empty() { vec![self.code.help().to_owned()] } else { self.help.clone() }
    }

    /// `error[LC1104]: …` with help; without colour.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("error[{}]: {}", self.code, self.message);
        for (i, line) in self.help_lines().iter().enumerate() {
            let lead = if i == 0 { "help:" } else { "     " };
            text.push_str(&format!("\n{lead} {line}"));
        }
        // An error drawn in a file is about a setting, which `explain` says more about.
        if self.message.contains("--> ") {
            text.push_str(&format!("\nmore: loopchain explain {}", self.code));
        }
        text
    }

    /// The JSON form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"error": {
            "code": self.code.to_string(),
            "message": self.message,
            "help": self.help_lines(),
            "retryable": self.code.is_retryable(),
            "request_id": self.request_id,
        }})
    }

    /// The failure that an `application/problem+json` body tells.
    #[must_use]
    pub(crate) fn from_problem(status: u16, body: &Value) -> Self {
        host_client::ClientError::from_problem(status, body).into()
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection.code, rejection.message)
    }
}

impl From<host_client::ClientError> for Failure {
    fn from(error: host_client::ClientError) -> Self {
        Self {
            code: error.code(),
            message: error.message().to_owned(),
            help: error.help().to_vec(),
            exit: None,
            request_id: error.request_id().map(str::to_owned),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let help = error.help.clone();
        let failure = Self::new(error.code, ConfigError { help: None, ..error }.to_string());
        match help {
            Some(help) => failure.with_help(help),
            None => failure,
        }
    }
}

impl From<host_web::arguments::CallError> for Failure {
    fn from(error: host_web::arguments::CallError) -> Self {
        let failure = Self::new(error.code, error.message);
        error.help.into_iter().fold(failure, Self::with_help)
    }
}

impl From<host_identity::AuthorityError> for Failure {
    fn from(error: host_identity::AuthorityError) -> Self {
        let code = match &error {
            host_identity::AuthorityError::File(file) => file.code(),
            host_identity::AuthorityError::Certificate(error) => error.code(),
            host_identity::AuthorityError::WrongOrganisation { .. } => Code::CertificateNameWrong,
            host_identity::AuthorityError::WeakKey(_) => Code::CertificateKeyWrong,
            _ => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<host_identity::keyfile::KeyFileError> for Failure {
    fn from(error: host_identity::keyfile::KeyFileError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<host_identity::CertificateError> for Failure {
    fn from(error: host_identity::CertificateError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<host_identity::CrlError> for Failure {
    fn from(error: host_identity::CrlError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<host_identity::invitation::InvitationError> for Failure {
    fn from(error: host_identity::invitation::InvitationError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<host_identity::KeyError> for Failure {
    fn from(error: host_identity::KeyError) -> Self {
        Self::new(Code::Internal, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_written_with_code_and_help() {
        let failure = Failure::new(Code::AlreadyRunning, "this network is already running (pid 7)");
        assert_eq!(
            failure.to_text(),
            "error[LC1301]: this network is already running (pid 7)\nhelp: `loopchain ps` shows \
             it, `loopchain down` stops it, `--data DIR --base-port B` starts a second one"
        );
        assert_eq!(failure.exit(), 2);
    }

    #[test]
    fn a_problem_of_a_peer_keeps_its_code_and_request_id() {
        let body = json!({"code": "LC3201", "detail": "no quorum", "request_id": "r1"});
        let failure = Failure::from_problem(503, &body);
        assert_eq!((failure.code(), failure.exit()), (Code::NoQuorum, 5));
        assert_eq!(failure.to_json()["error"]["request_id"], "r1");
        assert_eq!(Failure::from_problem(500, &json!({})).code(), Code::Internal);
    }
}
