//! `ps`: what runs, with which process and where.

use super::{Context, Done};
use crate::beside_members::{Helper, HelperRole};
use crate::network::{MemberRole, RunningProcess};
use crate::output::table;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs it.
pub(crate) fn ps(context: &Context) -> Done {
    let network = context.data.require_network()?;
    let run = context.data.running()?;
    let process = |name: &str| {
        run.as_ref().and_then(|run| run.processes.iter().find(|process| process.name == name))
    };
    let mut documents = Vec::new();
    let mut rows = Vec::new();
    for member in &network.members {
        let role = match member.role {
            MemberRole::Radiostation => "radiostation",
            MemberRole::Peer => "peer",
        };
        let process = process(&member.name);
        let pid = process.map(|process| process.pid);
        documents.push(json!({
            "name": member.name,
            "organisation": member.org,
            "role": role,
            "pid": pid,
            "restarts": process.map_or(0, |process| process.restarts),
            "rpc": member.rpc(),
            "rest": member.url(),
            "operations": format!("http://{}", member.ops()),
        }));
        rows.push(vec![
            member.name.clone(),
            member.org.clone(),
            role.to_owned(),
            pid.map_or_else(|| "stopped".to_owned(), |pid| pid.to_string()),
            member.rpc(),
            member.url(),
        ]);
    }
    // They stand in no network.json: those are told that run.
    let base_port = network.base_port;
    for helper in HelperRole::ALL.into_iter().filter_map(|role| role.at(base_port)) {
        if let Some(process) = process(helper.role.name()) {
            let (document, row) = beside(helper, process);
            documents.push(document);
            rows.push(row);
        }
    }
    let document = json!({
        "schema": "loopchain.ps.v1",
        "data": context.data.path().display().to_string(),
        "pid": run.as_ref().map(|run| run.pid),
        "ready": run.as_ref().is_some_and(|run| run.is_ready),
        "processes": documents,
    });
    let head = ["NAME", "ORGANISATION", "ROLE", "PID", "RPC", "REST"];
    context.out.either(&document, table(&head, rows));
    Ok(ExitCode::SUCCESS)
}

/// A process beside the members, for programs and for people.
fn beside(helper: Helper, process: &RunningProcess) -> (Value, Vec<String>) {
    let name = helper.role.name();
    let document = json!({
        "name": name,
        "organisation": helper.organisation(),
        "role": name,
        "pid": process.pid,
        "restarts": process.restarts,
        "rpc": helper.rpc(),
        "rest": helper.url(),
        "operations": helper.ops().map(|address| format!("http://{address}")),
    });
    let none = || "-".to_owned();
    let row = vec![
        name.to_owned(),
        helper.organisation().unwrap_or("-").to_owned(),
        name.to_owned(),
        process.pid.to_string(),
        helper.rpc().unwrap_or_else(none),
        helper.url().unwrap_or_else(none),
    ];
    (document, row)
}
