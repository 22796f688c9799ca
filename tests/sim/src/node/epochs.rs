//! The turn of an epoch on one node, as `host/node/src/channel/epochs.rs` makes it: a rule of its own
//! for each epoch, a seat of its own at the signer.
//!
//! In: an epoch that begins, at a start or on a sealing block that is stored. Out: its rule, the floor
//! of the guard. Deliberately not here: when an epoch ends (`host/core`), what it runs with (`turns`).

use super::Node;
use crate::rule::Start;
use crate::signer::{Job, Seat};
use crate::store::Stored;
use crate::villain::Villain;
use crate::world::World;
use host_core::pipeline::Head;
use host_core::vote::rule::Rule;
use host_store::Entry;
use host_types::epoch::{EpochConfig, ends_transactions};
use host_types::{Epoch, View};

/// A stored block with its result; the genesis when there is none.
fn place(stored: Option<&Stored>, world: &World) -> Head {
    match stored {
        Some(stored) => Head { header: stored.layer.block.header().clone(), pair: stored.pair },
        None => Head { header: world.channel.genesis.header(), pair: world.channel.root_pair() },
    }
}

impl Node {
    /// For whom its signer works now.
    pub(super) fn seat(&self) -> Seat {
        let epoch = self.memory.as_ref().map_or(Epoch::ZERO, |memory| memory.pipeline.epoch());
        // A follower signs nothing, but keeps what its rule wants to have kept.
        Seat { epoch, number: self.role.index.unwrap_or(u16::MAX) }
    }

    /// The last stored block with its result.
    pub(super) fn head(&self, world: &World) -> Head {
        place(self.store.ledger.last(), world)
    }

    /// The block that the present epoch stands on: the last stored one that seals.
    fn root(&self, world: &World) -> Head {
        let seals = |stored: &&Stored| ends_transactions(stored.layer.block.header());
        place(self.store.ledger.iter().rev().find(seals), world)
    }

    /// The rule of an epoch at the last stored block, and this node's index in it.
    pub(super) fn rule(
        &self,
        epoch: Epoch,
        log: &[Entry],
        world: &mut World,
    ) -> Result<(Box<dyn Rule>, Option<u16>), String> {
        let (root, head) = (self.root(world), self.head(world));
        world.channel.epochs.begin(epoch, root.pair.block)?;
        let epochs = &world.channel.epochs;
        let (Some(plan), Some(prefix)) = (epochs.get(epoch), epochs.prefix(epoch)) else {
            return Err(format!("nobody planned epoch {epoch}"));
        };
        let me = self.role.index.and_then(|number| plan.index_of(number));
        let is_root = head.pair.block == root.pair.block;
        let proof = self.store.ledger.last().and_then(|stored| stored.proof.as_ref());
        let proof = proof.filter(|_| !is_root).map(|proof| proof.rule_proof.clone());
        let start = Start {
            epoch: plan,
            prefix,
            root: &root.header,
            me,
            head: &head.header,
            head_pair: head.pair,
            head_proof: proof.unwrap_or_default(),
            root_pair: root.pair,
            log,
        };
        let rule = plan.kind.create(&start, world.channel.signatures.verifier())?;
        Ok(match self.role.villain {
            Some(Villain::Misbuilder(misbuilder)) => (misbuilder.misled(rule), me),
            _ => (rule, me),
        })
    }

    /// The sealing block is stored: the next epoch begins.
    pub(super) fn begin_epoch(&mut self, config: &EpochConfig, root: &Head, world: &mut World) {
        let before = self.seat();
        if self.root(world).pair != root.pair {
            world.blame(self.role.number, "an epoch begins on a block that is not stored last");
        }
        let begun = self.rule(config.epoch, &[], world);
        let Some(memory) = self.memory.as_mut() else { return };
        // What the old epoch still wants signed goes before.
        memory.signer.submit(world.channel.hash, before, std::mem::take(&mut memory.jobs));
        memory.floor = 0;
        // From here on the guard refuses everything of earlier epochs, also after a restart.
        memory.jobs.push(Job::Floor { view: View::ZERO });
        match begun {
            Ok(next) => memory.next_rule = Some(next),
            Err(why) => world.blame(self.role.number, &why),
        }
    }
}
