//! One node's signer: the real guard and the real sign log of `host/store`, on a disk that forgets
//! what was not synced and may tear the last write.
//!
//! In: jobs in order, as the actor of a channel hands them over; where the power goes. Out: answers,
//! or nothing when the node fell. The steps are those of `host/node/src/signer.rs`: files first, then
//! guard, signature, log and sync, then the answers, then floors. Not here: when a flush is done.

use crate::channel::Channel;
use host_store::faulty::{Fault, FaultyDisk};
use host_store::{Entry, Guard, Record, SignLog, Verdict};
use host_types::statement::{Slot, Statement};
use host_types::{Epoch, GenesisHash, View};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

/// Bytes of a file of the log: few, so that runs meet its end.
const SEGMENT_BYTES: u64 = 24 * 1024;
/// Requests that go down in one sync.
const BATCH_MAX: usize = 256;

/// One thing to make durable.
#[derive(Clone, Debug)]
pub enum Job {
    /// Sign a statement.
    Sign {
        /// Number of the request.
        sequence: u64,
        /// Registers.
        slots: Vec<Slot>,
        /// The rule's own bytes.
        body: Vec<u8>,
        /// Whether payloads or write sets must be synced first.
        needs_files: bool,
    },
    /// Keep a record of the rule.
    Persist {
        /// Its view.
        view: View,
        /// The rule's own bytes.
        record: Vec<u8>,
    },
    /// Everything at or below this view is final.
    Floor {
        /// The view.
        view: View,
    },
}

/// For whom jobs are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// In which epoch.
    pub epoch: Epoch,
    /// The validator's number in the run; of a follower, none that exists.
    pub number: u16,
}

/// What the channel hears back.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Signed and durable.
    Signed(u64, Statement),
    /// Refused by the guard; the slot it refused.
    Guarded(u64, Slot),
    /// Signing has stopped.
    Stopped(u64),
}

/// Where the power goes in a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Nowhere.
    None,
    /// Before anything.
    Before,
    /// Payloads are synced, nothing is signed.
    AfterFiles,
    /// In the write of the log: any sectors of it are there.
    InWrite,
    /// Written, not synced.
    InSync,
    /// Synced; nobody was told.
    AfterSync,
    /// The sync answers an error and the power stays: nothing is signed until a restart.
    Error,
}

/// What a channel wants made durable.
#[derive(Clone, Debug)]
struct Request {
    channel: GenesisHash,
    seat: Seat,
    jobs: Vec<Job>,
}

/// The signer.
#[derive(Debug)]
pub struct Signer {
    disk: FaultyDisk,
    log: Option<SignLog>,
    guard: Guard,
    queue: VecDeque<Request>,
    /// A flush is under way.
    pub is_busy: bool,
    has_guard: bool,
}

impl Signer {
    /// Opens the log of a disk. Without one that can be trusted (`is_lost`) nothing is signed.
    ///
    /// # Errors
    /// One line: the log does not open although only crashes happened to it.
    pub fn open(
        disk: FaultyDisk,
        channel: &Channel,
        (is_lost, has_guard): (bool, bool),
    ) -> Result<(Self, Vec<Entry>), String> {
        let opened = SignLog::open_on(Arc::new(disk.clone()), Path::new("sign"), SEGMENT_BYTES);
        let (log, replay) = opened.map_err(|error| format!("the sign log: {error}"))?;
        let guard = Guard::from_replay(&replay);
        let mut channels = replay.channels;
        let entries = channels.remove(&channel.hash).unwrap_or_default().entries;
        let log = (!is_lost).then_some(log);
        let queue = VecDeque::new();
        let signer = Self { disk, log, guard, queue, is_busy: false, has_guard };
        Ok((signer, if is_lost { Vec::new() } else { entries }))
    }

    /// Takes jobs of a channel.
    pub fn submit(&mut self, channel: GenesisHash, seat: Seat, jobs: Vec<Job>) {
        if !jobs.is_empty() {
            self.queue.push_back(Request { channel, seat, jobs });
        }
    }

    /// Whether jobs wait.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether what waits needs payloads synced.
    fn needs_files(requests: &[Request]) -> bool {
        let needs = |job: &Job| matches!(job, Job::Sign { needs_files: true, .. });
        requests.iter().flat_map(|request| &request.jobs).any(needs)
    }

    /// Carries out what waits, and answers each channel. None when the power went. `channel` makes
    /// the signatures; those of a neighbour are looked at by nobody.
    pub fn flush(
        &mut self,
        channel: &Channel,
        crash: Crash,
        sync_files: &mut dyn FnMut(),
    ) -> Option<Vec<(GenesisHash, Answer)>> {
        let count = self.queue.len().min(BATCH_MAX);
        let requests: Vec<Request> = self.queue.drain(..count).collect();
        if self.log.is_none() {
            return Some(stopped(&requests));
        }
        if crash == Crash::Before {
            return None;
        }
        if Self::needs_files(&requests) {
            sync_files();
        }
        if crash == Crash::AfterFiles {
            return None;
        }
        let (mut records, mut answers, mut floors) = (Vec::new(), Vec::new(), BTreeMap::new());
        let all = requests.iter().flat_map(|request| {
            request.jobs.iter().map(|job| ((request.channel, request.seat), job))
        });
        for ((of, seat), job) in all {
            match job {
                Job::Sign { sequence, slots, body, .. } => {
                    let what = (*sequence, slots.as_slice(), body.as_slice());
                    answers.push((of, self.sign(channel, (of, seat), what, &mut records)));
                }
                Job::Persist { view, record } => {
                    let bytes = record.clone();
                    let entry = Entry::RuleRecord { epoch: seat.epoch, view: *view, bytes };
                    records.push(Record { channel: of, entry });
                }
                Job::Floor { view } => {
                    let floor = floors.entry(of).or_insert((seat.epoch, *view));
                    *floor = (*floor).max((seat.epoch, *view));
                }
            }
        }
        if !self.append(&records, crash) {
            return (crash == Crash::Error).then(|| stopped(&requests));
        }
        if crash == Crash::AfterSync {
            return None;
        }
        for (of, (epoch, view)) in floors {
            self.guard.raise_floor(of, epoch, view);
            let written = self.log.as_mut().map(|log| log.floor(of, epoch, view));
            if !matches!(written, Some(Ok(()))) {
                self.log = None;
            }
        }
        Some(answers)
    }

    fn append(&mut self, records: &[Record], crash: Crash) -> bool {
        let Some(log) = self.log.as_mut() else { return false };
        if records.is_empty() {
            return true;
        }
        match crash {
            Crash::InWrite => self.disk.fail_at(self.disk.operations(), Fault::PowerLoss),
            Crash::InSync => self.disk.fail_at(self.disk.operations() + 1, Fault::PowerLoss),
            Crash::Error => self.disk.fail_at(self.disk.operations() + 1, Fault::Error),
            _ => {}
        }
        let is_written = log.append_batch(records).is_ok();
        if !is_written {
            self.log = None;
        }
        is_written
    }

    fn sign(
        &mut self,
        channel: &Channel,
        (of, seat): (GenesisHash, Seat),
        (sequence, slots, body): (u64, &[Slot], &[u8]),
        records: &mut Vec<Record>,
    ) -> Answer {
        let verdict = self.guard.check(of, seat.epoch, slots);
        if let Verdict::Refused { slot } = verdict
            && self.has_guard
        {
            return Answer::Guarded(sequence, slot);
        }
        let statement = channel.sign(seat.epoch, seat.number, slots.to_vec(), body.to_vec());
        let entry = Entry::Signed {
            epoch: seat.epoch,
            slots: slots.to_vec(),
            body: body.to_vec(),
            signature: statement.signature,
        };
        records.push(Record { channel: of, entry });
        Answer::Signed(sequence, statement)
    }

    /// The disk as a loss of power leaves it.
    #[must_use]
    pub fn disk_after_crash(&self, seed: u64) -> FaultyDisk {
        self.disk.restart(seed)
    }
}

fn stopped(requests: &[Request]) -> Vec<(GenesisHash, Answer)> {
    let all = requests.iter().flat_map(|request| {
        request.jobs.iter().filter_map(|job| match job {
            Job::Sign { sequence, .. } => Some((request.channel, Answer::Stopped(*sequence))),
            _ => None,
        })
    });
    all.collect()
}
