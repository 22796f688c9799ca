//! What a request for a stream asks for.
//!
//! In: query and headers. Out: a filter and a place to begin, or a refusal that names the parameter.

use crate::problem::Problem;
use crate::query::Query;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use host_rpc::gateway::EventPlace;
use host_rpc::stream::StreamFilter;
use host_types::limits::METHOD_BYTES_MAX;
use host_types::{Height, ScoreName};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Media type of a stream.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) filter: StreamFilter,
    /// The first place wanted; none: whatever comes after now.
    pub(super) from: Option<EventPlace>,
}

/// Whether a client asks for a stream and not for a page.
pub(crate) fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(','));
    kinds.any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case(EVENT_STREAM)
    })
}

/// Reads a request. What the client has seen last, by header or by parameter, counts before `from`: a
/// browser comes back with the same URL and the header.
pub(super) fn read(parts: &Parts) -> Result<Wish, Problem> {
    let query = Query::parse(parts.uri.query());
    let mut filter = types(query.get("types").unwrap_or("score"))?;
    let score = query.get("score").map(|text| {
        ScoreName::new(text).ok_or_else(|| Problem::parameter("`score` is the name of a SCORE"))
    });
    filter.score = score.transpose()?;
    let topic = query.get("topic").map(|text| match text.len() {
        1..=METHOD_BYTES_MAX => Ok(text.to_owned()),
        _ => Err(Problem::parameter("`topic` is the name of an event")),
    });
    filter.topic = topic.transpose()?;
    Ok(Wish { filter, from: from(&query, &parts.headers)? })
}

fn types(text: &str) -> Result<StreamFilter, Problem> {
    let mut filter =
        StreamFilter { blocks: false, txs: false, scores: false, score: None, topic: None };
    for word in text.split(',') {
        match word {
            "block" => filter.blocks = true,
            "tx" => filter.txs = true,
            "score" => filter.scores = true,
            _ => {
                let detail =
                    format!("`types` is a list of `block`, `tx` and `score`, not {word:?}");
                return Err(Problem::parameter(detail));
            }
        }
    }
    Ok(filter)
}

fn from(query: &Query, headers: &HeaderMap) -> Result<Option<EventPlace>, Problem> {
    let header =
        headers.get(LAST_EVENT_ID).map(|value| (value.to_str().unwrap_or("?"), "Last-Event-ID"));
    let seen = header.or_else(|| query.get("last_event_id").map(|text| (text, "last_event_id")));
    // Browsers send an empty one before they have seen any.
    if let Some((text, name)) = seen.filter(|(text, _)| !text.is_empty()) {
        let place = EventPlace::parse(text).and_then(EventPlace::next);
        return place.map(Some).ok_or_else(|| {
            Problem::parameter(format!("`{name}` is the `id` of an event: HEIGHT.TX.EVENT"))
        });
    }
    let Some(text) = query.get("from") else { return Ok(None) };
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let height = || text.parse().ok().filter(|_| is_plain).map(Height::new);
    let place = EventPlace::parse(text).or_else(|| height().map(EventPlace::start_of));
    place.map(Some).ok_or_else(|| {
        Problem::parameter("`from` is a height, or the `id` of an event: HEIGHT.TX.EVENT")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn wish(query: &str, last: Option<&str>) -> Result<Wish, Problem> {
        let mut request = Request::get(format!("/events?{query}"));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        read(&request.body(()).unwrap().into_parts().0)
    }

    fn place(height: u64, tx: u32, event: u32) -> EventPlace {
        EventPlace { height: Height::new(height), tx, event }
    }

    #[test]
    fn the_last_id_seen_counts_before_the_place_named_and_is_not_told_again() {
        let from = |query: &str, last| wish(query, last).unwrap().from;
        assert_eq!(from("", None), None);
        assert_eq!(from("", Some("")), None);
        assert_eq!(from("from=7", None), Some(place(7, 0, 0)));
        assert_eq!(from("from=7.1.2", None), Some(place(7, 1, 2)));
        assert_eq!(from("from=7", Some("")), Some(place(7, 0, 0)));
        assert_eq!(from("from=7", Some("9.0.0")), Some(place(9, 0, 1)));
        assert_eq!(from("from=7&last_event_id=8.1.4294967295", None), Some(place(8, 2, 0)));
        assert_eq!(from("last_event_id=8.0.0", Some("9.0.0")), Some(place(9, 0, 1)));
        let end = "3.4294967295.4294967295";
        assert_eq!(from("", Some(end)), Some(place(4, 0, 0)));
    }

    #[test]
    fn filters_are_read_and_what_is_none_is_refused() {
        let filter = |query| wish(query, None).unwrap().filter;
        let all = filter("types=block,tx,score&score=token&topic=moved");
        assert!(all.blocks && all.txs && all.scores);
        assert_eq!(all.score.unwrap().as_str(), "token");
        assert_eq!(all.topic.as_deref(), Some("moved"));
        let default = filter("");
        assert!(!default.blocks && !default.txs && default.scores);
        for wrong in ["types=", "types=all", "types=tx,,block", "score=A%20b", "topic=", "from=x"] {
            assert_eq!(wish(wrong, None).unwrap_err().status, 400, "{wrong}");
        }
        for wrong in ["from=-1", "from=+1", "from=1.2", "from=", "last_event_id=5"] {
            assert_eq!(wish(wrong, None).unwrap_err().status, 400, "{wrong}");
        }
        for wrong in ["5", "a.b.c", "1.2.3.4", "1.2.+3", "18446744073709551616.0.0"] {
            let refused = wish("", Some(wrong)).unwrap_err();
            assert!(refused.detail.contains("`Last-Event-ID`"), "{}", refused.detail);
        }
        let last = format!("{}.4294967295.4294967295", u64::MAX);
        assert_eq!(wish("", Some(&last)).unwrap_err().status, 400);
    }

    #[test]
    fn a_stream_is_asked_for_by_its_media_type() {
        let wants = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            wants_stream(&headers)
        };
        assert!(wants("text/event-stream"));
        assert!(wants("application/json, Text/Event-Stream;q=0.9"));
        assert!(!wants("*/*"));
        assert!(!wants("application/json"));
        assert!(!wants_stream(&HeaderMap::new()));
    }
}
