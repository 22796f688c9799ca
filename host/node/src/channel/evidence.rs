//! What this node holds against validators: pairs of statements of one signer that write two values
//! into one register of the signing guard, which no honest node does.
//!
//! In: pairs that the rule found. Out: those that prove something, once for each register, also
//! after a restart; beside them what stands on the chain. The rule is not believed: both signatures are
//! checked here. Deliberately not here: what a register means (the rule), putting it on the chain
//! (`peer/accuse.rs`), what is done about it (people).

use crate::whole_file::WholeFile;
use host_core::system::evidence::signed;
use host_core::system::state::{self, EvidenceRecord};
use host_rpc::gateway::EvidenceView;
use host_types::codec::{CodecError, Reader, Writer};
use host_types::epoch::Epochs;
use host_types::evidence::{Register, clash};
use host_types::genesis::ChannelGenesis;
use host_types::limits::{EVIDENCE_PER_SIGNER_MAX, VALIDATORS_MAX};
use host_types::statement::Statement;
use host_types::{Decode, Encode, GenesisHash, Height, Rejection};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Where the epochs of a channel are looked up: there may be more later.
pub type EpochSource = Arc<dyn Fn() -> Arc<Epochs> + Send + Sync>;

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

/// Two statements of one signer.
#[derive(Clone)]
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
    /// How many are kept, for those who wait for more.
    count: watch::Sender<usize>,
}

impl std::fmt::Debug for EvidenceBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EvidenceBook").field("file", &self.file).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (kept, file, count) = (Mutex::default(), Mutex::new(file), watch::Sender::default());
        let book = Self { genesis, epochs, kept, file, count };
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
        let (register, _) = clash(&first, &second)?;
        let Register { epoch, signer, .. } = register;
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
        let epochs = (self.epochs)();
        signed(self.genesis, &epochs, &first)?;
        signed(self.genesis, &epochs, &second)?;
        kept.insert(register, Pair([first, second]));
        self.count.send_replace(kept.len());
        Ok(Recorded::New)
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

    /// Tells when there is more.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// Every register and both statements.
    #[must_use]
    pub fn pairs(&self) -> Vec<(Register, [Statement; 2])> {
        let kept = lock(&self.kept);
        kept.iter().map(|(register, pair)| (*register, pair.0.clone())).collect()
    }

    /// All of it and of what stands on the chain, by epoch, signer, view and class.
    #[must_use]
    pub fn all(&self, chain: &dyn state::View) -> Vec<EvidenceView> {
        let mut all: BTreeMap<Register, (Pair, Option<Height>)> = BTreeMap::new();
        for (register, pair) in self.pairs() {
            all.insert(register, (Pair(pair), None));
        }
        for EvidenceRecord { height, statements } in state::all_evidence(chain) {
            if let Ok((register, _)) = clash(&statements[0], &statements[1]) {
                all.insert(register, (Pair(statements), Some(height)));
            }
        }
        let view = |(register, (pair, height)): (&Register, &(Pair, Option<Height>))| {
            self.view(*register, pair, *height)
        };
        all.iter().filter_map(view).collect()
    }

    fn view(
        &self,
        register: Register,
        Pair([first, second]): &Pair,
        recorded: Option<Height>,
    ) -> Option<EvidenceView> {
        let epochs = (self.epochs)();
        let validator = epochs.get(register.epoch)?.config.validators.get(register.signer)?;
        let (_, [a, b]) = clash(first, second).ok()?;
        Some(EvidenceView {
            signer: validator.name.clone(),
            public_key: validator.public_key,
            epoch: register.epoch.get(),
            view: register.view.get(),
            class: register.class,
            digests: [a.digest, b.digest],
            statements: [first.to_bytes(), second.to_bytes()],
            recorded,
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
