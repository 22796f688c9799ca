//! `logs [NAME] [-f]`: lines of the processes of a local network.

use super::{Context, Done};
use crate::args::Logs;
use crate::failure::Failure;
use host_types::fault::Code;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How much of the end of each log is shown first, bytes.
const TAIL_BYTES: u64 = 16 * 1024;
/// How often new lines are looked for.
const POLL: Duration = Duration::from_millis(200);

struct Log {
    name: String,
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
}

/// Runs it.
pub(crate) fn logs(logs: &Logs, context: &Context) -> Done {
    let network = context.data.require_network()?;
    let mut names: Vec<_> = network.members.iter().map(|member| member.name.clone()).collect();
    if context.data.log("up").exists() {
        names.push("up".to_owned());
    }
    if let Some(name) = &logs.name {
        if !names.contains(name) {
            let message = format!("there is no log of `{name}`");
            return Err(Failure::new(Code::NotFound, message)
                .with_help(format!("there are logs of {}", names.join(", "))));
        }
        names = vec![name.clone()];
    }
    let is_labelled = names.len() > 1;
    let mut open: Vec<_> = names
        .into_iter()
        .map(|name| Log { path: context.data.log(&name), name, offset: 0, rest: Vec::new() })
        .collect();
    for log in &mut open {
        let length = log.path.metadata().map(|about| about.len()).unwrap_or_default();
        log.offset = length.saturating_sub(TAIL_BYTES);
        let is_cut = log.offset > 0;
        for line in new_lines(log)?.into_iter().skip(usize::from(is_cut)) {
            print(context, log, is_labelled, &line);
        }
    }
    if !logs.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        std::thread::sleep(POLL);
        for log in &mut open {
            for line in new_lines(log)? {
                print(context, log, is_labelled, &line);
            }
        }
    }
}

/// Data of a stream: a line each, JSON as the process wrote it.
fn print(context: &Context, log: &Log, is_labelled: bool, line: &str) {
    if context.out.is_json() {
        let parsed: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| line.into());
        let schema = "loopchain.log.v1";
        context.out.json(&serde_json::json!({"schema": schema, "of": log.name, "line": parsed}));
    } else if is_labelled {
        context.out.line(&format!("{:<13} {line}", log.name));
    } else {
        context.out.line(line);
    }
}

fn new_lines(log: &mut Log) -> Result<Vec<String>, Failure> {
    let mut file = match File::open(&log.path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::file(&log.path, &error)),
    };
    let mut fresh = Vec::new();
    let read = file.seek(SeekFrom::Start(log.offset)).and_then(|_| file.read_to_end(&mut fresh));
    let count = read.map_err(|error| Failure::file(&log.path, &error))?;
    log.offset += count as u64;
    log.rest.extend(fresh);
    let Some(end) = log.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
    let rest = log.rest.split_off(end + 1);
    let whole = std::mem::replace(&mut log.rest, rest);
    Ok(String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_whole_lines_are_told_and_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peer0.log");
        let mut file = File::create(&path).unwrap();
        let mut log = Log { name: "peer0".to_owned(), path, offset: 0, rest: Vec::new() };
        write!(file, "one\ntw").unwrap();
        assert_eq!(new_lines(&mut log).unwrap(), ["one"]);
        write!(file, "o\nthree\n").unwrap();
        assert_eq!(new_lines(&mut log).unwrap(), ["two", "three"]);
        assert_eq!(new_lines(&mut log).unwrap(), Vec::<String>::new());
    }
}
