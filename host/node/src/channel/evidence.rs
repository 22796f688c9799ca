//! What this node holds against validators: pairs of statements of one signer that write two values
//! into one register of the signing guard, which no honest node does.
//!
//! In: pairs that the rule found. Out: those that prove something, once for each register, also
//! after a restart. The rule is not believed: both signatures are checked here. Deliberately not
//! here: what a register means (the rule), what is done about it (people).

use crate::whole_file::WholeFile;
use host_identity::verify;
use host_rpc::gateway::EvidenceView;
use host_types::codec::{CodecError, Reader, Writer};
use host_types::epoch::Epochs;
use host_types::genesis::ChannelGenesis;
use host_types::limits::VALIDATORS_MAX;
use host_types::statement::{Slot, Statement};
use host_types::{Decode, Encode, Epoch, GenesisHash, Rejection, View};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the epochs of a channel are looked up: there may be more later.
pub type EpochSource = Arc<dyn Fn() -> Arc<Epochs> + Send + Sync>;

/// Kept of one signer. One is enough to accuse it; the first ones are kept, because they show when it
/// began, and because a cheat that makes more of them must not drive out those of others.
pub const EVIDENCE_PER_SIGNER_MAX: usize = 16;
/// The file in the channel's folder.
const FILE: &str = "evidence";

/// What became of a pair of statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is kept.
    New,
    /// This register of this signer was known.
    Known,
    /// Enough is known of this signer.
    Full,
}

/// A write-once register of a signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Register {
    epoch: Epoch,
    signer: u16,
    view: View,
    class: u8,
}

/// Two statements of one signer.
struct Pair([Statement; 2]);

impl Encode for Pair {
    fn encode(&self, w: &mut Writer) {
        w.array(2);
        self.0.iter().for_each(|statement| statement.encode(w));
    }
}

impl Decode<'_> for Pair {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(2)?;
        Ok(Self([Statement::decode(r)?, Statement::decode(r)?]))
    }
}

/// The evidence of one channel.
pub struct EvidenceBook {
    genesis: GenesisHash,
    epochs: EpochSource,
    kept: Mutex<BTreeMap<Register, Pair>>,
    file: Mutex<WholeFile>,
}

impl std::fmt::Debug for EvidenceBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EvidenceBook").field("file", &self.file).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first register into which both write, each something else.
fn conflict(first: &Statement, second: &Statement) -> Option<(Slot, Slot)> {
    first.slots.iter().find_map(|a| {
        let same = |b: &&Slot| a.view == b.view && a.class == b.class && a.digest != b.digest;
        second.slots.iter().find(same).map(|b| (*a, *b))
    })
}

impl EvidenceBook {
    /// Reads what was kept in a channel's folder. What proves nothing there is left out: it is
    /// evidence, not a part of the chain, and a damaged file must not stop a channel.
    ///
    /// # Errors
    /// When the folder or file cannot be read.
    pub fn open(
        folder: &Path,
        genesis: &ChannelGenesis,
        epochs: EpochSource,
    ) -> Result<Self, Rejection> {
        let file = WholeFile::open(folder, FILE)?;
        let bytes = file.load()?;
        let genesis = genesis.hash();
        let book = Self { genesis, epochs, kept: Mutex::default(), file: Mutex::new(file) };
        for pair in bytes.map(|bytes| read(&bytes)).into_iter().flatten() {
            if let Err(why) = book.keep(pair) {
                tracing::warn!("kept evidence is left out: {why}");
            }
        }
        Ok(book)
    }

    /// Keeps a pair of encoded statements of a validator, when it proves something. It is not on
    /// disk yet.
    ///
    /// # Errors
    /// One line: why it proves nothing.
    pub fn record(&self, signer: u16, statements: &[Vec<u8>; 2]) -> Result<Recorded, String> {
        let read = |bytes: &[u8]| Statement::from_bytes(bytes).map_err(|error| error.to_string());
        let pair = [read(&statements[0])?, read(&statements[1])?];
        if pair.iter().any(|statement| statement.signer != signer) {
            return Err("they are not of the signer named".to_owned());
        }
        self.keep(Pair(pair))
    }

    fn keep(&self, Pair([first, second]): Pair) -> Result<Recorded, String> {
        if first.signer != second.signer || first.epoch != second.epoch {
            return Err("they are of two signers".to_owned());
        }
        let (slot, _) = conflict(&first, &second)
            .ok_or("no register has two values: an honest node may sign both")?;
        let signer = first.signer;
        let epoch = first.epoch;
        let register = Register { epoch, signer, view: slot.view, class: slot.class };
        let mut kept = lock(&self.kept);
        if kept.contains_key(&register) {
            return Ok(Recorded::Known);
        }
        if kept.keys().filter(|known| (known.epoch, known.signer) == (epoch, signer)).count()
            >= EVIDENCE_PER_SIGNER_MAX
        {
            return Ok(Recorded::Full);
        }
        // Last, because it takes longest: a cheat that goes on costs no more once enough is known.
        self.check(&first)?;
        self.check(&second)?;
        kept.insert(register, Pair([first, second]));
        Ok(Recorded::New)
    }

    /// Whether a validator of this channel signed it.
    fn check(&self, statement: &Statement) -> Result<(), String> {
        let epochs = (self.epochs)();
        let run = epochs.get(statement.epoch);
        let run = run.ok_or_else(|| format!("a statement of epoch {}", statement.epoch))?;
        let signer = run.config.validators.get(statement.signer);
        let signer = signer.ok_or_else(|| format!("there is no validator {}", statement.signer))?;
        let message = run.statement_prefix(self.genesis).message(&statement.slots, &statement.body);
        if verify(&signer.public_key, &message, &statement.signature) {
            Ok(())
        } else {
            Err(format!("a statement of {} with a wrong signature", signer.name))
        }
    }

    /// Puts all on disk; durable when this returns. It waits for the disk.
    ///
    /// # Errors
    /// `LC5205`
    pub fn save(&self) -> Result<(), Rejection> {
        // Taken first: who comes last writes the newest.
        let file = lock(&self.file);
        let mut w = Writer::default();
        {
            let kept = lock(&self.kept);
            w.array(kept.len());
            kept.values().for_each(|pair| pair.encode(&mut w));
        }
        file.save(&w.into_bytes())
    }

    /// All of it, by signer, view and class.
    #[must_use]
    pub fn all(&self) -> Vec<EvidenceView> {
        let kept = lock(&self.kept);
        kept.iter().filter_map(|(register, pair)| self.view(*register, pair)).collect()
    }

    fn view(&self, register: Register, Pair([first, second]): &Pair) -> Option<EvidenceView> {
        let epochs = (self.epochs)();
        let validator = epochs.get(register.epoch)?.config.validators.get(register.signer)?;
        let (a, b) = conflict(first, second)?;
        Some(EvidenceView {
            signer: validator.name.clone(),
            public_key: validator.public_key,
            epoch: register.epoch.get(),
            view: register.view.get(),
            class: register.class,
            digests: [a.digest, b.digest],
            statements: [first.to_bytes(), second.to_bytes()],
        })
    }
}

/// What a file holds; nothing when it is damaged.
fn read(bytes: &[u8]) -> Vec<Pair> {
    let mut r = Reader::new(bytes);
    let pairs = r.list(VALIDATORS_MAX * EVIDENCE_PER_SIGNER_MAX);
    pairs.and_then(|pairs| r.finish().map(|()| pairs)).unwrap_or_else(|error| {
        tracing::warn!("the file of evidence is damaged and begun anew: {error}");
        Vec::new()
    })
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
