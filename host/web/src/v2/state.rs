//! `GET /channels/{c}/state/{score}/{key}?at=&proof=`: a key of a channel's state, after the last
//! block or a former one, with the way to the root that a block names.

use super::{Answer, ok, open_channel};
use crate::problem::Problem;
use crate::query::Query;
use crate::seen::Seen;
use crate::state_key::{StateKey, document};
use axum::extract::{Path, RawQuery};
use host_rpc::gateway::Access;
use host_rpc::lookups::StateQuestion;
use host_types::limits::STATE_KEY_BYTES_MAX;
use host_types::{Height, ScoreName, hash};

/// One key.
pub(crate) async fn one(
    Seen(api): Seen,
    Path((name, score, key)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Answer {
    let channel = open_channel(api.gateway.as_ref(), &name, Access::Read)?;
    let wanted = question(&score, &key, &Query::parse(query.as_deref()))?;
    let (score, key) = (wanted.score.clone(), wanted.key.clone());
    let answer = api.gateway.state(&channel, wanted).await?;
    Ok(ok(&document(&StateKey { channel, score, key, answer })))
}

fn question(score: &str, key: &str, query: &Query) -> Result<StateQuestion, Problem> {
    let score = ScoreName::new(score)
        .ok_or_else(|| Problem::parameter("the path names a SCORE, then a key"))?;
    let digits = key.strip_prefix("0x").unwrap_or(key);
    let key = hash::from_hex(digits).filter(|key| key.len() <= STATE_KEY_BYTES_MAX);
    let key = key.ok_or_else(|| {
        Problem::parameter(format!(
            "a key is hex of at most {STATE_KEY_BYTES_MAX} bytes, as the SCORE wrote it"
        ))
    })?;
    let at = query.get("at").map(|text| {
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let height = is_number.then(|| text.parse().ok()).flatten();
        height.map(Height::new).ok_or_else(|| Problem::parameter("`at` is a height"))
    });
    let is_proof_wanted = match query.get("proof") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::parameter("`proof` is `true` or `false`")),
    };
    Ok(StateQuestion { score, key, at: at.transpose()?, is_proof_wanted })
}
