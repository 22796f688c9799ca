//! A follower of `bench floor`, and the log that makes its votes durable.

use super::{PLACE, PROPOSAL_BYTES, SIGNATURE_BYTES, VOTES};
use crate::error::BenchError;
use host_identity::keypair::SigningKey;
use host_identity::verify::verify;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

/// A file that is appended to and synced, or nothing.
#[derive(Debug)]
pub(super) struct Log {
    file: Option<File>,
    path: PathBuf,
}

impl Log {
    /// A new one; `is_durable`: each append is synced, otherwise there is none.
    pub(super) fn new(path: &Path, is_durable: bool) -> Result<Self, BenchError> {
        let file = is_durable.then(|| File::create(path)).transpose();
        let file = file.map_err(BenchError::disk("make", path))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Makes bytes durable.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes)
            .and_then(|()| file.sync_data())
            .map_err(BenchError::disk("write and sync", &self.path))
    }
}

/// Votes for whatever the leader proposes, once it is checked and durable.
#[derive(Debug)]
pub(super) struct Follower {
    stream: TcpStream,
    key: SigningKey,
    leader: [u8; 32],
    followers: Vec<[u8; 32]>,
    log: Log,
}

impl Follower {
    pub(super) fn new(
        stream: TcpStream,
        key: SigningKey,
        leader: [u8; 32],
        followers: Vec<[u8; 32]>,
        log: Log,
    ) -> Result<Self, BenchError> {
        stream.set_nodelay(true).map_err(BenchError::connection("set up", PLACE))?;
        Ok(Self { stream, key, leader, followers, log })
    }

    /// Follows until the leader hangs up.
    pub(super) fn run(mut self, rounds: usize) -> Result<(), BenchError> {
        let mut signed = [0; PROPOSAL_BYTES + SIGNATURE_BYTES];
        loop {
            match self.stream.read_exact(&mut signed) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(BenchError::connection("read from", PLACE)(error)),
            }
            self.follow(&signed, rounds)?;
        }
    }

    fn follow(&mut self, signed: &[u8], rounds: usize) -> Result<(), BenchError> {
        let (proposal, signature) = signed.split_at(PROPOSAL_BYTES);
        self.require(self.leader, proposal, signature)?;
        for round in 0..rounds {
            self.log.append(signed)?;
            let vote = self.key.sign(proposal);
            self.stream.write_all(&vote).map_err(BenchError::connection("send over", PLACE))?;
            let mut certificate = [0; VOTES * SIGNATURE_BYTES];
            self.stream
                .read_exact(&mut certificate)
                .map_err(BenchError::connection("read from", PLACE))?;
            for (key, vote) in self.followers.iter().zip(certificate.chunks(SIGNATURE_BYTES)) {
                self.require(*key, proposal, vote)?;
            }
            if round + 1 == rounds {
                self.log.append(signed)?;
            }
        }
        Ok(())
    }

    fn require(&self, key: [u8; 32], message: &[u8], signature: &[u8]) -> Result<(), BenchError> {
        let is_right = signature.try_into().is_ok_and(|it: [u8; 64]| verify(&key, message, &it));
        if is_right { Ok(()) } else { Err(BenchError::void("a message does not verify")) }
    }
}
