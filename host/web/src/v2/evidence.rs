//! `GET /channels/{c}/evidence`: validators that signed two statements which cannot both be honest,
//! with the statements, so that anybody may check the signatures.

use super::{Answer, ok, open_channel};
use crate::json::Json;
use crate::seen::Seen;
use axum::extract::Path;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_rpc::gateway::{Access, EvidenceView};
use host_types::hash;

/// All that this node and the chain hold; it is bounded there.
pub(crate) async fn list(Seen(api): Seen, Path(name): Path<String>) -> Answer {
    let channel = open_channel(api.gateway.as_ref(), &name, Access::Audit)?;
    let evidence = api.gateway.evidence(&channel).await?;
    let listed = evidence.iter().enumerate().map(|(index, one)| item(index + 1, one));
    Ok(ok(&Json::object([
        ("schema", "loopchain.evidence.v1".into()),
        ("channel", channel.as_str().into()),
        ("evidence", listed.collect()),
    ])))
}

fn item(number: usize, evidence: &EvidenceView) -> Json {
    let statements = evidence.digests.iter().zip(&evidence.statements).map(|(digest, bytes)| {
        Json::object([
            ("digest", digest.to_string().into()),
            ("bytes", STANDARD.encode(bytes).into()),
        ])
    });
    Json::object([
        ("number", number.into()),
        ("signer", evidence.signer.as_str().into()),
        ("public_key", hash::to_hex(&evidence.public_key).into()),
        ("epoch", evidence.epoch.into()),
        ("view", evidence.view.into()),
        ("class", evidence.class.into()),
        ("recorded_in", evidence.recorded.map(host_types::Height::get).into()),
        ("statements", statements.collect()),
    ])
}
