//! `log-collector run`, `log-collector query`: lines of many nodes in one place.
//!
//! In: a home folder with `log-collector.toml`. Out: a running collector; or the lines that it keeps,
//! read from its folder, which needs no running collector; or whether its files are still a chain.

use super::peer::{overrides, watch};
use super::{Context, Done, runtime};
use crate::args_logs::{CollectorQuery, LogCollectorCommand};
use crate::failure::Failure;
use host_collector::limits::FOLLOW_EVERY;
use host_collector::read::Reader;
use host_collector::{Record, chain};
use host_node::config::LogCollectorConfig;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Exit code when the chain is broken.
const EXIT_BROKEN: u8 = 7;

/// Runs it.
pub(crate) fn log_collector(command: &LogCollectorCommand, context: &Context) -> Done {
    let home = match command {
        LogCollectorCommand::Run(run) => &run.home,
        LogCollectorCommand::Query(query) => &query.home,
    };
    let config = LogCollectorConfig::load(home, &overrides(&context.global)?)?;
    match command {
        LogCollectorCommand::Run(run) => {
            runtime()?.block_on(async {
                let shutdown = watch(run)?;
                Ok::<_, Failure>(host_node::log_collector::run(config, shutdown).await?)
            })?;
            Ok(ExitCode::SUCCESS)
        }
        LogCollectorCommand::Query(query) if query.verify => verify(&config.data_dir, context),
        LogCollectorCommand::Query(query) => lines(query, &config.data_dir, context),
    }
}

fn lines(query: &CollectorQuery, folder: &Path, context: &Context) -> Done {
    let filter = query.wanted.filter();
    let mut reader = Reader::new(folder);
    let mut show = |record: Record| {
        if context.out.is_json() {
            context.out.json(&record.document());
        } else {
            context.out.line(&record.shown());
        }
    };
    loop {
        reader.read(&filter, &mut show).map_err(|error| Failure::file(folder, &error))?;
        if !query.wanted.follow || !context.out.is_read() {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(FOLLOW_EVERY);
    }
}

fn verify(folder: &Path, context: &Context) -> Done {
    let found = chain::verify(folder).map_err(|error| Failure::file(folder, &error))?;
    let broken = found.broken.as_ref();
    let document = json!({
        "schema": "loopchain.log-chain.v1",
        "first": found.first,
        "files": found.files,
        "records": found.records,
        "broken": broken.map(|broken| json!({"number": broken.number, "reason": broken.reason})),
    });
    let (files, records) = (found.files, found.records);
    let line = match broken {
        None if found.first > 1 => format!(
            "✓ {files} files with {records} lines follow each other from {} on; older ones were removed",
            found.first
        ),
        None => format!("✓ {files} files with {records} lines follow each other"),
        Some(broken) => format!("✗ file {} is broken: {}", broken.number, broken.reason),
    };
    context.out.either(&document, [line]);
    Ok(if broken.is_some() { ExitCode::from(EXIT_BROKEN) } else { ExitCode::SUCCESS })
}
