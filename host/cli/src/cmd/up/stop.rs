//! Who asks `up` to stop: Ctrl-C, SIGTERM, a closed terminal, `loopchain down`.
//!
//! In: signals and a file. Out: a level that only rises: go on, stop, at once.

use crate::cmd::down::STOP_FILE;
use crate::failure::Failure;
use crate::network::DataFolder;
use host_types::fault::Code;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How often the file of `loopchain down` is looked for.
const POLL: Duration = Duration::from_millis(100);

/// Waits for the wish to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<u8>);

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// In the background the terminal's end means nothing.
    is_detached: bool,
}

impl Signals {
    fn new(is_detached: bool) -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            is_detached,
        })
    }

    async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => if !self.is_detached { return },
            }
        }
    }
}

impl Stop {
    /// Begins to watch.
    pub(crate) fn watch(data: &DataFolder, is_detached: bool) -> Result<Self, Failure> {
        let file = data.join(STOP_FILE);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::file(&file, &error));
            }
            _ => {}
        }
        let mut signals = Signals::new(is_detached).map_err(|error| {
            Failure::new(Code::Internal, format!("signals cannot be watched: {error}"))
        })?;
        let (sender, receiver) = watch::channel(0);
        tokio::spawn(async move {
            tokio::select! {
                () = signals.next() => {}
                () = async { while !file.exists() { tokio::time::sleep(POLL).await } } => {}
            }
            sender.send_replace(1);
            signals.next().await;
            sender.send_replace(2);
        });
        Ok(Self(receiver))
    }

    /// Returns when the stop is asked for.
    pub(crate) async fn requested(&self) {
        self.reached(1).await;
    }

    /// Returns when it is asked for again.
    pub(crate) async fn insisted(&self) {
        self.reached(2).await;
    }

    async fn reached(&self, level: u8) {
        let mut receiver = self.0.clone();
        // The sender lives as long as its task, which waits for signals for ever.
        receiver.wait_for(|now| *now >= level).await.ok();
    }
}
