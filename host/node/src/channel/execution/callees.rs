//! The SCOREs of a channel as those see them that call them, in a block and in a question.
//!
//! In: a name and a method. Out: the callee's workers, or the refusal that its caller reads, the same
//! on every node. Deliberately not here: nesting, undoing and limits (`score-native-link`), the state.

use super::layer::LayerView;
use crate::scores::{Artefact, Scores};
use host_core::system::freeze::Frozen;
use host_core::system::state::ActiveScore;
use host_types::block::Block;
use host_types::genesis::ChannelGenesis;
use host_types::value::Value;
use host_types::{Address, BlockId, Decode, ScoreName};
use score_native_link::{
    Boxed, CallAsk, CallKind, Callee, Neighbours, NoResult, Place, Refusal, refusal,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The SCOREs of a block that is executed.
pub(super) struct BlockNeighbours<'a> {
    pub(super) genesis: &'a ChannelGenesis,
    pub(super) scores: &'a Scores,
    pub(super) active: &'a Arc<BTreeMap<ScoreName, ActiveScore>>,
    pub(super) frozen: &'a Arc<BTreeMap<ScoreName, Frozen>>,
    pub(super) view: &'a LayerView,
    pub(super) block: &'a Block,
    pub(super) parts: &'a mut BTreeMap<ScoreName, u32>,
    pub(super) ran: &'a mut BTreeMap<ScoreName, BlockId>,
    pub(super) distrusted: &'a mut BTreeSet<ScoreName>,
}

impl Neighbours for BlockNeighbours<'_> {
    fn find<'a>(
        &'a mut self,
        ask: &'a CallAsk,
        caller: CallKind,
    ) -> Boxed<'a, Result<Result<Callee, Refusal>, NoResult>> {
        Box::pin(callee(self.scores, self.genesis, self.active, self.frozen, (ask, caller)))
    }

    fn place(&mut self, score: &str) -> Place {
        let header_parent = self.block.header().parent.block;
        let Some(score) = ScoreName::new(score) else {
            return Place { parent: *header_parent.as_bytes(), part: 0, fresh: true };
        };
        let part = self.parts.entry(score.clone()).or_default();
        let ran = self.ran.get(&score).copied();
        let fresh = self.distrusted.remove(&score) || (ran.is_none() && *part == 0);
        let parent = *ran.unwrap_or(header_parent).as_bytes();
        let place = Place { parent, part: *part, fresh };
        *part += 1;
        // Also when all it did is undone: its worker has begun the block.
        self.ran.insert(score, self.block.id());
        place
    }

    fn distrust(&mut self, score: &str) {
        self.distrusted.extend(ScoreName::new(score));
    }

    fn get(&mut self, score: &str, key: &[u8]) -> Option<Vec<u8>> {
        self.view.get(&ScoreName::new(score)?, key)
    }

    fn scan(
        &mut self,
        score: &str,
        prefix: &[u8],
        after: &[u8],
        limit: usize,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        let score = ScoreName::new(score);
        score.map(|score| self.view.scan(&score, prefix, after, limit)).unwrap_or_default()
    }
}

/// The active SCORE of a name, ready to be called.
///
/// # Errors
/// When it cannot run here.
pub(crate) async fn callee(
    scores: &Scores,
    genesis: &ChannelGenesis,
    active: &BTreeMap<ScoreName, ActiveScore>,
    frozen: &BTreeMap<ScoreName, Frozen>,
    (ask, caller): (&CallAsk, CallKind),
) -> Result<Result<Callee, Refusal>, NoResult> {
    let name = ScoreName::new(&ask.score).filter(|name| !name.is_system());
    let found = name.and_then(|name| active.get(&name).map(|version| (name, version)));
    let Some((name, version)) = found else {
        let text = format!("{} has no SCORE `{}`", genesis.channel, ask.score.escape_debug());
        return Ok(Err(Refusal { code: refusal::NO_SCORE, text }));
    };
    if let Some(frozen) = frozen.get(&name).filter(|_| caller != CallKind::Query) {
        let text = frozen.refusal(&name).message;
        return Ok(Err(Refusal { code: refusal::FROZEN, text }));
    }
    let artefact = scores.artefact(&version.sha256).ok_or_else(|| {
        NoResult::Start(format!("artefact {} of {name} is not here", version.sha256))
    })?;
    let seat = scores.seat(genesis, &name, &artefact).await.map_err(NoResult::Start)?;
    let kind = kind_of(&artefact, &ask.method, caller);
    let args = as_it_takes(Some(&artefact), kind, &ask.method, &ask.args);
    let address = *Address::of_score(&name).as_bytes();
    Ok(Ok(Callee { seat, address, kind, args }))
}

/// A question asks questions only; a transaction may ask too, by the name of a question.
fn kind_of(artefact: &Artefact, method: &str, caller: CallKind) -> CallKind {
    let has = |kind: &str| artefact.manifest.method(method, kind).is_some();
    if caller == CallKind::Query || (has("query") && !has("invoke")) {
        CallKind::Query
    } else {
        CallKind::Invoke
    }
}

/// Arguments as the SCORE takes them: one that takes anything gets the bytes of the only argument
/// as they are.
pub(crate) fn as_it_takes(
    artefact: Option<&Artefact>,
    kind: CallKind,
    method: &str,
    args: &[u8],
) -> Vec<u8> {
    let takes_any = artefact.is_some_and(|Artefact { manifest, .. }| match kind {
        CallKind::Query => manifest.any.query && manifest.method(method, "query").is_none(),
        _ => manifest.any.invoke && manifest.method(method, "invoke").is_none(),
    });
    if takes_any { unwrap_only(args) } else { args.to_vec() }
}

/// The bytes of the only argument, or the arguments as they are.
fn unwrap_only(args: &[u8]) -> Vec<u8> {
    match Value::from_bytes(args) {
        Ok(Value::Array(values)) => match values.as_slice() {
            [Value::Bytes(bytes)] => bytes.clone(),
            [Value::Text(text)] => text.clone().into_bytes(),
            _ => args.to_vec(),
        },
        _ => args.to_vec(),
    }
}
