//! `GET /channels/{c}/events?score=&topic=&from=&limit=`: what transactions announced, oldest first.
//! With `Accept: text/event-stream` the same path is a stream (`stream::sse`).

use super::{Answer, ok, open_channel, views};
use crate::json::Json;
use crate::problem::Problem;
use crate::query::Query;
use crate::seen::Seen;
use crate::stream;
use axum::extract::{Path, Request};
use host_rpc::gateway::{Access, EventFilter, EventPlace, EventView, ScoreView};
use host_types::limits::METHOD_BYTES_MAX;
use host_types::{Height, ScoreName};

/// Events of a page when the client names no number.
const PAGE_DEFAULT: u32 = 20;
/// Most events of a page.
const PAGE_MAX: u32 = 100;

/// A page; `next_from` is where the next one begins, null once all blocks were looked through.
pub(crate) async fn page(Seen(api): Seen, Path(name): Path<String>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    if stream::wants_stream(&parts.headers) {
        return stream::sse::stream(&api, &name, &parts).await;
    }
    let query = Query::parse(parts.uri.query());
    if query.get("types").is_some_and(|types| types != "score") {
        let detail = "a page has events of SCOREs only: other `types` are told to \
                      `Accept: text/event-stream`";
        return Err(Problem::parameter(detail));
    }
    let channel = open_channel(api.gateway.as_ref(), &name, Access::Read)?;
    let filter = filter(&query)?;
    let page = api.gateway.events(&channel, filter).await?;
    let scores = api.gateway.scores(&channel).await?;
    Ok(ok(&Json::object([
        ("schema", "loopchain.events.v1".into()),
        ("channel", channel.as_str().into()),
        ("events", page.events.iter().map(|event| item(event, &scores)).collect()),
        ("next_from", page.next.map(|place| place.to_string()).into()),
    ])))
}

fn filter(query: &Query) -> Result<EventFilter, Problem> {
    let score = query.get("score").map(|text| {
        ScoreName::new(text).ok_or_else(|| Problem::parameter("`score` is the name of a SCORE"))
    });
    let topic = query.get("topic").map(|text| match text.len() {
        1..=METHOD_BYTES_MAX => Ok(text.to_owned()),
        _ => Err(Problem::parameter("`topic` is the name of an event")),
    });
    let from = query.get("from").map(|text| {
        place(text).ok_or_else(|| {
            Problem::parameter("`from` is a height, or HEIGHT.TX.EVENT as in `next_from`")
        })
    });
    let limit = query.get("limit").map(|text| {
        let limit = text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
        limit.ok_or_else(|| Problem::parameter(format!("`limit` is a number from 1 to {PAGE_MAX}")))
    });
    Ok(EventFilter {
        score: score.transpose()?,
        topic: topic.transpose()?,
        from: from.transpose()?.unwrap_or(EventPlace::start_of(Height::ZERO)),
        limit: limit.transpose()?.unwrap_or(PAGE_DEFAULT),
    })
}

fn place(text: &str) -> Option<EventPlace> {
    let mut parts = text.split('.');
    let height = Height::new(parts.next()?.parse().ok()?);
    let mut rest = || parts.next().map_or(Some(0), |part| part.parse().ok());
    let (tx, event) = (rest()?, rest()?);
    parts.next().is_none().then_some(EventPlace { height, tx, event })
}

fn item(view: &EventView, scores: &[ScoreView]) -> Json {
    let score = scores.iter().find(|score| score.name == view.event.score);
    let json = Json::object([
        ("id", view.place.to_string().into()),
        ("height", view.place.height.get().into()),
        ("transaction", view.transaction.map(|id| id.to_string()).into()),
    ]);
    match (json, views::event(&view.event, score.and_then(|score| score.manifest.as_deref()))) {
        (Json::Object(mut all), Json::Object(fields)) => {
            all.extend(fields);
            Json::Object(all)
        }
        (json, _) => json,
    }
}
