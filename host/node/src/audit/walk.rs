//! The walk from the genesis upwards, one block after the other.
//!
//! In: blocks with their results and proofs, in order; what later epochs run with, which is believed
//! only where a sealing block that is final names its hash. Out: [`Findings`]. A block that is wrong
//! is told and passed: the next ones are still looked at. Deliberately not here: where blocks come
//! from (`store`).

use super::trail::Roots;
use super::{Findings, Least};
use crate::plugins::PluggedRule;
use host_core::ingest::registration::{may_register, may_send_system, registering};
use host_core::sync::accept::check_proof;
use host_core::system::revoke::revoked_by;
use host_core::system::state::epoch_by;
use host_core::system::trail::TrailRoot;
use host_core::vote::rule::Rule;
use host_identity::{Action, Certificate, Item, Membership, Serial, verify_batch};
use host_rpc::gateway::EpochEnd;
use host_rules::Rules;
use host_store::Kept;
use host_types::change::SystemCall;
use host_types::epoch::{EpochConfig, EpochRun, Epochs};
use host_types::genesis::ChannelGenesis;
use host_types::limits::BLOCKS_AHEAD_MAX;
use host_types::proof::FinalProof;
use host_types::{
    CertificateId, Code, Decode, Domain, Encode, Epoch, GenesisHash, Hash32, Header, Height,
    NodeName, Reader, Receipt, Rejection, RootPair, ScoreEvent, SignedTransaction, Status, merkle,
};
use plugin_api_loader::LoadedRule;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The event of a block in which evidence was recorded.
const EVIDENCE: &str = "evidence-recorded";
/// Begin of the keys of registered certificates in the system's state.
const CERTIFICATE: &[u8] = b"cert/";

/// Where the walk is.
pub struct Walk<'a> {
    genesis: Arc<ChannelGenesis>,
    hash: GenesisHash,
    rules: Rules<'a>,
    /// What later epochs run with, as the store says.
    records: BTreeMap<Epoch, EpochConfig>,
    epochs: Epochs,
    ends: Vec<EpochEnd>,
    rule: (PluggedRule, LoadedRule),
    membership: Membership,
    revoked: BTreeSet<(Hash32, Serial)>,
    trails: Roots,
    last: (Header, RootPair),
    /// Blocks since the last one with a proof.
    unproved: u64,
    found: Findings,
}

impl std::fmt::Debug for Walk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Walk({} at {})", self.genesis.channel, self.last.0.height)
    }
}

impl<'a> Walk<'a> {
    /// At the genesis, whose block has this result.
    ///
    /// # Errors
    /// `LC6101` when the rule is not here; a certificate of the genesis that is none of its members.
    pub fn new(
        genesis: Arc<ChannelGenesis>,
        first: RootPair,
        records: Vec<EpochConfig>,
        rules: Rules<'a>,
    ) -> Result<Self, Rejection> {
        let membership = Membership::from_genesis(&genesis)
            .map_err(|error| Rejection::new(error.code(), format!("the genesis: {error}")))?;
        let (epochs, root) = (Epochs::of_genesis(&genesis), genesis.header());
        let loaded = rules(&genesis.rule)?;
        let rule = PluggedRule::idle_in(&loaded, &genesis, epochs.current(), &root)?;
        Ok(Self {
            hash: genesis.hash(),
            rules,
            records: records.into_iter().map(|config| (config.epoch, config)).collect(),
            ends: Vec::new(),
            membership,
            revoked: BTreeSet::new(),
            trails: Roots::new(),
            last: (root, first),
            rule: (rule, loaded),
            unproved: 0,
            found: Findings::default(),
            epochs,
            genesis,
        })
    }

    /// The epochs so far, with the ends of all but the present one.
    #[must_use]
    pub fn epochs(&self) -> (&Epochs, &[EpochEnd]) {
        (&self.epochs, &self.ends)
    }

    /// The certificate that a transaction names, when it is known.
    #[must_use]
    pub fn certificate(&self, tx: &SignedTransaction) -> Option<Certificate> {
        let signer = &tx.transaction().signer;
        let member = self.membership.get(signer).map(|member| member.certificate.clone());
        member.or_else(|| Certificate::parse(&registering(tx)?).ok())
    }

    /// Roots of trails that the blocks so far hold.
    pub(super) const fn trails(&self) -> &Roots {
        &self.trails
    }

    /// Signing key of a certificate of the channel.
    pub(super) fn key_of(&self, certificate: &CertificateId) -> Option<[u8; 32]> {
        self.membership.get(certificate).map(|member| member.public_key)
    }

    /// Signing keys that a name has or had, also under certificates that were taken back.
    pub(super) fn keys_of_name(&self, name: &NodeName) -> impl Iterator<Item = [u8; 32]> {
        let named = self.membership.all().filter(move |member| member.name() == name);
        named.map(|member| member.public_key)
    }

    /// Names of members.
    pub(super) fn names(&self) -> impl Iterator<Item = &NodeName> {
        self.membership.all().map(host_identity::Member::name)
    }

    /// What was found so far.
    #[must_use]
    pub const fn found(&self) -> &Findings {
        &self.found
    }

    /// Says that a block is not there or cannot be read: the next one follows nothing.
    pub fn lost(&mut self, height: Height, why: &Rejection) {
        self.found.add(height, why.code, why.message.clone());
        self.last.0.height = height;
    }

    /// Ends the walk.
    #[must_use]
    pub fn finish(mut self) -> Findings {
        if self.unproved > 0 {
            let (height, count) = (self.last.0.height, self.unproved);
            let message = format!("the last {count} blocks have no Final proof yet");
            self.found.add(height, Code::ProofWrong, message);
        }
        self.found
    }

    /// Looks at the next block.
    ///
    /// # Errors
    /// `LC6101` when the rule of an epoch is not here or does not take it: nothing after it can be
    /// judged.
    pub fn block(&mut self, kept: &Kept) -> Result<(), Rejection> {
        let (header, roots) = (kept.block.header().clone(), kept.result.roots);
        self.links(&header);
        self.merkle(kept);
        self.proof(&header, roots, kept.proof.as_ref());
        self.signatures(kept);
        self.permissions(kept);
        self.evidence(header.height, &kept.result.events);
        self.revocations(kept);
        self.roots(kept);
        self.begun(kept);
        self.found.blocks += 1;
        self.last = (header.clone(), roots);
        if header.next_validators.is_some() {
            self.seal(&header, roots, kept.proof.as_ref())?;
        }
        Ok(())
    }

    fn broken(&mut self, height: Height, message: String) {
        self.found.add(height, Code::ChainBroken, message);
    }

    fn links(&mut self, header: &Header) {
        let (height, (last, roots)) = (header.height, &self.last);
        let config = &self.epochs.current().config;
        let wrong = if header.genesis != self.hash {
            Some("is of another genesis")
        } else if height != last.height.next() {
            Some("does not have the next height")
        } else if header.parent.block != last.id() {
            Some("names another parent")
        } else if header.parent.roots != *roots {
            Some("names another result of its parent")
        } else if header.time <= last.time {
            Some("is not later than its parent")
        } else if header.epoch != config.epoch || header.validators != config.validators.hash() {
            Some("names other validators than its epoch has")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            self.broken(height, format!("block {height} {wrong}"));
        }
    }

    fn merkle(&mut self, kept: &Kept) {
        let (height, result) = (kept.block.header().height, &kept.result);
        let count = kept.block.transactions().len();
        if result.receipts.len() != count || result.events.len() != count {
            let message = format!("block {height} has {count} transactions and other results");
            return self.broken(height, message);
        }
        let leaves = result.receipts.iter().map(Encode::to_bytes);
        if merkle::root(Domain::ReceiptRoot, leaves) != result.roots.receipts {
            let message = format!("the receipts of block {height} do not give its receipts root");
            self.broken(height, message);
        }
        let events = |(receipt, events): (&Receipt, &Vec<ScoreEvent>)| {
            let root = merkle::root(Domain::EventRoot, events.iter().map(Encode::to_bytes));
            root != receipt.events_root
        };
        let mut all = result.receipts.iter().zip(&result.events);
        if let Some(index) = all.position(events) {
            let message = format!("the events of transaction {index} of block {height} are others");
            self.broken(height, message);
        }
    }

    /// A block without a proof is covered by a later one: the links between them were checked.
    fn proof(&mut self, header: &Header, roots: RootPair, proof: Option<&FinalProof>) {
        let height = header.height;
        let Some(proof) = proof else {
            self.unproved += 1;
            if self.unproved > BLOCKS_AHEAD_MAX as u64 {
                let message = format!("{} blocks up to {height} have no proof", self.unproved);
                self.found.add(height, Code::ProofWrong, message);
                self.unproved = 0;
            }
            return;
        };
        let (rule, loaded) = &self.rule;
        if let Err(why) = check_proof(header, roots, proof, rule) {
            let message = format!("block {height}: {why}");
            return self.found.add(height, Code::ProofWrong, message);
        }
        let status = rule.status();
        let run = self.epochs.current();
        let set = &run.config.validators;
        let signers = PluggedRule::describe(loaded, set, &proof.rule_proof);
        let signers: Vec<u16> = signers.into_iter().map(|(index, _)| index).collect();
        let weight = set.said_by(&signers);
        let least = Least { weight, quorum: status.quorum, total: status.total, height };
        let known = self.found.least.entry(run.config.epoch).or_insert(least);
        if weight < known.weight {
            *known = least;
        }
        self.found.proofs += 1;
        self.found.covered += std::mem::take(&mut self.unproved);
    }

    fn signatures(&mut self, kept: &Kept) {
        let header = kept.block.header();
        let mut items = Vec::with_capacity(kept.block.transactions().len());
        let messages: Vec<_> =
            kept.block.transactions().iter().map(|tx| tx.signing_message()).collect();
        let registered = in_block(kept);
        for (index, (tx, message)) in kept.block.transactions().iter().zip(&messages).enumerate() {
            self.found.transactions += 1;
            let body = tx.transaction();
            if body.genesis != self.hash {
                let message = format!("transaction {index} is for another channel");
                self.found.add(header.height, Code::WrongChannel, message);
            }
            let known = self.membership.get(&body.signer).map(|member| member.public_key);
            match known.or_else(|| registered.get(&body.signer).copied()) {
                Some(key) => items.push((index, Item::new(key, message, *tx.signature()))),
                None => {
                    let message = format!("transaction {index} is signed by nobody of the channel");
                    self.found.add(header.height, Code::SignerUnknown, message);
                }
            }
        }
        let (indices, items): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        for (index, is_right) in indices.into_iter().zip(verify_batch(&items)) {
            if !is_right {
                let message = format!("the signature of transaction {index} is wrong");
                self.found.add(header.height, Code::SignatureWrong, message);
            }
        }
    }

    /// Whether each signer could do it at the time of the block. What was refused needs no right.
    fn permissions(&mut self, kept: &Kept) {
        let (header, receipts) = (kept.block.header(), &kept.result.receipts);
        for (index, (tx, receipt)) in kept.block.transactions().iter().zip(receipts).enumerate() {
            if receipt.status == Status::Refused {
                continue;
            }
            if let Err(why) = self.permission(tx, header) {
                let message = format!("transaction {index}: {}", why.message);
                self.found.add(header.height, why.code, message);
            }
        }
    }

    fn permission(&mut self, tx: &SignedTransaction, header: &Header) -> Result<(), Rejection> {
        let (body, at) = (tx.transaction(), header.time);
        if let Some(der) = registering(tx) {
            let certificate = may_register(&self.membership, &body.signer, &der, at)?;
            let added = self.membership.add(certificate, at).map(|_| ());
            return added.map_err(|error| Rejection::new(error.code(), error.to_string()));
        }
        if body.score.is_system() {
            return may_send_system(&self.membership, &body.signer, at).map(|_| ());
        }
        let policies = self.epochs.current().config.policies(&self.genesis);
        self.membership.may(&body.signer, Action::Submit, policies, at).map(|_| ())
    }

    fn evidence(&mut self, height: Height, events: &[Vec<ScoreEvent>]) {
        let recorded = |event: &&ScoreEvent| event.score.is_system() && event.name == EVIDENCE;
        for event in events.iter().flatten().filter(recorded) {
            let message = told(&event.data).unwrap_or_else(|| "evidence was recorded".to_owned());
            self.found.add(height, Code::EvidenceFound, message);
        }
    }

    fn revocations(&mut self, kept: &Kept) {
        let system = kept.result.writes.iter().filter(|write| write.score.is_system());
        let before = self.revoked.len();
        self.revoked.extend(system.filter_map(|write| revoked_by(&write.key)));
        if self.revoked.len() > before {
            self.membership.set_revoked(self.revoked.clone());
        }
    }

    /// A sealing block that is the last one of its store: the state that was copied is its parent's.
    fn begun(&mut self, kept: &Kept) {
        let system = kept.result.writes.iter().filter(|write| write.score.is_system());
        for config in system.filter_map(|one| epoch_by(&one.key, one.value.as_deref())) {
            self.records.entry(config.epoch).or_insert(config);
        }
    }

    /// From transactions and receipts, which the block's roots cover; what was written nothing covers
    /// but executing again.
    fn roots(&mut self, kept: &Kept) {
        let height = kept.block.header().height;
        let ended = kept.block.transactions().iter().zip(&kept.result.receipts);
        for (tx, _) in ended.filter(|(_, receipt)| receipt.status == Status::Ok) {
            let body = tx.transaction();
            if !body.score.is_system() {
                continue;
            }
            let Ok(Some(SystemCall::Trail { count, root })) =
                SystemCall::decode(&body.method, &body.args)
            else {
                continue;
            };
            if let Some(member) = self.membership.get(&body.signer) {
                let root = TrailRoot { height, count, root };
                self.trails.entry(member.name().clone()).or_default().push(root);
            }
        }
    }

    /// The epoch is over: what comes next is what the sealing block names.
    fn seal(
        &mut self,
        header: &Header,
        roots: RootPair,
        proof: Option<&FinalProof>,
    ) -> Result<(), Rejection> {
        let (height, epoch) = (header.height, self.epochs.current().config.epoch);
        let next = self.records.remove(&epoch.next());
        let Some(next) = next.filter(|next| header.next_validators == Some(next.hash())) else {
            let message = format!(
                "block {height} ends epoch {epoch}, and what its store says of the next one is not \
                 what the block names"
            );
            return Err(Rejection::new(Code::ChainBroken, message));
        };
        if let Some(proof) = proof.cloned() {
            self.ends.push(EpochEnd { header: header.clone(), roots, proof, next: next.clone() });
        } else {
            let message = format!("block {height} ends epoch {epoch} without a proof of its own");
            self.found.add(height, Code::ProofWrong, message);
        }
        let run =
            EpochRun { config: Arc::new(next), root: header.id(), root_height: header.height };
        let loaded = (self.rules)(&run.config.rule)?;
        let rule = PluggedRule::idle_in(&loaded, &self.genesis, &run, header)?;
        let epochs = self.epochs.clone().with(run);
        self.epochs = epochs.ok_or_else(|| {
            Rejection::new(Code::ChainBroken, format!("block {height} begins no next epoch"))
        })?;
        self.rule = (rule, loaded);
        Ok(())
    }
}

/// Keys of those whom the block itself registers.
fn in_block(kept: &Kept) -> BTreeMap<CertificateId, [u8; 32]> {
    let written = kept.result.writes.iter();
    let written = written
        .filter(|write| write.score.is_system() && write.key.starts_with(CERTIFICATE))
        .filter_map(|write| write.value.clone());
    let asked = kept.block.transactions().iter().filter_map(|tx| registering(tx));
    written
        .chain(asked)
        .filter_map(|der| Certificate::parse(&der).ok())
        .filter_map(|certificate| Some((certificate.id, *certificate.signing_key()?)))
        .collect()
}

/// One line of evidence, as its event has it.
fn told(data: &[u8]) -> Option<String> {
    let mut r = Reader::new(data);
    r.array(4).ok()?;
    let signer = r.text(host_types::limits::TEXT_BYTES_MAX).ok()?.to_owned();
    let epoch = Epoch::decode(&mut r).ok()?;
    let (view, class) = (r.uint().ok()?, r.uint().ok()?);
    Some(format!("{signer} signed two statements in view {view} of epoch {epoch}, class {class}"))
}
