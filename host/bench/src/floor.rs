//! `bench floor`: L, the least time in which four nodes on this machine can commit.
//!
//! In: nothing but time. Out: latency of one proposal with one and two rounds of votes, with and
//! without making every vote durable first. A leader and three followers are threads that talk over
//! blocking loopback TCP; everything sent is signed and everything received is checked. There is no
//! runtime, no queue and no storage but one log file each. A network's latency is judged as a
//! multiple of this.

mod follower;

use crate::CommonOptions;
use crate::disk::{Times, ms, new_times, note};
use crate::error::BenchError;
use crate::report::Report;
use crate::scratch::Scratch;
use follower::{Follower, Log};
use host_identity::keypair::SigningKey;
use host_identity::verify::verify;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of a proposal: one transaction of 300 bytes.
const PROPOSAL_BYTES: usize = 300;
/// Bytes of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;
/// Followers of the leader: four nodes in all.
const FOLLOWERS: u8 = 3;
/// Followers whose votes make a quorum with the leader's own.
const VOTES: usize = 2;
/// Commits before the clock counts, at most.
const WARM_UP_MAX: usize = 50;
/// Rest between commits, so that each starts on an idle machine.
const PAUSE: Duration = Duration::from_micros(300);
const PLACE: &str = "loopback";

/// What `bench floor` takes.
#[derive(Clone, Debug)]
pub struct FloorOptions {
    /// For every bench.
    pub common: CommonOptions,
    /// Commits of each kind.
    pub samples: usize,
}

impl Default for FloorOptions {
    fn default() -> Self {
        Self { common: CommonOptions::default(), samples: 1_000 }
    }
}

/// How a commit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Rounds of votes: 1 or 2.
    pub rounds: usize,
    /// Whether proposals and votes are durable before they are sent, and commits before they count.
    pub is_durable: bool,
}

/// Measures all four kinds.
///
/// # Errors
/// The disk, or no connections on this machine.
pub fn run(options: &FloorOptions) -> Result<Report, BenchError> {
    let mut report = Report::start("floor", &options.common.dir);
    for is_durable in [false, true] {
        for rounds in [1, 2] {
            let kind = Kind { rounds, is_durable };
            let times = measure(&options.common.dir, kind, options.samples)?;
            let (sync, word) =
                if is_durable { ("fsync", "with fsync") } else { ("nosync", "no fsync") };
            let name = format!("L: {rounds} round(s) of votes, {word}, p50");
            let detail = format!("p99 {:.2} ms", ms(&times, 0.99));
            report.figure(&format!("L_{rounds}_{sync}"), &name, (ms(&times, 0.5), "ms"), detail);
        }
    }
    report
        .note("Leader and three followers, blocking TCP, Ed25519 on everything, one transaction.");
    Ok(report.finish())
}

/// Commit times of one kind.
///
/// # Errors
/// As [`run`].
pub fn measure(dir: &Path, kind: Kind, samples: usize) -> Result<Times, BenchError> {
    let scratch = Scratch::new(dir)?;
    let listener =
        TcpListener::bind("127.0.0.1:0").map_err(BenchError::connection("listen on", PLACE))?;
    let address = listener.local_addr().map_err(BenchError::connection("listen on", PLACE))?;
    let leader_key = SigningKey::from_seed([9; 32]);
    let keys: Vec<SigningKey> =
        (0..FOLLOWERS).map(|i| SigningKey::from_seed([i + 1; 32])).collect();
    let public_keys: Vec<[u8; 32]> = keys.iter().map(SigningKey::public).collect();
    let mut running = Vec::new();
    for (number, key) in keys.into_iter().enumerate() {
        let log = Log::new(&scratch.path().join(format!("follower{number}")), kind.is_durable)?;
        let stream =
            TcpStream::connect(address).map_err(BenchError::connection("connect to", PLACE))?;
        let leader = leader_key.public();
        let follower = Follower::new(stream, key, leader, public_keys.clone(), log)?;
        running.push(std::thread::spawn(move || follower.run(kind.rounds)));
    }
    let mut leader = Leader {
        followers: accept(&listener)?,
        key: leader_key,
        public_keys,
        log: Log::new(&scratch.path().join("leader"), kind.is_durable)?,
    };
    let times = leader.run(kind, samples);
    drop(leader);
    for thread in running {
        thread.join().map_err(|_| BenchError::void("a follower panicked"))??;
    }
    times
}

/// The followers' connections, in the order in which they were opened.
fn accept(listener: &TcpListener) -> Result<Vec<TcpStream>, BenchError> {
    let accepted = (0..FOLLOWERS).map(|_| {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        Ok(stream)
    });
    accepted.collect::<Result<_, _>>().map_err(BenchError::connection("accept on", PLACE))
}

struct Leader {
    followers: Vec<TcpStream>,
    key: SigningKey,
    public_keys: Vec<[u8; 32]>,
    log: Log,
}

impl Leader {
    fn run(&mut self, kind: Kind, samples: usize) -> Result<Times, BenchError> {
        let mut times = new_times()?;
        let warm_up = samples.min(WARM_UP_MAX);
        for number in 0..samples + warm_up {
            let mut proposal = [0; PROPOSAL_BYTES];
            proposal.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
            let start = Instant::now();
            self.commit(&proposal, kind.rounds)?;
            if number >= warm_up {
                note(&mut times, start);
            }
            std::thread::sleep(PAUSE);
        }
        Ok(times)
    }

    fn commit(&mut self, proposal: &[u8], rounds: usize) -> Result<(), BenchError> {
        let mut signed = proposal.to_vec();
        signed.extend_from_slice(&self.key.sign(proposal));
        self.send_all(&signed)?;
        self.log.append(&signed)?;
        for _ in 0..rounds {
            let certificate = self.collect(proposal)?;
            self.send_all(&certificate)?;
        }
        self.log.append(&signed)
    }

    fn send_all(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        let sent = self.followers.iter_mut().try_for_each(|follower| follower.write_all(bytes));
        sent.map_err(BenchError::connection("send over", PLACE))
    }

    /// Waits for all votes, checks a quorum of them, and gives that quorum.
    fn collect(&mut self, proposal: &[u8]) -> Result<Vec<u8>, BenchError> {
        let mut certificate = Vec::with_capacity(VOTES * SIGNATURE_BYTES);
        for (number, follower) in self.followers.iter_mut().enumerate() {
            let mut vote = [0; SIGNATURE_BYTES];
            follower.read_exact(&mut vote).map_err(BenchError::connection("read from", PLACE))?;
            if number < VOTES {
                let is_right =
                    self.public_keys.get(number).is_some_and(|key| verify(key, proposal, &vote));
                if !is_right {
                    return Err(BenchError::void("a vote does not verify"));
                }
                certificate.extend_from_slice(&vote);
            }
        }
        Ok(certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_commits() {
        let dir = std::env::temp_dir();
        for is_durable in [false, true] {
            for rounds in [1, 2] {
                let times = measure(&dir, Kind { rounds, is_durable }, 5).unwrap();
                assert_eq!(times.len(), 5);
            }
        }
    }
}
