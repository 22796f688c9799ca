//! Turns sessions into figures, ratios and notes.

use super::load::Pace;
use super::session::Session;
use super::{Anchors, NetOptions};
use crate::disk::{Times, ms};
use crate::report::{Ratio, Report};

/// p50 with the other quantiles beside it.
fn latency(report: &mut Report, key: &str, name: &str, times: &Times) {
    if times.is_empty() {
        return;
    }
    let detail = format!(
        "p90 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2} ms; {} samples",
        ms(times, 0.9),
        ms(times, 0.99),
        ms(times, 0.999),
        ms(times, 1.0),
        times.len()
    );
    report.figure(key, name, (ms(times, 0.5), "ms"), detail);
}

const MIB: f64 = 1024.0 * 1024.0;

/// Figures of one session; `is_durable` tells the two of a run apart.
pub(super) fn figures(report: &mut Report, session: &Session, is_durable: bool) {
    let word = if is_durable { "fsync on" } else { "fsync off" };
    let key = |name: &str| format!("{name}_{}", if is_durable { "fsync" } else { "nosync" });
    let called = |name: &str| format!("{name} ({word})");
    let detail = format!(
        "{:.0} accepted per second, {} refused for the moment, {} lost; {:.0} per block",
        session.accepted_rate, session.refused, session.lost, session.per_block
    );
    let rate = (session.rate, "tx/s");
    report.figure(&key("rate"), &called("committed on every peer"), rate, detail);
    let name = called("commit latency on the last peer, p50");
    latency(report, &key("latency"), &name, &session.to_last);
    let name = called("commit latency on the first peer, p50");
    latency(report, &key("latency_first"), &name, &session.to_first);
    latency(report, &key("answer"), &called("answer of POST, p50"), &session.to_answer);
    let detail =
        format!("of all peers; the load generator takes {:.1} more", session.client_cpu_per_tx);
    let cpu = (session.cpu_per_tx, "us");
    report.figure(&key("cpu_per_tx"), &called("CPU per transaction"), cpu, detail);
    if let Some(probes) = &session.probes {
        let name = called("one transaction on the idle network, all peers, p50");
        latency(report, &key("idle_latency"), &name, &probes.all);
        let name = called("the same, on the peer that took it, p50");
        latency(report, &key("idle_latency_first"), &name, &probes.first);
    }
    if let Some(percent) = session.idle_cpu {
        let idle = (percent, "% of a core");
        report.figure(&key("idle_cpu"), &called("CPU of an idle peer"), idle, "");
    }
    let (idle, loaded) = session.memory;
    let memory = (loaded as f64 / MIB, "MiB");
    let detail = format!("{:.0} MiB idle", idle as f64 / MIB);
    report.figure(&key("memory"), &called("memory of the largest peer"), memory, detail);
    let (disk, size) = session.disk_bytes;
    let detail = format!("a transaction has {size:.0} bytes");
    report.figure(&key("disk"), &called("disk per transaction and peer"), (disk, "bytes"), detail);
    if session.is_stock_empty {
        report.note(format!(
            "The transactions signed in advance ran out ({word}): sign more with --stock."
        ));
    }
    if session.lost > 0 {
        report.note(format!(
            "{} transactions were accepted and never became final ({word}).",
            session.lost
        ));
    }
}

/// Ratios to the goals.
pub(super) fn ratios(report: &mut Report, sessions: &[(bool, Session)], anchors: Anchors) {
    let mut add = |ratio: Ratio| report.ratios.push(ratio);
    let of = |is_durable: bool| {
        sessions.iter().find(|(durable, _)| *durable == is_durable).map(|(_, session)| session)
    };
    if let Some(session) = of(true) {
        add(Ratio::at_least("G1", "committed tx/s ÷ bound", session.rate / anchors.bound, 0.5));
        if let Some(probes) = &session.probes {
            let (p50, p99) = (ms(&probes.all, 0.5), ms(&probes.all, 0.99));
            add(Ratio::at_most("G5", "idle commit p50 ÷ L", p50 / anchors.floor_ms, 2.5));
            add(Ratio::at_most("G5", "idle commit p99 ÷ L", p99 / anchors.floor_ms, 6.0));
        }
        if let Some(percent) = session.idle_cpu {
            add(Ratio::at_most("G10", "CPU of an idle peer, %", percent, 2.0));
        }
    }
    if let (Some(durable), Some(not)) = (of(true), of(false)) {
        let ratio = durable.rate / not.rate.max(1.0);
        add(Ratio::at_least("G7", "tx/s with fsync ÷ without", ratio, 0.9));
        if let (Some(with), Some(without)) = (&durable.probes, &not.probes) {
            let extra = ms(&with.all, 0.5) - ms(&without.all, 0.5);
            add(Ratio::at_most("G7", "extra idle p50 ÷ F", extra / anchors.sync_ms, 3.0));
        }
    }
}

/// What a reader must know.
pub(super) fn notes(report: &mut Report, options: &NetOptions) {
    let pace = match options.pace {
        Pace::Max => format!(
            "closed loop, {} connections a peer with up to {} requests under way each; latencies \
             under such a load say little",
            options.connections, options.pipeline
        ),
        Pace::Rate(rate) => format!(
            "open loop at {rate:.0} per second over {} connections a peer; latency counts from \
             when a transaction was due and is up to 5 ms too long (heights are polled)",
            options.connections
        ),
    };
    report.note(format!(
        "{} peers as processes, one channel, signed token transfers of {} clients, one POST each, \
         {} s after {} s of warm-up; {pace}.",
        options.peers,
        options.signers,
        options.duration.as_secs(),
        options.warmup.as_secs()
    ));
    report.note("The client runs on the same cores; everything it sends was signed before.");
    report.note("Rate limits are off: they do not apply to loopback addresses of a dev network.");
}
