//! What the worker remembers of its SCORE's state: values as of the base, and one layer of changes
//! for each block that is not final.
//!
//! In: batches' block ids, values read from the peer, writes of successful calls. Out: values, or
//! that one is not known here. The base is the state in or after some final block; every layer
//! stands on it or on another layer. Forgetting is always allowed, since the peer has everything:
//! where the chain of layers is not known, [`NeedState`] asks to begin anew.

use score_native_link::{Batch, BlockId};
use std::collections::BTreeMap;
use std::ops::Bound;

/// Keys in order, with a value or (a removed key) none.
pub(crate) type Changes = BTreeMap<Box<[u8]>, Option<Box<[u8]>>>;

/// Bytes of remembered values; beyond it all of them are dropped and read again.
const CACHE_BYTES_MAX: usize = 48 << 20;

/// Bytes of all layers; beyond it all are dropped and the peer gives the state again.
const LAYER_BYTES_MAX: usize = 48 << 20;

/// What an entry costs beside its bytes, roughly.
const ENTRY_BYTES: usize = 64;

/// The peer has to send the batch again with `fresh`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NeedState;

/// A value, as far as it is known here.
pub(crate) enum Lookup<'a> {
    Known(Option<&'a [u8]>),
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    /// Nothing was read yet, or the state in the middle of a block.
    Unnamed,
    /// The state after this block.
    After(BlockId),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    Base,
    Layer(BlockId),
}

struct Layer {
    below: Below,
    next_part: u32,
    changes: Changes,
}

/// See the head of this file.
pub(crate) struct Layers {
    base: Base,
    cache: Changes,
    cache_bytes: usize,
    layers: BTreeMap<BlockId, Layer>,
    layer_bytes: usize,
    current: Option<BlockId>,
    /// What the running transaction has written here through other SCOREs; over everything else,
    /// for one call.
    over: Changes,
}

impl Layers {
    pub(crate) const fn new() -> Self {
        Self {
            base: Base::Unnamed,
            cache: BTreeMap::new(),
            cache_bytes: 0,
            layers: BTreeMap::new(),
            layer_bytes: 0,
            current: None,
            over: Changes::new(),
        }
    }

    /// Lies over the current block until it is set anew.
    pub(crate) fn set_over(&mut self, over: Changes) {
        self.over = over;
    }

    /// Another SCORE's transaction has written this: as if a batch had.
    pub(crate) fn apply_later(&mut self, block: BlockId, part: u32, writes: Changes) {
        let layer = self.layers.get_mut(&block).filter(|layer| layer.next_part == part);
        // Not the next one: the batch that follows finds a part missing and asks for state.
        let Some(layer) = layer else { return };
        layer.next_part += 1;
        self.current = Some(block);
        self.apply(writes);
    }

    /// Makes the batch's block the one that is read and written.
    pub(crate) fn begin(&mut self, batch: &Batch) -> Result<(), NeedState> {
        if batch.fresh || self.layer_bytes > LAYER_BYTES_MAX {
            self.reset();
        }
        if batch.fresh {
            // In the middle of a block the base already holds a part of it, and has no name.
            self.base = if batch.part == 0 { Base::After(batch.parent) } else { Base::Unnamed };
        }
        let below = if batch.fresh || self.base == Base::After(batch.parent) {
            Some(Below::Base)
        } else {
            self.layers.contains_key(&batch.parent).then_some(Below::Layer(batch.parent))
        };
        let goes_on = !batch.fresh && batch.part > 0;
        if goes_on {
            let layer = self.layers.get_mut(&batch.block);
            let layer = layer.filter(|l| l.next_part == batch.part).ok_or(NeedState)?;
            layer.next_part += 1;
        } else {
            let below = below.ok_or(NeedState)?;
            self.forget(batch.block);
            let layer = Layer { below, next_part: batch.part + 1, changes: Changes::new() };
            self.layers.insert(batch.block, layer);
        }
        self.current = Some(batch.block);
        Ok(())
    }

    /// Makes the state after a final block the one that is read.
    pub(crate) fn begin_query(&mut self, snapshot: BlockId) {
        if self.base != Base::After(snapshot) {
            self.reset();
            self.base = Base::After(snapshot);
        }
        self.current = None;
    }

    /// The value of a key in the current block.
    pub(crate) fn get(&self, key: &[u8]) -> Lookup<'_> {
        if let Some(value) = self.over.get(key) {
            return Lookup::Known(value.as_deref());
        }
        let mut at = self.current;
        while let Some(layer) = at.and_then(|block| self.layers.get(&block)) {
            if let Some(value) = layer.changes.get(key) {
                return Lookup::Known(value.as_deref());
            }
            at = match layer.below {
                Below::Base => None,
                Below::Layer(block) => Some(block),
            };
        }
        self.cache.get(key).map_or(Lookup::Unknown, |value| Lookup::Known(value.as_deref()))
    }

    /// Remembers what the peer said about a key that [`Layers::get`] did not know.
    pub(crate) fn remember(&mut self, key: &[u8], value: Option<Vec<u8>>) {
        self.make_room();
        self.cache_bytes += size(key, value.as_deref());
        self.cache.insert(key.into(), value.map(Vec::into_boxed_slice));
    }

    /// The first change of the current block among the keys that `range` allows.
    pub(crate) fn next_change(&self, from: Bound<&[u8]>) -> Option<(&[u8], Option<&[u8]>)> {
        let layer = self.current.and_then(|block| self.layers.get(&block));
        let changes = [first(&self.over, from), layer.and_then(|l| first(&l.changes, from))];
        // Of equal keys the first counts.
        changes.into_iter().flatten().min_by_key(|(key, _)| *key)
    }

    /// Adds the writes of a successful call to the current block.
    pub(crate) fn apply(&mut self, writes: Changes) {
        let Some(layer) = self.current.and_then(|block| self.layers.get_mut(&block)) else {
            return;
        };
        for (key, value) in writes {
            self.layer_bytes += size(&key, value.as_deref());
            layer.changes.insert(key, value);
        }
    }

    /// The block is final: its layer becomes part of the base, other layers on the base end.
    pub(crate) fn finalize(&mut self, block: BlockId) {
        let Some(layer) = self.take(block) else { return };
        if layer.below != Below::Base {
            // Its ancestor was not told to be final: what is remembered is not the base's state.
            self.reset();
            return;
        }
        let losers: Vec<BlockId> = self.blocks_on(Below::Base);
        for loser in losers {
            self.forget(loser);
        }
        for (key, value) in layer.changes {
            self.make_room();
            self.cache_bytes += size(&key, value.as_deref());
            self.cache.insert(key, value);
        }
        for child in self.layers.values_mut() {
            if child.below == Below::Layer(block) {
                child.below = Below::Base;
            }
        }
        self.base = Base::After(block);
    }

    /// The block will never be final: its layer and all on it end.
    pub(crate) fn forget(&mut self, block: BlockId) {
        let mut ends = vec![block];
        while let Some(block) = ends.pop() {
            drop(self.take(block));
            ends.extend(self.blocks_on(Below::Layer(block)));
        }
    }

    fn take(&mut self, block: BlockId) -> Option<Layer> {
        let layer = self.layers.remove(&block)?;
        // Overwritten keys were counted more than once; with the last layer the count begins anew.
        let bytes: usize = layer.changes.iter().map(|(k, v)| size(k, v.as_deref())).sum();
        let rest = self.layer_bytes.saturating_sub(bytes);
        self.layer_bytes = if self.layers.is_empty() { 0 } else { rest };
        Some(layer)
    }

    fn blocks_on(&self, below: Below) -> Vec<BlockId> {
        let on = self.layers.iter().filter(|(_, layer)| layer.below == below);
        on.map(|(block, _)| *block).collect()
    }

    fn make_room(&mut self) {
        if self.cache_bytes > CACHE_BYTES_MAX {
            self.cache.clear();
            self.cache_bytes = 0;
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

fn size(key: &[u8], value: Option<&[u8]>) -> usize {
    key.len() + value.map_or(0, <[u8]>::len) + ENTRY_BYTES
}

/// The first entry from a bound on.
pub(crate) fn first<'a>(
    changes: &'a Changes,
    from: Bound<&[u8]>,
) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let mut range = changes.range::<[u8], _>((from, Bound::Unbounded));
    range.next().map(|(key, value)| (&**key, value.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::{Changes, Layers, Lookup, NeedState};
    use score_native_link::{Batch, BlockId, CallLimits};

    const ROOT: BlockId = [0; 32];
    const A: BlockId = [1; 32];
    const B: BlockId = [2; 32];
    const C: BlockId = [3; 32];

    fn batch(block: BlockId, parent: BlockId, part: u32, fresh: bool) -> Batch {
        Batch {
            block,
            parent,
            part,
            height: 1,
            time_us: 0,
            block_seed: [0; 32],
            channel: "c".into(),
            calls: Vec::new(),
            fresh,
            steps: u64::MAX,
            limits: CallLimits::MOST,
        }
    }

    fn put(layers: &mut Layers, key: &str, value: &str) {
        let mut writes = Changes::new();
        writes.insert(key.as_bytes().into(), Some(value.as_bytes().into()));
        layers.apply(writes);
    }

    fn get(layers: &Layers, key: &str) -> String {
        match layers.get(key.as_bytes()) {
            Lookup::Known(Some(value)) => String::from_utf8_lossy(value).into_owned(),
            Lookup::Known(None) => "absent".into(),
            Lookup::Unknown => "unknown".into(),
        }
    }

    #[test]
    fn the_first_batch_asks_for_state() {
        let mut layers = Layers::new();
        assert_eq!(layers.begin(&batch(A, ROOT, 0, false)), Err(NeedState));
        assert_eq!(layers.begin(&batch(A, ROOT, 0, true)), Ok(()));
        assert_eq!(get(&layers, "k"), "unknown");
    }

    #[test]
    fn a_child_sees_its_ancestors_and_not_its_cousins() {
        let mut layers = Layers::new();
        layers.begin(&batch(A, ROOT, 0, true)).unwrap();
        put(&mut layers, "k", "a");
        layers.begin(&batch(B, ROOT, 0, false)).unwrap();
        assert_eq!(get(&layers, "k"), "unknown");
        put(&mut layers, "k", "b");
        layers.begin(&batch(C, A, 0, false)).unwrap();
        assert_eq!(get(&layers, "k"), "a");
    }

    #[test]
    fn a_final_block_becomes_the_base_and_its_rivals_end() {
        let mut layers = Layers::new();
        layers.begin(&batch(A, ROOT, 0, true)).unwrap();
        put(&mut layers, "k", "a");
        layers.begin(&batch(B, ROOT, 0, false)).unwrap();
        put(&mut layers, "k", "b");
        layers.finalize(A);
        assert_eq!(layers.begin(&batch(C, B, 0, false)), Err(NeedState), "the rival ended");
        layers.begin(&batch(C, A, 0, false)).unwrap();
        assert_eq!(get(&layers, "k"), "a");
        assert_eq!(layers.begin(&batch(B, ROOT, 0, false)), Err(NeedState), "the old base is gone");
    }

    #[test]
    fn a_later_batch_goes_on_and_a_repeated_first_one_begins_anew() {
        let mut layers = Layers::new();
        layers.begin(&batch(A, ROOT, 0, true)).unwrap();
        put(&mut layers, "k", "1");
        layers.begin(&batch(A, ROOT, 1, false)).unwrap();
        assert_eq!(get(&layers, "k"), "1");
        assert_eq!(layers.begin(&batch(A, ROOT, 3, false)), Err(NeedState), "one is missing");
        layers.begin(&batch(A, ROOT, 0, false)).unwrap();
        assert_eq!(get(&layers, "k"), "unknown");
    }

    #[test]
    fn a_base_in_the_middle_of_a_block_serves_no_other_block() {
        let mut layers = Layers::new();
        layers.begin(&batch(A, ROOT, 1, true)).unwrap();
        layers.remember(b"k", Some(b"of part 0".to_vec()));
        assert_eq!(layers.begin(&batch(B, ROOT, 0, false)), Err(NeedState));
        layers.begin(&batch(C, A, 0, false)).unwrap();
        assert_eq!(get(&layers, "k"), "of part 0");
    }

    #[test]
    fn a_forgotten_block_takes_its_children_along() {
        let mut layers = Layers::new();
        layers.begin(&batch(A, ROOT, 0, true)).unwrap();
        layers.begin(&batch(B, A, 0, false)).unwrap();
        layers.forget(A);
        assert_eq!(layers.begin(&batch(C, B, 0, false)), Err(NeedState));
        assert_eq!(layers.begin(&batch(C, ROOT, 0, false)), Ok(()));
    }

    #[test]
    fn what_a_transaction_wrote_through_others_is_seen_and_kept_only_when_it_is_applied() {
        let mut layers = Layers::new();
        let one = |key: &str, value: Option<&str>| {
            Changes::from([(key.as_bytes().into(), value.map(|v| v.as_bytes().into()))])
        };
        layers.begin(&batch(A, ROOT, 0, true)).unwrap();
        put(&mut layers, "k", "kept");
        layers.set_over(one("k", None));
        assert_eq!(get(&layers, "k"), "absent");
        let listed = layers.next_change(std::ops::Bound::Unbounded);
        assert_eq!(listed, Some((&b"k"[..], None)), "a removal hides the layer below");
        layers.set_over(Changes::new());
        assert_eq!(get(&layers, "k"), "kept");
        layers.apply_later(A, 2, one("k", Some("too early")));
        assert_eq!(get(&layers, "k"), "kept");
        layers.apply_later(A, 1, one("k", Some("applied")));
        assert_eq!(get(&layers, "k"), "applied");
        assert_eq!(layers.begin(&batch(A, ROOT, 2, false)), Ok(()));
        layers.finalize(A);
        layers.begin(&batch(B, A, 0, false)).unwrap();
        assert_eq!(get(&layers, "k"), "applied");
    }

    #[test]
    fn another_snapshot_forgets_what_was_read() {
        let mut layers = Layers::new();
        layers.begin_query(A);
        layers.remember(b"k", None);
        layers.begin_query(A);
        assert_eq!(get(&layers, "k"), "absent");
        layers.begin_query(B);
        assert_eq!(get(&layers, "k"), "unknown");
    }
}
