//! `GET /channels`, `/channels/{c}`, `/channels/{c}/members`.

use super::{Answer, channel, epochs, ok, views};
use crate::json::Json;
use crate::query::Query;
use crate::seen::Seen;
use axum::extract::{Path, RawQuery};
use host_rpc::gateway::{Access, NodeView};

/// All channels; one that cannot be asked now is left out.
pub(crate) async fn list(Seen(api): Seen) -> Answer {
    let mut channels = Vec::new();
    for name in api.gateway.channels() {
        if let Ok(status) = api.gateway.channel(&name).await {
            channels.push(views::channel(&status));
        }
    }
    Ok(ok(&Json::object([
        ("schema", "loopchain.channels.v1".into()),
        ("node", node(&api.gateway.node())),
        ("default", api.gateway.default_channel().as_str().into()),
        ("channels", channels.into()),
    ])))
}

fn node(node: &NodeView) -> Json {
    let certificates = node.certificates.iter().map(|one| {
        Json::object([
            ("use", one.key_use.into()),
            ("not_after_us", one.not_after.get().into()),
            ("state", one.state.into()),
        ])
    });
    Json::object([("name", node.name.as_str().into()), ("certificates", certificates.collect())])
}

/// One channel, with what it runs with.
pub(crate) async fn one(Seen(api): Seen, Path(name): Path<String>) -> Answer {
    let channel = channel(api.gateway.as_ref(), &name)?;
    let status = api.gateway.channel(&channel).await?;
    let mut json = Json::object([("schema", "loopchain.channel.v1".into())]);
    if let (Json::Object(all), Json::Object(fields)) = (&mut json, views::channel(&status)) {
        all.extend(fields);
    }
    if api.gateway.is_open(&channel, Access::Read) {
        let view = api.gateway.epochs(&channel).await?;
        let present = &view.epochs.current().config;
        json.push("configuration", epochs::config(present, &view.genesis));
    }
    Ok(ok(&json))
}

/// Members, or those of a name.
pub(crate) async fn members(
    Seen(api): Seen,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let channel = channel(api.gateway.as_ref(), &name)?;
    let query = Query::parse(query.as_deref());
    let members = api.gateway.members(&channel, query.get("name")).await?;
    Ok(ok(&Json::object([
        ("schema", "loopchain.members.v1".into()),
        ("members", members.iter().map(views::member).collect()),
    ])))
}
