//! The view of a call over layers and a peer of a few lines.

use crate::layers::{Changes, Layers};
use crate::view::{CallView, ScanPage, Sources, Stop, Upstream};
use score_native_abi::{limit, trap};
use score_native_link::protocol::{CallAnswer, Entry, Spent};
use score_native_link::{Batch, CallAsk, CallLimits};
use std::collections::BTreeMap;

#[derive(Default)]
struct Peer {
    state: BTreeMap<Vec<u8>, Vec<u8>>,
    questions: usize,
}

impl Upstream for Peer {
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.questions += 1;
        self.state.get(key).cloned()
    }

    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: u32) -> (Vec<Entry>, bool) {
        self.questions += 1;
        let fits = |(k, _): &(&Vec<u8>, &Vec<u8>)| k.starts_with(prefix) && k.as_slice() > after;
        let all = self.state.iter().filter(fits);
        let entry = |(k, v): (&Vec<u8>, &Vec<u8>)| Entry { key: k.clone(), value: v.clone() };
        let entries: Vec<Entry> = all.take(limit as usize).map(entry).collect();
        let complete = entries.len() < limit as usize;
        (entries, complete)
    }

    fn call(&mut self, ask: CallAsk) -> Result<CallAnswer, Stop> {
        self.questions += 1;
        let spent = Spent { events: 1_000, event_bytes: 60_000, write_bytes: 1_000_000 };
        let output = format!("{}.{} has {}", ask.score, ask.method, ask.spent.events).into_bytes();
        Ok(CallAnswer { code: 0, output, steps: ask.steps / 2, spent })
    }
}

struct World {
    peer: Peer,
    layers: Layers,
    page: ScanPage,
}

impl World {
    fn new(state: &[(&str, &str)]) -> Self {
        let mut layers = Layers::new();
        let batch = Batch {
            block: [1; 32],
            parent: [0; 32],
            part: 0,
            height: 1,
            time_us: 0,
            block_seed: [0; 32],
            channel: "c".into(),
            calls: Vec::new(),
            fresh: true,
            steps: u64::MAX,
            limits: CallLimits::MOST,
        };
        layers.begin(&batch).unwrap();
        let bytes = |text: &str| text.as_bytes().to_vec();
        let state = state.iter().map(|(k, v)| (bytes(k), bytes(v))).collect();
        Self { peer: Peer { state, questions: 0 }, layers, page: ScanPage::default() }
    }

    fn view(&mut self, may_write: bool) -> CallView<'_> {
        let Self { peer, layers, page } = self;
        CallView::new(Sources { layers, upstream: peer, page }, may_write, CallLimits::MOST)
    }

    fn change(&mut self, key: &str, value: Option<&str>) {
        let mut changes = Changes::new();
        changes.insert(key.as_bytes().into(), value.map(|v| v.as_bytes().into()));
        self.layers.apply(changes);
    }
}

fn list(view: &mut CallView<'_>, prefix: &str) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), Vec::new());
    while let Some((key, value)) = view.next(prefix.as_bytes(), &after).unwrap() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        found.push(format!("{}={}", text(key), text(value)));
        after = key.to_vec();
    }
    found
}

#[test]
fn a_value_is_asked_for_once() {
    let mut world = World::new(&[("a", "1")]);
    let mut view = world.view(true);
    assert_eq!(view.get(b"a").unwrap(), Some(&b"1"[..]));
    assert_eq!(view.get(b"none").unwrap(), None);
    assert_eq!(view.get(b"a").unwrap(), Some(&b"1"[..]));
    assert_eq!(view.get(b"none").unwrap(), None);
    assert_eq!(world.peer.questions, 2);
}

#[test]
fn a_listing_merges_the_call_the_block_and_the_peer() {
    let mut world =
        World::new(&[("k/1", "p"), ("k/2", "p"), ("k/3", "p"), ("k/5", "p"), ("l", "p")]);
    world.change("k/2", Some("b"));
    world.change("k/3", None);
    world.change("k/4", Some("b"));
    let mut view = world.view(true);
    view.put(b"k/1", None).unwrap();
    view.put(b"k/4", Some(b"c")).unwrap();
    view.put(b"k/0", Some(b"c")).unwrap();
    view.put(b"k/3", Some(b"c")).unwrap();
    view.put(b"j", Some(b"c")).unwrap();
    assert_eq!(list(&mut view, "k/"), ["k/0=c", "k/2=b", "k/3=c", "k/4=c", "k/5=p"]);
    assert_eq!(list(&mut view, "m"), Vec::<String>::new());
}

#[test]
fn a_listing_longer_than_a_page_is_whole() {
    let keys: Vec<String> = (0..200).map(|i| format!("k/{i:03}")).collect();
    let state: Vec<(&str, &str)> = keys.iter().map(|k| (k.as_str(), "v")).collect();
    let mut world = World::new(&state);
    assert_eq!(list(&mut world.view(true), "k/").len(), 200);
    assert_eq!(world.peer.questions, 4, "three full pages and the rest");
}

#[test]
fn limits_end_the_call() {
    let mut world = World::new(&[]);
    let mut view = world.view(true);
    let code = |result: Result<(), crate::view::Stop>| result.unwrap_err().code;
    assert_eq!(code(view.put(b"", Some(b"v"))), trap::LIMIT);
    assert_eq!(code(view.put(&[0; limit::KEY_BYTES + 1], Some(b"v"))), trap::LIMIT);
    assert_eq!(code(view.put(b"k", Some(&[0; limit::VALUE_BYTES + 1]))), trap::LIMIT);
    assert_eq!(view.put(&[0; limit::KEY_BYTES], Some(&[0; limit::VALUE_BYTES])), Ok(()));
    assert_eq!(code(view.emit(b"", b"")), trap::LIMIT);
    assert_eq!(code(view.emit(b"e", &[0; limit::EVENT_BYTES])), trap::LIMIT);
    let wrote = (0..=16u8).map(|i| view.put(&[i], Some(&[0; limit::VALUE_BYTES])));
    assert!(wrote.into_iter().any(|result| result.is_err()), "a call writes at most 1 MiB");
}

#[test]
fn a_query_writes_and_emits_nothing() {
    let mut world = World::new(&[]);
    let mut view = world.view(false);
    assert_eq!(view.put(b"k", None).unwrap_err().code, trap::WRITE_IN_QUERY);
    assert_eq!(view.emit(b"e", b"").unwrap_err().code, trap::WRITE_IN_QUERY);
    view.log(2, b"still here");
    assert_eq!(view.into_effects().logs.len(), 1);
}

#[test]
fn what_called_scores_used_counts_against_the_limits_of_the_transaction() {
    let mut world = World::new(&[]);
    let mut view = world.view(true);
    view.emit(b"e", b"").unwrap();
    let (code, steps, output) = view.call(("token", "transfer", b"\x80"), 100).unwrap();
    assert_eq!((code, steps, output), (0, 50, &b"token.transfer has 1"[..]));
    let (.., output) = view.call(("token", "transfer", b"\x80"), 100).unwrap();
    assert_eq!(output, b"token.transfer has 1001", "its own and those of the first call");
    assert_eq!(view.emit(b"e", b"").unwrap_err().code, trap::LIMIT);
    let value = vec![0; limit::VALUE_BYTES];
    assert_eq!(view.put(b"k", Some(&value)).unwrap_err().code, trap::LIMIT);
}
