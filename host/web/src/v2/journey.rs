//! `GET /channels/{c}/transactions/{hash}/journey`: the way of a transaction as this node saw it.

use super::{Answer, ok, open_channel};
use crate::json::Json;
use crate::problem::Problem;
use crate::seen::Seen;
use crate::time;
use axum::extract::Path;
use host_rpc::gateway::Access;
use host_rpc::journey::{JourneyBlock, JourneyState, JourneyView, Stages, Waiting};
use host_types::{BlockTime, TxId};

/// Block, votes and reason for waiting, and the times of this node as the only one of `peers`: who asks
/// several nodes puts those lists together.
pub(crate) async fn one(Seen(api): Seen, Path((name, hash)): Path<(String, String)>) -> Answer {
    let channel = open_channel(api.gateway.as_ref(), &name, Access::Read)?;
    let id = TxId::from_hex(&hash)
        .ok_or_else(|| Problem::parameter("a transaction is named by 64 hex digits"))?;
    let journey = api.gateway.journey(&channel, id).await?;
    let journey = journey
        .ok_or_else(|| Problem::not_found(format!("this node never heard of transaction {id}")))?;
    let head = Json::object([
        ("schema", "loopchain.journey.v1".into()),
        ("hash", id.to_string().into()),
        ("channel", channel.as_str().into()),
    ]);
    let node = api.gateway.node().name;
    Ok(ok(&fields(head, &journey)
        .with("peers", Json::from(vec![peer(node.as_str(), &journey.stages)]))))
}

fn fields(mut json: Json, journey: &JourneyView) -> Json {
    let (state, waiting, error) = match &journey.state {
        JourneyState::Pending(waiting) => ("pending", Some(waiting), None),
        JourneyState::Final => ("final", None, None),
        JourneyState::Rejected(why) => ("rejected", None, Some(why)),
    };
    json.push("state", state);
    json.push("block", journey.block.as_ref().map(block));
    let vote = |(name, weight): &(host_types::NodeName, u64)| {
        Json::object([("name", name.as_str().into()), ("weight", (*weight).into())])
    };
    json.push("votes", journey.votes.iter().map(vote).collect::<Json>());
    let weight: u64 = journey.votes.iter().map(|(_, weight)| *weight).sum();
    json.push("weight", weight);
    json.push("quorum", journey.quorum);
    json.push("total_weight", journey.total_weight);
    json.push("waiting", waiting.map(reason));
    let error = error.map(|why| {
        Json::object([
            ("code", why.code.to_string().into()),
            ("message", why.message.as_str().into()),
            ("help", Json::from(vec![why.code.help().into()])),
        ])
    });
    json.push("error", error);
    json
}

fn at(time: BlockTime) -> Json {
    Json::object([("time_us", time.get().into()), ("time", time::rfc3339(time.get()).into())])
}

fn block(block: &JourneyBlock) -> Json {
    let json = Json::object([
        ("height", block.height.get().into()),
        ("hash", block.id.to_string().into()),
        ("final", block.is_final.into()),
        ("epoch", block.epoch.get().into()),
        ("view", block.view.get().into()),
        ("proposer", block.proposer.as_ref().map(|name| Json::from(name.as_str())).into()),
    ]);
    json.with("time_us", block.time.get()).with("time", time::rfc3339(block.time.get()))
}

fn reason(waiting: &Waiting) -> Json {
    let place = waiting.place.map(|place| {
        Json::object([
            ("ahead", place.ahead.into()),
            ("waiting", place.waiting.into()),
            ("of_signer", place.of_signer.into()),
            ("signer_max", place.signer_max.into()),
        ])
    });
    Json::object([
        ("reason", waiting.reason.word().into()),
        ("detail", waiting.detail.as_str().into()),
        ("pool", place.into()),
    ])
}

fn peer(name: &str, stages: &Stages) -> Json {
    let all = stages.all();
    let stages = all.map(|(stage, time)| (stage, time.map(at).into()));
    Json::object([
        ("name", name.into()),
        ("remembered", all.iter().any(|(_, time)| time.is_some()).into()),
        ("stages", Json::object(stages)),
    ])
}
