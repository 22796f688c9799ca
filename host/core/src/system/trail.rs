//! The method `trail`: how far the trail of a node's audited reads goes.
//!
//! In: a number of records and the hash of the last one, from the node that keeps them. Out: a record
//! under `trail/` and an event; or a coded refusal. Records name the hash of the one before, so this one
//! hash covers all of them: who changes or removes one later differs from the chain. A node's count
//! only grows. Deliberately not here: records (`host_types::trail`), when a node says it (the node).

use super::state::{SystemState, View};
use super::{Context, Outcome, event, refuse};
use host_identity::Role;
use host_types::codec::CodecError;
use host_types::{Code, Decode, Encode, Hash32, Height, NodeName, Reader, Rejection, Writer};

const TRAIL: &str = "trail/";

/// What the chain holds of a node's trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrailRoot {
    /// The block that it was said in.
    pub height: Height,
    /// Records.
    pub count: u64,
    /// Hash of the last of them.
    pub root: Hash32,
}

impl Encode for TrailRoot {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        self.height.encode(w);
        w.uint(self.count);
        self.root.encode(w);
    }
}

impl Decode<'_> for TrailRoot {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        Ok(Self { height: Height::decode(r)?, count: r.uint()?, root: Hash32::decode(r)? })
    }
}

fn trail_key(name: &NodeName) -> Vec<u8> {
    [TRAIL, name.as_str()].concat().into_bytes()
}

/// The last root that a node has put on the chain.
#[must_use]
pub fn trail_of(view: &dyn View, name: &NodeName) -> Option<TrailRoot> {
    TrailRoot::from_bytes(&view.get(&trail_key(name))?).ok()
}

/// Records it.
pub(super) fn record(
    count: u64,
    root: Hash32,
    context: Context<'_>,
    state: &mut SystemState<'_>,
) -> Result<Outcome, Rejection> {
    let unknown = || Rejection::new(Code::SignerUnknown, "the signer is no member");
    let signer = context.membership.get(&context.signer).ok_or_else(unknown)?;
    let name = signer.name();
    if !matches!(signer.role(), Role::Validator | Role::Peer) {
        let message =
            format!("{name} is a {}: only validators and peers keep a trail", signer.role());
        return Err(Rejection::new(Code::RoleRefused, message));
    }
    let known = state.get(&trail_key(name)).and_then(|value| TrailRoot::from_bytes(&value).ok());
    let before = known.map_or(0, |known| known.count);
    if count <= before {
        return Err(refuse(format!(
            "the trail of {name} has {before} records already, not {count}"
        )));
    }
    state.put(trail_key(name), TrailRoot { height: context.height, count, root }.to_bytes());
    let events = vec![event("trail-recorded", |w| {
        w.array(3);
        w.text(name.as_str());
        w.uint(count);
        w.bytes(root.as_bytes());
    })];
    Ok(Outcome { events, ..Outcome::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::stage::Stage;
    use host_types::change::SystemCall;

    fn said(count: u64) -> SystemCall {
        SystemCall::Trail { count, root: Hash32::sha256(&count.to_be_bytes()) }
    }

    #[test]
    fn a_trail_only_grows_and_each_node_has_its_own() {
        let mut stage = Stage::new();
        stage.height = 9;
        let outcome = stage.call(0, &said(3)).unwrap();
        assert_eq!(outcome.events[0].name, "trail-recorded");
        let name = stage.fixture.genesis.validators.all()[0].name.clone();
        let kept = trail_of(&stage.state, &name).unwrap();
        assert_eq!((kept.height, kept.count), (Height::new(9), 3));
        for count in [0, 2, 3] {
            let refused = stage.call(0, &said(count)).map(|_| ()).unwrap_err();
            assert_eq!(refused.code, Code::SystemRefused, "{count}");
        }
        stage.call(0, &said(4)).unwrap();
        assert_eq!(trail_of(&stage.state, &name).unwrap().count, 4);
        stage.call(1, &said(1)).unwrap();
    }
}
