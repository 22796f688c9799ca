//! `peer run`, `radiostation run`, `proxy run`: the processes of a network.
//!
//! They stop on SIGINT and SIGTERM; with `--until-stdin-closes` also when stdin ends, which is how
//! the children of `up` die with it, however it dies.

use super::{Done, runtime};
use crate::args::{Global, PeerRun, Run, RunCommand};
use crate::failure::Failure;
use host_node::Shutdown;
use host_node::config::{Overrides, PeerConfig, ProxyConfig, RadioStationConfig};
use host_types::fault::Code;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// `peer run`
pub(crate) fn peer(peer: &PeerRun, global: &Global) -> Done {
    let run = &peer.run;
    let mut config = PeerConfig::load(&run.home, &overrides(global)?)?;
    config.rejoin = peer.rejoin;
    if !run.home.join("peer.toml").exists() && !config.signing.key.exists() {
        let message = format!("{} is no home of a peer: no peer.toml, no keys", run.home.display());
        return Err(Failure::new(Code::ConfigUnreadable, message).with_help(
            "`--home DIR` names it; `loopchain testnet init` or `loopchain peer init` makes one",
        ));
    }
    runtime()?.block_on(async {
        let shutdown = watch(run)?;
        Ok::<_, Failure>(host_node::peer::run(config, shutdown).await?)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// `radiostation run`
pub(crate) fn radiostation(run: &Run, global: &Global) -> Done {
    let config = RadioStationConfig::load(&run.home, &overrides(global)?)?;
    runtime()?.block_on(async {
        let shutdown = watch(run)?;
        Ok::<_, Failure>(host_node::radiostation::run(config, shutdown).await?)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// `proxy run`
pub(crate) fn proxy(RunCommand::Run(run): &RunCommand, global: &Global) -> Done {
    let config = ProxyConfig::load(&run.home, &overrides(global)?)?;
    runtime()?.block_on(async {
        let shutdown = watch(run)?;
        Ok::<_, Failure>(host_node::proxy::run(config, shutdown).await?)
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn overrides(global: &Global) -> Result<Overrides, Failure> {
    let mut settings = Vec::new();
    match global.verbose {
        0 => {}
        1 => settings.push("log.level=debug".to_owned()),
        _ => settings.push("log.level=trace".to_owned()),
    }
    settings.extend(global.set.iter().cloned());
    // Names and values that are no text are nobody's settings.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Ok(Overrides::default().with_environment(variables).with_settings(&settings)?)
}

/// How long a child of `up` may take to stop by itself.
const CHILD_STOPS_WITHIN: std::time::Duration = std::time::Duration::from_secs(20);

/// Watches what may stop this process.
pub(crate) fn watch(run: &Run) -> Result<Shutdown, Failure> {
    let no_signals = |error: std::io::Error| {
        Failure::new(Code::Internal, format!("signals cannot be watched: {error}"))
    };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let (trigger, shutdown) = Shutdown::new();
    let is_child = run.until_stdin_closes;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = stdin_closes(), if is_child => {}
        }
        trigger.fire();
        // A second signal means: at once. So does the time after which nobody waits for a child.
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = tokio::time::sleep(CHILD_STOPS_WITHIN), if is_child => {}
        }
        std::process::exit(130);
    });
    Ok(shutdown)
}

/// Reads stdin to its end; nothing is expected on it. A thread of its own waits, because reading
/// stdin cannot be given up.
async fn stdin_closes() {
    let (closed, wait) = tokio::sync::oneshot::channel();
    let spawned = std::thread::Builder::new().name("stdin".into()).spawn(move || {
        let mut ignored = [0; 64];
        let mut stdin = std::io::stdin().lock();
        while std::io::Read::read(&mut stdin, &mut ignored).is_ok_and(|count| count > 0) {}
        closed.send(()).ok();
    });
    if spawned.is_ok() {
        // A lost sender means the same.
        wait.await.ok();
    }
}

#[cfg(test)]
mod tests {
    use crate::args::Cli;
    use host_types::fault::Code;

    #[test]
    fn a_folder_that_is_no_home_is_told_before_its_files_are_missed() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let cli = Cli::read(["loopchain", "peer", "run", "--home", home]).unwrap();
        let refused = crate::cmd::run(cli.command, cli.global, crate::output::Out::machine());
        let refused = refused.unwrap_err();
        assert_eq!((refused.code(), refused.exit()), (Code::ConfigUnreadable, 2));
        assert!(refused.to_text().contains("loopchain testnet init"), "{}", refused.to_text());
    }
}
