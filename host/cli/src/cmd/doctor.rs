//! `doctor`: looks at the machine, configuration, keys, clock, disk and peers, and says what to do.
//!
//! In: the local network, or the home folder of one process. Out: a line for each check, with a
//! command for what is not well; exit code 7 when anything is a problem. Every check is a file in
//! `doctor/`. Deliberately not here: changing anything.

mod clock;
mod configuration;
mod disk;
mod keys;
mod machine;
mod peers;
mod place;

use super::{Context, Done};
use crate::args::Doctor;
use crate::failure::{EXIT_FOUND, Failure};
use crate::output::{BAD, OK, WARN};
use host_types::fault::Code;
use place::Place;
use serde_json::{Value, json};
use std::process::ExitCode;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ok,
    Warning,
    Problem,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    check: &'static str,
    state: State,
    code: Option<Code>,
    message: String,
    /// What to type or do, best first.
    steps: Vec<String>,
}

impl Finding {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { check, state: State::Ok, code: None, message, steps: Vec::new() }
    }

    fn warning(check: &'static str, code: Code, message: impl Into<String>) -> Self {
        Self { state: State::Warning, code: Some(code), ..Self::ok(check, message) }
    }

    fn problem(check: &'static str, code: Code, message: impl Into<String>) -> Self {
        Self { state: State::Problem, code: Some(code), ..Self::ok(check, message) }
    }

    /// The same with something to do.
    fn with_step(mut self, step: impl Into<String>) -> Self {
        self.steps.push(step.into());
        self
    }

    /// A failure of another part as a problem; its first line, and its help as steps.
    fn of(check: &'static str, failure: &Failure) -> Self {
        let document = failure.to_json();
        let help = document["error"]["help"].as_array().into_iter().flatten();
        let steps = help.filter_map(Value::as_str).map(str::to_owned).collect();
        Self { steps, ..Self::problem(check, failure.code(), failure.message()) }
    }

    fn lines(&self) -> Vec<String> {
        let mark = match self.state {
            State::Ok => OK,
            State::Warning => WARN,
            State::Problem => BAD,
        };
        let code = self.code.map(|code| format!("{code} ")).unwrap_or_default();
        // An error drawn in a file goes on in lines of its own.
        let mut said = self.message.lines();
        let first = said.next().unwrap_or_default();
        let mut lines = vec![format!("  {mark} {:<14} {code}{first}", self.check)];
        lines.extend(said.map(|line| format!("      {line}")));
        let steps = self.steps.iter().enumerate();
        lines.extend(steps.map(|(index, step)| format!("      {}. {step}", index + 1)));
        lines
    }

    fn document(&self) -> Value {
        let state = match self.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Problem => "problem",
        };
        json!({
            "check": self.check, "state": state, "code": self.code.map(|code| code.to_string()),
            "message": self.message, "steps": self.steps,
        })
    }
}

/// Runs it.
pub(crate) fn doctor(args: &Doctor, context: &Context) -> Done {
    let place = Place::of(args, context)?;
    let mut findings = machine::check(&place)?;
    findings.extend(configuration::check(&place));
    findings.extend(keys::check(&place));
    findings.push(clock::check(&place));
    findings.push(disk::check(&place));
    findings.extend(peers::check(&place)?);
    let count = |state| findings.iter().filter(|one| one.state == state).count();
    let (problems, warnings) = (count(State::Problem), count(State::Warning));
    let mut lines: Vec<_> = findings.iter().flat_map(Finding::lines).collect();
    lines.push(format!("{} checks, {warnings} warnings, {problems} problems", findings.len()));
    let documents: Vec<_> = findings.iter().map(Finding::document).collect();
    let document = json!({
        "schema": "loopchain.doctor.v1", "checks": documents, "warnings": warnings,
        "problems": problems,
    });
    context.out.either(&document, lines);
    Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_its_number_and_numbered_steps() {
        let found = Finding::problem("disk", Code::DiskLow, "/data 2 % free")
            .with_step("loopchain reset --yes")
            .with_step("grow the volume");
        assert_eq!(
            found.lines(),
            [
                format!("  {BAD} disk           LC5102 /data 2 % free"),
                "      1. loopchain reset --yes".to_owned(),
                "      2. grow the volume".to_owned(),
            ]
        );
        let document = found.document();
        assert_eq!((&document["state"], &document["code"]), (&"problem".into(), &"LC5102".into()));
        let failure = Failure::new(Code::ConfigSyntax, "x").with_help("correct it");
        assert_eq!(Finding::of("configuration", &failure).steps, ["correct it"]);
    }
}
