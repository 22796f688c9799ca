//! One frame of a stream: its id, its type, its JSON.
//!
//! In: an item as it is stored, and the SCOREs that name its fields. Out: text for SSE or WebSocket.
//! The JSON of one item is the same on every peer that runs the same versions of the SCOREs.

use crate::body;
use crate::calls;
use crate::json::Json;
use crate::v2::views;
use host_rpc::gateway::{EventPlace, ScoreView};
use host_rpc::stream::{StreamItem, Told, TxTold};
use host_types::{ScoreEvent, Status, TxId};

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) id: EventPlace,
    /// `block`, `tx` or `score`.
    kind: &'static str,
    data: String,
}

impl Frame {
    pub(super) fn new(item: &StreamItem, scores: &[ScoreView]) -> Self {
        let (kind, fields) = match &item.told {
            Told::Score(transaction, event) => {
                ("score", score(item.place, *transaction, event, scores))
            }
            Told::Tx(tx) => ("tx", transaction(item.place, tx)),
            Told::Block(block) => ("block", views::block_summary(block)),
        };
        let mut json = Json::object([("id", item.place.to_string().into())]);
        if let (Json::Object(all), Json::Object(fields)) = (&mut json, fields) {
            all.extend(fields);
        }
        Self { id: item.place, kind, data: body::compact(&json) }
    }

    /// As an event of a stream of text; the data has no line breaks, being JSON.
    pub(super) fn sse(&self) -> String {
        format!("id: {}\nevent: {}\ndata: {}\n\n", self.id, self.kind, self.data)
    }

    /// As a message.
    pub(super) fn message(&self) -> String {
        format!(r#"{{"id":"{}","type":"{}","data":{}}}"#, self.id, self.kind, self.data)
    }
}

fn score(
    place: EventPlace,
    transaction: Option<TxId>,
    event: &ScoreEvent,
    scores: &[ScoreView],
) -> Json {
    let score = scores.iter().find(|score| score.name == event.score);
    let mut json = Json::object([
        ("height", place.height.get().into()),
        ("transaction", transaction.map(|id| id.to_string()).into()),
    ]);
    let fields = views::event(event, score.and_then(|score| score.manifest.as_deref()));
    if let (Json::Object(all), Json::Object(fields)) = (&mut json, fields) {
        all.extend(fields);
    }
    json
}

fn transaction(place: EventPlace, tx: &TxTold) -> Json {
    let is_ok = tx.receipt.status == Status::Ok;
    Json::object([
        ("height", place.height.get().into()),
        ("transaction", tx.id.to_string().into()),
        ("index", place.tx.into()),
        ("score", tx.score.as_str().into()),
        ("method", tx.method.as_str().into()),
        ("signer", tx.signer.to_string().into()),
        ("status", tx.receipt.status.word().into()),
        ("code", tx.receipt.code.into()),
        ("message", (!is_ok).then(|| calls::failure(&tx.receipt)).into()),
        ("steps", tx.receipt.steps.into()),
        ("events", tx.events.into()),
    ])
}
