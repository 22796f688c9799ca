//! What all nodes of a run share: time, chance, the network, the channel, the clients, the checkers,
//! and what is under way.
//!
//! In: what nodes want sent or done later. Out: events in order. Not here: a node's own state.

use crate::channel::{Channel, EPOCH_US};
use crate::check::Checks;
use crate::client::Clients;
use crate::plan::Plan;
use host_core::input::Timer;
use host_types::message::{FetchReply, FetchRequest, PeerMessage};
use host_types::{BlockTime, Decode, Encode};
use plugin_api_harness::clock::{Agenda, Chance, Micros, SECOND, mix};
use std::rc::Rc;

/// How far after its creation the channel's life begins: clocks may be behind.
const HEAD_START: Micros = 7_200 * SECOND;

/// What a loss of power takes beside what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    Nothing,
    /// The sign log: nothing is signed with this key any more.
    Log,
    /// Files and database: all of it comes back from the others.
    Store,
    /// Files, and the newest blocks of the database: an old copy was put back. The sign log is whole.
    NewestBlocks,
    /// All of it, the sign log too: a copy from an earlier time was put back.
    OldDisk {
        /// When it was made.
        copied: Micros,
    },
}

/// What happens later, and to which node. `life` tells events of a node's earlier lives apart.
#[derive(Clone, Debug)]
pub enum Event {
    /// Connections that walls had cut open again: a node asks another how far it is.
    Meets {
        /// Who asks.
        node: usize,
        /// Whom.
        other: usize,
    },
    /// A message arrives.
    Deliver {
        /// Sender.
        from: usize,
        /// Receiver.
        to: usize,
        /// The message.
        message: Rc<PeerMessage>,
    },
    /// A question arrives.
    Asked {
        /// Who asks.
        from: usize,
        /// In which life.
        life: u64,
        /// Who is asked.
        to: usize,
        /// Number of the question.
        ask: u64,
        /// How many have been asked it.
        attempt: usize,
        /// The question.
        request: Rc<FetchRequest>,
    },
    /// An answer arrives; none when there was none in time.
    Answered {
        /// Who asked.
        node: usize,
        /// In which life.
        life: u64,
        /// Number of the question.
        ask: u64,
        /// How many had been asked it.
        attempt: usize,
        /// The answer.
        reply: Option<Rc<FetchReply>>,
    },
    /// A timer.
    Timer {
        /// Whose.
        node: usize,
        /// In which life it was set.
        life: u64,
        /// Which.
        timer: Timer,
        /// Tells it from timers it replaced.
        serial: u64,
    },
    /// The signer comes to its next flush.
    Flush {
        /// Whose.
        node: usize,
        /// In which life.
        life: u64,
    },
    /// The executor comes to its next order.
    Work {
        /// Whose.
        node: usize,
        /// In which life.
        life: u64,
    },
    /// The database is done with a batch.
    Stored {
        /// Whose.
        node: usize,
        /// In which life.
        life: u64,
    },
    /// A client makes up something new.
    Client {
        /// To whom it sends it.
        node: usize,
    },
    /// An admin asks a validator for the next epoch.
    Turn,
    /// A client sends an envelope again.
    Again {
        /// To whom.
        node: usize,
        /// Its place among all that were sent.
        place: usize,
    },
    /// Somebody copies a node's disk, to put it back later.
    Copy {
        /// Whose.
        node: usize,
    },
    /// A node loses power for some time.
    Fall {
        /// Who; none means all at once.
        who: Option<usize>,
        /// How long.
        down: Micros,
        /// What else it loses.
        loss: Loss,
    },
    /// It comes back.
    Rise {
        /// Who.
        node: usize,
    },
}

/// What all nodes share.
#[derive(Debug)]
pub struct World {
    /// Time.
    pub agenda: Agenda<Event>,
    /// Chance.
    pub chance: Chance,
    /// The plan of the run.
    pub plan: Plan,
    /// The channel.
    pub channel: Channel,
    /// The clients.
    pub clients: Clients,
    /// The checkers.
    pub checks: Checks,
    /// Number of nodes, twins and followers included.
    pub nodes: usize,
    /// Running hash of everything that happened.
    pub trace: u64,
    /// Events handled.
    pub events: u64,
    /// When the last message of an honest node was sent.
    pub last_sent: Micros,
    /// Lines of the nodes' logs are printed.
    pub is_loud: bool,
}

impl World {
    /// The present.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.agenda.now()
    }

    /// Whether everything has healed.
    #[must_use]
    pub fn is_healed(&self) -> bool {
        self.now() >= self.plan.network.heals_at
    }

    /// The time of day without skew.
    #[must_use]
    pub fn true_wall(&self) -> BlockTime {
        BlockTime::new(EPOCH_US + HEAD_START + self.now())
    }

    /// A node's own clock.
    #[must_use]
    pub fn wall(&self, node: usize) -> BlockTime {
        let skew = self.plan.skews.get(node).copied().unwrap_or(0);
        let wild = self.plan.clocks.get(&node).map_or(0, |clock| clock.off(self.now()));
        let skew = skew + wild;
        let heals = self.is_healed() && !self.plan.is_villain(node);
        let skew = if heals { 0 } else { skew };
        BlockTime::new(self.true_wall().get().saturating_add_signed(skew))
    }

    /// Remembers the first thing that is wrong.
    pub fn blame(&mut self, node: usize, why: &str) {
        let at = self.now() / 1000;
        self.checks.blame(format!("at {at} ms, node {node}: {why}"));
    }

    /// Stirs a word into the hash of the run.
    pub fn note(&mut self, word: u64) {
        self.trace = mix(self.trace ^ word).wrapping_add(word);
    }

    /// A length of time up to `most`.
    pub fn up_to(&mut self, most: Micros) -> Micros {
        self.chance.below(most + 1)
    }

    /// What a message is after it travelled as bytes; runs with test signatures save the time.
    #[must_use]
    pub fn through_bytes(&mut self, message: PeerMessage) -> PeerMessage {
        if !self.plan.is_true_to_bytes() {
            return message;
        }
        match PeerMessage::from_bytes(&message.to_bytes()) {
            Ok(read) if read == message => read,
            _ => {
                self.checks.blame(format!("a message is not what was sent: {message:?}"));
                message
            }
        }
    }

    /// Puts a message on its way.
    pub fn send(&mut self, from: usize, to: usize, after: Micros, message: &Rc<PeerMessage>) {
        let now = self.now();
        if !self.plan.is_villain(from) {
            self.last_sent = now;
        }
        for delay in self.plan.network.arrivals(&mut self.chance, now, from, to) {
            let event = Event::Deliver { from, to, message: Rc::clone(message) };
            self.agenda.put(after + delay, event);
        }
    }

    /// How long a question or an answer takes; none when it is lost.
    pub fn travel(&mut self, from: usize, to: usize) -> Option<Micros> {
        let now = self.now();
        if !self.plan.is_villain(from) {
            self.last_sent = now;
        }
        self.plan.network.arrivals(&mut self.chance, now, from, to).first().copied()
    }
}
