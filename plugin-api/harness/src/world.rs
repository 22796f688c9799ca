//! What all nodes of a run share: time, chance, the network, the checkers, and what is under way.
//!
//! In: what nodes want sent or done later. Out: events in order. Not here: a node's own state.

use crate::{
    chain::ModelBlock,
    check::{agreement::Agreement, quorum, validity},
    clock::{Agenda, Chance, Micros, mix},
    epochs::{EpochSet, HostBug},
    network::Network,
    signer::Signatures,
};
use plugin_api::{Hash, HeaderView, LogRecord, Pair, ProposalKind, Statement, Then, Validator};
use std::{collections::BTreeMap, rc::Rc};

/// What nodes say to each other.
#[derive(Clone, Debug)]
pub enum Wire {
    /// A signed statement.
    Statement(Statement),
    /// A proposal with its block.
    Proposal(Rc<ModelBlock>, Statement, Vec<u8>),
    /// A helper message of the rule.
    Peer(Vec<u8>),
    /// Whoever has this block, send it.
    GetBlock(Hash),
    /// The block.
    Block(Rc<ModelBlock>),
    /// Transactions on their way.
    Transactions(Vec<u64>),
    /// Send final blocks above this height.
    GetRange(u64),
    /// Final blocks, the proof of the last, and the closing blocks behind it.
    Range(Vec<(Rc<ModelBlock>, Pair)>, Vec<u8>, Vec<Rc<ModelBlock>>),
}

/// A final block on disk.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The block.
    pub block: Rc<ModelBlock>,
    /// Its result.
    pub pair: Pair,
    /// Its Final proof, when it was the last of its batch.
    pub proof: Option<Vec<u8>>,
    /// Closing blocks up to the one that the proof is of; behind a sealing block only.
    pub closing: Vec<Rc<ModelBlock>>,
}

/// What becomes durable at once or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Records of the rule, and the statement last.
    pub records: Vec<LogRecord>,
    /// Registers written.
    pub slots: Vec<plugin_api::Slot>,
    /// Payloads and results.
    pub blocks: Vec<(Rc<ModelBlock>, Option<Pair>)>,
    /// Final blocks.
    pub finals: Vec<Entry>,
    /// The statement, fed back once durable.
    pub own: Option<(u64, Statement, Then)>,
    /// Final blocks came by sync: tell the rule.
    pub synced: bool,
    /// Epoch of the registers.
    pub epoch: u64,
    /// Everything in views up to this one is closed.
    pub closed: Option<u64>,
}

/// A wish to build.
#[derive(Clone, Copy, Debug)]
pub struct BuildWish {
    /// Number of the request.
    pub request: u64,
    /// View of the block.
    pub view: u64,
    /// Kind of the proposal.
    pub kind: ProposalKind,
    /// Parent with its result.
    pub parent: Pair,
    /// View of the parent.
    pub parent_view: u64,
    /// A block without transactions will do.
    pub allow_empty: bool,
    /// Newest Final proof.
    pub carried: Hash,
}

/// What happens later, and to which node. `life` tells events of a node's earlier lives apart.
#[derive(Clone, Debug)]
pub enum Event {
    /// A message arrives.
    Deliver {
        /// Sender.
        from: usize,
        /// Receiver.
        to: usize,
        /// The message.
        wire: Wire,
    },
    /// A timer of the rule.
    Timer {
        /// Whose.
        node: usize,
        /// In which life it was set.
        life: u64,
        /// The rule's name for it.
        token: u64,
        /// Tells it from timers it replaced.
        serial: u64,
    },
    /// A batch reached the disk.
    Durable {
        /// Whose.
        node: usize,
        /// In which life it was written.
        life: u64,
        /// The batch.
        batch: Box<Batch>,
    },
    /// A block was executed.
    Executed {
        /// By whom.
        node: usize,
        /// In which life.
        life: u64,
        /// The block.
        block: Hash,
    },
    /// A block was assembled.
    Built {
        /// By whom.
        node: usize,
        /// In which life.
        life: u64,
        /// For which wish.
        wish: BuildWish,
    },
    /// A header was asked for that the node had itself.
    Here {
        /// Which node.
        node: usize,
        /// In which life.
        life: u64,
        /// The block.
        block: Hash,
    },
    /// The guard refused to sign.
    Refused {
        /// Whose guard.
        node: usize,
        /// In which life.
        life: u64,
        /// The rule's number of the wish.
        sequence: u64,
    },
    /// Time to offer the pool to others again.
    Gossip {
        /// Whose pool.
        node: usize,
        /// In which life.
        life: u64,
    },
    /// A client sends a transaction.
    Client {
        /// To whom.
        node: usize,
        /// The transaction.
        transaction: u64,
    },
    /// A node falls for some time and loses what it remembers of its signatures.
    Forget {
        /// Who.
        node: usize,
        /// How long.
        down: Micros,
    },
    /// A node falls for some time.
    Fall {
        /// Who.
        node: usize,
        /// How long.
        down: Micros,
    },
    /// It comes back.
    Rise {
        /// Who.
        node: usize,
    },
}

/// How long things take in a host.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// Executing a block, at most.
    pub execute_max: Micros,
    /// Making a batch durable, at most.
    pub flush_max: Micros,
    /// Assembling a block, at most.
    pub build_max: Micros,
    /// How late a timer fires, at most.
    pub timer_late_max: Micros,
}

impl Costs {
    /// Nothing takes time.
    pub const NONE: Self = Self { execute_max: 0, flush_max: 0, build_max: 0, timer_late_max: 0 };
}

/// One moment of a run, for latency figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Height of the block.
    pub height: u64,
    /// View of the block.
    pub view: u64,
    /// When it was proposed.
    pub proposed: Micros,
    /// When it was final on this node.
    pub finished: Micros,
    /// The node.
    pub node: usize,
    /// It has no transactions.
    pub is_empty: bool,
}

/// A statement of an honest node, the moment it was durable: for counting them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// When.
    pub at: Micros,
    /// The node.
    pub node: usize,
    /// Classes of the registers it wrote: they tell kinds apart without a rule's formats.
    pub classes: Vec<u8>,
}

/// What all nodes share.
#[derive(Debug)]
pub struct World {
    /// Time.
    pub agenda: Agenda<Event>,
    /// Chance.
    pub chance: Chance,
    /// The network.
    pub network: Network,
    /// How long things take.
    pub costs: Costs,
    /// All nodes that may vote, in the order of their numbers: the set of a run of one epoch.
    pub validators: Vec<Validator>,
    /// The sets by epoch.
    pub epochs: Vec<EpochSet>,
    /// What model hosts get wrong.
    pub host_bug: Option<HostBug>,
    /// Parameters of the rule.
    pub parameters: Vec<(String, String)>,
    /// Who leads no view.
    pub excluded: Vec<u16>,
    /// Kind of signatures.
    pub signatures: Signatures,
    /// Prefix of every statement.
    pub prefix: Vec<u8>,
    /// Number of nodes, twins and followers included.
    pub nodes: usize,
    /// Fork detector.
    pub agreement: Agreement,
    /// What honest nodes called final, in order, a fork included: node, height, block.
    pub claims: Vec<(usize, u64, Hash)>,
    /// The first thing that must never happen and did.
    pub broken: Option<String>,
    /// Running hash of everything that happened.
    pub trace: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages of the rule sent since the network healed: no transactions, blocks or ranges.
    pub spoken_healed: u64,
    /// When the last message was sent.
    pub last_sent: Micros,
    /// When the last batch was written by an honest node.
    pub last_written: Micros,
    /// Statements of honest nodes.
    pub signed: Vec<Signed>,
    /// When each block was first proposed.
    pub proposed: BTreeMap<Hash, Micros>,
    /// When blocks became final where.
    pub moments: Vec<Moment>,
    /// Evidence seen, by accused validator.
    pub accused: BTreeMap<u16, u64>,
    /// Registers that each honest node wrote in its whole life, whatever became of its disks: node,
    /// epoch, view and class.
    pub written: BTreeMap<(usize, u64, u64, u8), Hash>,
    /// Events handled.
    pub events: u64,
    /// Sealing blocks that took closing blocks to be final, on any honest node.
    pub closed: u64,
}

impl World {
    /// Remembers the first thing that is wrong.
    pub fn blame(&mut self, node: usize, why: &str) {
        if self.broken.is_none() {
            let at = self.agenda.now() / 1000;
            self.broken = Some(format!("at {at} ms, node {node}: {why}"));
        }
    }

    /// An honest node never signs two values for one register in its whole life.
    pub fn check_registers(&mut self, node: usize, batch: &Batch) {
        for slot in &batch.slots {
            let place = (node, batch.epoch, slot.view, slot.class);
            let first = *self.written.entry(place).or_insert(slot.digest);
            if first != slot.digest {
                let (view, class) = (slot.view, slot.class);
                self.blame(node, &format!("signed twice in view {view}, class {class}"));
            }
        }
    }

    /// Stirs a word into the hash of the run.
    pub fn note(&mut self, word: u64) {
        self.trace = mix(self.trace ^ word).wrapping_add(word);
    }

    /// Puts a message on its way.
    pub fn send(&mut self, from: usize, to: usize, after: Micros, wire: Wire) {
        self.sent += 1;
        let now = self.agenda.now();
        self.last_sent = now;
        let spoken = matches!(wire, Wire::Statement(_) | Wire::Proposal(..) | Wire::Peer(_));
        if spoken && now >= self.network.heals_at {
            self.spoken_healed += 1;
        }
        for delay in self.network.arrivals(&mut self.chance, now, from, to) {
            self.agenda.put(after + delay, Event::Deliver { from, to, wire: wire.clone() });
        }
    }

    /// A length of time up to `most`.
    pub fn up_to(&mut self, most: Micros) -> Micros {
        self.chance.below(most + 1)
    }

    /// Looks at a block that an honest node calls final.
    ///
    /// # Errors
    /// One line: what is wrong with it.
    pub fn check_final(
        &mut self,
        node: usize,
        tip: (&HeaderView, &Pair),
        entry: &Entry,
        before: &std::collections::BTreeSet<u64>,
    ) -> Result<(), String> {
        let header = &entry.block.header;
        self.claims.push((node, header.height, header.id));
        validity::follows(tip.0, tip.1, &entry.block, before)?;
        self.agreement.note(node, header.height, entry.pair)?;
        self.closed += u64::from(!entry.closing.is_empty());
        let finished = self.agenda.now();
        let proposed = self.proposed.get(&header.id).copied().unwrap_or(finished);
        self.moments.push(Moment {
            height: header.height,
            view: header.view,
            proposed,
            finished,
            node,
            is_empty: header.is_empty,
        });
        Ok(())
    }

    /// Checks who signed a proof, independently of the rule.
    ///
    /// # Errors
    /// One line, when it is not enough.
    pub fn check_signers(&self, epoch: u64, signers: &[(u16, u64)]) -> Result<(), String> {
        let fast = self.parameters.iter().find(|(name, _)| name == "fast");
        let slack = fast.and_then(|(_, value)| value.parse().ok());
        quorum::enough(signers, &self.validators_of(epoch), slack)
    }
}
