//! Events that transactions of a channel announced, from the store.
//!
//! In: where to begin and what is wanted. Out: a page of them, oldest first, and where the next page
//! begins. Deliberately not here: following new ones, how they look (`host/web`).

use super::ChannelHandle;
use host_core::system::said;
use host_rpc::gateway::{EventFilter, EventPlace, EventView, EventsPage};
use host_store::{Reader, StoreError};
use host_types::receipt::ScoreEvent;
use host_types::{Height, Rejection, SignedTransaction};

/// Blocks that one page looks through: who asks for what is rare asks again, from there on.
const BLOCKS_MAX: u64 = 1_000;

/// Whether whoever asks may see an event of a block. What may not be seen is as if it was not there: neither
/// how many there are nor where a page goes on tells of it.
pub type IsSeen<'a> = &'a dyn Fn(Height, &ScoreEvent) -> bool;

impl ChannelHandle {
    /// A page of events.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn events(
        &self,
        filter: &EventFilter,
        is_seen: IsSeen<'_>,
    ) -> Result<EventsPage, Rejection> {
        let page = page(self.reader(), filter, is_seen);
        page.map_err(|error| Rejection::new(error.code(), error.to_string()))
    }
}

fn page(
    reader: &Reader,
    filter: &EventFilter,
    is_seen: IsSeen<'_>,
) -> Result<EventsPage, StoreError> {
    let mut page = EventsPage::default();
    let first = filter.from.height.get();
    let end = reader.tip().height.get().saturating_add(1);
    let stop = end.min(first.saturating_add(BLOCKS_MAX));
    for height in first..stop {
        let found = of_block(reader, Height::new(height), filter, is_seen)?;
        for event in found.into_iter().filter(|event| event.place >= filter.from) {
            if page.events.len() >= filter.limit as usize {
                page.next = Some(event.place);
                return Ok(page);
            }
            page.events.push(event);
        }
    }
    page.next = (stop < end).then(|| EventPlace::start_of(Height::new(stop)));
    Ok(page)
}

fn of_block(
    reader: &Reader,
    height: Height,
    filter: &EventFilter,
    is_seen: IsSeen<'_>,
) -> Result<Vec<EventView>, StoreError> {
    let Some(result) = reader.result(height)? else { return Ok(Vec::new()) };
    let is_wanted = |event: &ScoreEvent| {
        filter.score.as_ref().is_none_or(|score| *score == event.score)
            && filter.topic.as_ref().is_none_or(|topic| *topic == event.name)
            && is_seen(height, event)
    };
    let own = (0..).zip(said::of_writes(&result.writes)).filter(|(_, event)| is_wanted(event));
    let own: Vec<EventView> = own
        .map(|(number, event)| EventView {
            place: EventPlace { height, tx: EventPlace::OF_BLOCK, event: number },
            transaction: None,
            event,
        })
        .collect();
    if !result.events.iter().flatten().any(is_wanted) {
        return Ok(own);
    }
    let raw = reader.raw_block(height)?.map(|block| block.transactions).unwrap_or_default();
    let mut found = Vec::new();
    for ((tx, events), raw) in (0..).zip(result.events).zip(raw) {
        let wanted = (0..).zip(events).filter(|(_, event)| is_wanted(event));
        let mut wanted = wanted.peekable();
        if wanted.peek().is_none() {
            continue;
        }
        // What is stored was decoded before it was.
        let Ok(transaction) = SignedTransaction::decode(&raw) else { continue };
        found.extend(wanted.map(|(number, event)| EventView {
            place: EventPlace { height, tx, event: number },
            transaction: Some(transaction.id()),
            event,
        }));
    }
    found.extend(own);
    Ok(found)
}
