//! A validator that answers questions wrongly: other results, a proof that is not of the last block, a
//! block left out, bodies nobody asked for, or nothing at all.

use host_types::Hash32;
use host_types::message::FetchReply;
use plugin_api_harness::clock::Chance;

/// Lies this often in a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncLiar {
    often: u64,
}

impl SyncLiar {
    /// Draws one.
    pub fn draw(chance: &mut Chance) -> Self {
        Self { often: chance.one_of(&[300, 800, 1000], 800) }
    }

    /// What it answers instead; none when it does not.
    pub fn answer(&self, chance: &mut Chance, mut reply: FetchReply) -> Option<FetchReply> {
        if !chance.permille(self.often) {
            return Some(reply);
        }
        match &mut reply {
            FetchReply::Blocks(Some(range)) => match chance.below(6) {
                0 => range.roots.state = Hash32::new([6; 32]),
                1 => drop(range.blocks.pop()),
                2 => drop(range.blocks.remove(0)),
                3 => range.proof.rule_proof.reverse(),
                4 => range.proof.rule_proof.clear(),
                _ => return Some(FetchReply::Blocks(None)),
            },
            FetchReply::Bodies(raw) => {
                raw.pop();
            }
            FetchReply::Proposal(Some((header, ids))) => match chance.below(3) {
                0 => ids.clear(),
                1 => header.height = header.height.next(),
                _ => return None,
            },
            _ => return None,
        }
        Some(reply)
    }
}
