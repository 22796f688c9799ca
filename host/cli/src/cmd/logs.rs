//! `logs [NAME] [-f]`: lines of the processes of a local network, all or those that are wanted.
//!
//! In: the files that the processes write, one each. Out: their lines, by time; control characters
//! are escaped. What a log collector keeps is `log-collector query`, which takes the same wishes.

use super::{Context, Done};
use crate::args_logs::Logs;
use crate::beside_members::HelperRole;
use crate::failure::Failure;
use host_collector::record::escaped;
use host_collector::{Filter, Record};
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

/// Lines that one answer holds while it puts them in order; more: the oldest are left out.
const LINES_MAX: usize = 100_000;

struct Log {
    name: String,
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
    /// Time of its newest line that told one: what follows without (a panic) is of the same moment.
    time_us: u64,
}

/// A line that is wanted.
struct Found {
    time_us: u64,
    name: String,
    line: String,
}

/// Runs it.
pub(crate) fn logs(logs: &Logs, context: &Context) -> Done {
    let network = context.data.require_network()?;
    let mut names: Vec<_> = network.members.iter().map(|member| member.name.clone()).collect();
    // Not every `up` starts them, or runs in the background.
    let more = HelperRole::ALL.map(HelperRole::name).into_iter().chain(["up"]);
    names.extend(more.filter(|name| context.data.log(name).exists()).map(str::to_owned));
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
        .map(|name| Log {
            path: context.data.log(&name),
            name,
            offset: 0,
            rest: Vec::new(),
            time_us: 0,
        })
        .collect();
    let filter = logs.wanted.filter();
    let organisation = |name: &str| {
        let member = network.members.iter().find(|member| member.name == name);
        let helper = HelperRole::ALL.into_iter().find(|role| role.name() == name);
        let helper = helper.and_then(|role| role.at(network.base_port)?.organisation());
        let org = member.map(|member| member.org.as_str()).or(helper);
        org.map_or_else(|| name.to_owned(), |org| format!("{org}/{name}"))
    };
    let mut found = Vec::new();
    for log in &mut open {
        let length = log.path.metadata().map(|about| about.len()).unwrap_or_default();
        log.offset = if filter.is_empty() { length.saturating_sub(TAIL_BYTES) } else { 0 };
        let is_cut = log.offset > 0;
        let lines = new_lines(log)?.into_iter().skip(usize::from(is_cut));
        found.extend(wanted(log, &organisation(&log.name), &filter, lines.collect()));
    }
    show(context, is_labelled, found);
    while logs.wanted.follow && context.out.is_read() {
        std::thread::sleep(POLL);
        let mut found = Vec::new();
        for log in &mut open {
            let lines = new_lines(log)?;
            found.extend(wanted(log, &organisation(&log.name), &filter, lines));
        }
        show(context, is_labelled, found);
    }
    Ok(ExitCode::SUCCESS)
}

fn wanted(log: &mut Log, source: &str, filter: &Filter, lines: Vec<String>) -> Vec<Found> {
    let found = lines.into_iter().filter_map(|line| {
        let parsed = serde_json::from_str(&line).ok().filter(serde_json::Value::is_object);
        let is_plain = parsed.is_none();
        let parsed = parsed.unwrap_or_else(|| serde_json::json!({"message": line}));
        let time_us = is_plain.then_some(log.time_us);
        let record = Record::of_line(source.to_owned(), time_us, parsed);
        log.time_us = record.time_us;
        let (time_us, name) = (record.time_us, log.name.clone());
        filter.takes(&record).then_some(Found { time_us, name, line })
    });
    found.collect()
}

fn show(context: &Context, is_labelled: bool, mut found: Vec<Found>) {
    found.sort_by_key(|found| found.time_us);
    let left_out = found.len().saturating_sub(LINES_MAX);
    if left_out > 0 {
        context.out.note(&format!("{left_out} older lines are left out: narrow it with --since"));
    }
    for found in found.into_iter().skip(left_out) {
        print(context, &found.name, is_labelled, &found.line);
    }
}

/// Data of a stream: a line each, JSON as the process wrote it.
fn print(context: &Context, name: &str, is_labelled: bool, line: &str) {
    if context.out.is_json() {
        let parsed: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| line.into());
        let schema = "loopchain.log.v1";
        context.out.json(&serde_json::json!({"schema": schema, "of": name, "line": parsed}));
    } else if is_labelled {
        context.out.line(&escaped(&format!("{name:<13} {line}")));
    } else {
        context.out.line(&escaped(line));
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
        let mut log =
            Log { name: "peer0".to_owned(), path, offset: 0, rest: Vec::new(), time_us: 0 };
        write!(file, "one\ntw").unwrap();
        assert_eq!(new_lines(&mut log).unwrap(), ["one"]);
        write!(file, "o\nthree\n").unwrap();
        assert_eq!(new_lines(&mut log).unwrap(), ["two", "three"]);
        assert_eq!(new_lines(&mut log).unwrap(), Vec::<String>::new());
    }
}
