//! A channel that grows while it is read: what the made-up node tells to streams.
//!
//! Blocks are made from a seed: some transactions with some events each, now and then an event of the
//! block itself. Every read is counted.

use crate::chain;
use host_rpc::gateway::{BlockView, EventPlace};
use host_rpc::stream::{ITSELF, StreamFilter, StreamItem, StreamPage, Told, TxTold};
use host_types::{
    BlockTime, Code, Hash32, Height, Rejection, ScoreEvent, ScoreName, Status, TxId, Writer,
};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::watch;

/// The same numbers for the same seed.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// The channel `channel1` of the node, as streams see it.
#[derive(Debug)]
pub(crate) struct Live {
    items: Mutex<Vec<StreamItem>>,
    dice: Mutex<Dice>,
    height: watch::Sender<Height>,
    /// Bytes of an event's data, in every event.
    event_bytes: usize,
    /// Blocks below are not kept.
    pub(crate) kept_from: AtomicU64,
    /// Whether its policy lets anybody read.
    pub(crate) is_open: AtomicBool,
    /// Whether the node has left it.
    pub(crate) is_left: AtomicBool,
    /// Items that were read for somebody.
    pub(crate) read: AtomicU64,
}

impl Live {
    /// With the genesis only.
    pub(crate) fn new(seed: u64, event_bytes: usize) -> Self {
        let live = Self {
            items: Mutex::default(),
            dice: Mutex::new(Dice::new(seed)),
            height: watch::channel(Height::ZERO).0,
            event_bytes,
            kept_from: AtomicU64::new(0),
            is_open: AtomicBool::new(true),
            is_left: AtomicBool::new(false),
            read: AtomicU64::new(0),
        };
        live.items.lock().unwrap().push(block(Height::ZERO));
        live
    }

    pub(crate) fn height(&self) -> Height {
        *self.height.borrow()
    }

    /// Wakes whoever waits for a block; for rights that have changed.
    pub(crate) fn wake(&self) {
        self.height.send_modify(|_| {});
    }

    /// Adds a block.
    pub(crate) fn grow(&self) -> Height {
        let (mut items, mut dice) = (self.items.lock().unwrap(), self.dice.lock().unwrap());
        let height = self.height().next();
        for tx in 0..u32::try_from(dice.below(4)).unwrap() {
            let id = TxId::new(Hash32::new([u8::try_from(height.get() % 251).unwrap(); 32]));
            let events = u32::try_from(dice.below(4)).unwrap();
            for event in 0..events {
                let told = Told::Score(Some(id), Self::event(&mut dice));
                items.push(StreamItem { place: EventPlace { height, tx, event }, told });
            }
            items.push(transaction(EventPlace { height, tx, event: ITSELF }, id, events));
        }
        if dice.below(5) == 0 {
            let place = EventPlace { height, tx: EventPlace::OF_BLOCK, event: 0 };
            items.push(StreamItem { place, told: Told::Score(None, Self::event(&mut dice)) });
        }
        items.push(block(height));
        drop(items);
        self.height.send_replace(height);
        height
    }

    /// An event whose data is only a number: it is written out when it is read, so that a long chain
    /// takes little memory.
    fn event(dice: &mut Dice) -> ScoreEvent {
        let data = dice.below(1_000).to_be_bytes().to_vec();
        let score = ScoreName::new(["token", "notary"][usize::from(dice.below(2) == 0)]).unwrap();
        let name = ["moved", "made"][usize::from(dice.below(2) == 0)].into();
        ScoreEvent { score, name, data }
    }

    /// Places of everything that is wanted, in order.
    pub(crate) fn places(&self, filter: &StreamFilter) -> Vec<String> {
        let items = self.items.lock().unwrap();
        items.iter().filter(|i| is_wanted(filter, i)).map(|i| i.place.to_string()).collect()
    }

    pub(crate) fn told(
        &self,
        filter: &StreamFilter,
        from: EventPlace,
        bytes: usize,
    ) -> Result<StreamPage, Rejection> {
        if from.height.get() < self.kept_from.load(Ordering::Relaxed) {
            return Err(Rejection::new(Code::HistoryGone, "those blocks are not kept"));
        }
        let end = EventPlace::start_of(self.height().next());
        let all = self.items.lock().unwrap();
        let (mut items, mut room) = (Vec::new(), bytes);
        for item in all.iter().filter(|i| i.place >= from && i.place < end && is_wanted(filter, i))
        {
            let item = self.written(item);
            let size = item.told.size();
            if size > room && !items.is_empty() {
                return Ok(self.page(items, item.place, false));
            }
            room = room.saturating_sub(size);
            items.push(item);
        }
        Ok(self.page(items, end.max(from), true))
    }

    fn written(&self, item: &StreamItem) -> StreamItem {
        let mut item = item.clone();
        if let Told::Score(_, event) = &mut item.told {
            let mut w = Writer::default();
            w.array(2);
            w.uint(u64::from_be_bytes(event.data.as_slice().try_into().unwrap()));
            w.bytes(&vec![7; self.event_bytes]);
            event.data = w.into_bytes();
        }
        item
    }

    fn page(&self, items: Vec<StreamItem>, next: EventPlace, is_caught_up: bool) -> StreamPage {
        self.read.fetch_add(items.len() as u64, Ordering::Relaxed);
        StreamPage { items, next, is_caught_up }
    }

    pub(crate) async fn next_block(&self, after: Height) -> Result<Height, Rejection> {
        let mut height = self.height.subscribe();
        let over = || self.is_left.load(Ordering::Relaxed) || !self.is_open.load(Ordering::Relaxed);
        let seen = height.wait_for(|height| *height > after || over()).await;
        let seen = *seen.unwrap();
        if self.is_left.load(Ordering::Relaxed) {
            return Err(Rejection::new(Code::ChannelHalted, "the channel has stopped"));
        }
        Ok(seen)
    }
}

fn is_wanted(filter: &StreamFilter, item: &StreamItem) -> bool {
    let is_of = |score: &ScoreName| filter.score.as_ref().is_none_or(|wanted| wanted == score);
    match &item.told {
        Told::Block(_) => filter.blocks,
        Told::Tx(tx) => filter.txs && is_of(&tx.score),
        Told::Score(_, event) => {
            let is_it = filter.topic.as_ref().is_none_or(|topic| *topic == event.name);
            filter.scores && is_of(&event.score) && is_it
        }
    }
}

fn transaction(place: EventPlace, id: TxId, events: u32) -> StreamItem {
    let score = ScoreName::new("token").unwrap();
    let receipt = chain::receipt(Status::Ok, 0, &[]);
    let signer = chain::certificate();
    let told = TxTold { id, score, method: "transfer".into(), signer, receipt, events };
    StreamItem { place, told: Told::Tx(Box::new(told)) }
}

fn block(height: Height) -> StreamItem {
    let mut view: BlockView = chain::block(0);
    view.header.height = height;
    view.header.time = BlockTime::new(height.get() * 1_000_000);
    view.id = view.header.id();
    StreamItem { place: EventPlace::end_of(height), told: Told::Block(Box::new(view)) }
}
