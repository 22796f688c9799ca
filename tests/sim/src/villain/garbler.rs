//! A validator some of whose messages have a byte changed: what is still a message is delivered.

use host_types::message::PeerMessage;
use host_types::{Decode, Encode};
use plugin_api_harness::clock::Chance;

/// Garbles this often in a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbler {
    often: u64,
}

impl Garbler {
    /// Draws one.
    pub fn draw(chance: &mut Chance) -> Self {
        Self { often: chance.one_of(&[50, 300, 800], 300) }
    }

    /// A message with a byte changed; none when it is no message any more.
    pub fn garble(&self, chance: &mut Chance, message: &PeerMessage) -> Option<PeerMessage> {
        if !chance.permille(self.often) {
            return Some(message.clone());
        }
        let mut bytes = message.to_bytes();
        let place = usize::try_from(chance.below(bytes.len() as u64)).unwrap_or(0);
        let change = u8::try_from(chance.between(1, 255)).unwrap_or(1);
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= change;
        }
        PeerMessage::from_bytes(&bytes).ok()
    }
}
