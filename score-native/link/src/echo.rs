//! A process in the sandbox that sends back what it is sent: no talk with a worker can be faster on
//! this machine.
//!
//! In: how a worker is started. Out: round trips, which block their thread: this is for a bench. No
//! SCORE runs in it, and a node never starts one.

use crate::process::Process;
use crate::worker::{Sandbox, start_only};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// Bytes of a round trip, each way: less than any order or answer has.
pub const ECHO_BYTES: usize = 64;

/// What a worker's command line says for it, after `--only`.
pub const ECHO: &str = "echo";

/// See the head of this file.
#[derive(Debug)]
pub struct Echo {
    socket: UnixStream,
    /// Ends with it.
    _process: Process,
}

impl Echo {
    /// Starts the process, `program` with `args` as in [`crate::WorkerConfig::new`], and closes its sandbox.
    ///
    /// # Errors
    /// Why it does not run, in words for the operator.
    pub async fn start(
        program: impl Into<PathBuf>,
        args: Vec<OsString>,
        sandbox: Sandbox,
    ) -> Result<Self, String> {
        let process = start_only(program, args, sandbox, ECHO).await?;
        let socket = process.blocking_socket().map_err(|e| format!("its socket: {e}"))?;
        Ok(Self { socket, _process: process })
    }

    /// Sends [`ECHO_BYTES`] and waits until they are back.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn round_trip(&mut self) -> io::Result<()> {
        let mut bytes = [0; ECHO_BYTES];
        self.socket.write_all(&bytes)?;
        self.socket.read_exact(&mut bytes)
    }
}
