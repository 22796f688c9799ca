//! What the operator of a radiostation asks of it while it runs: who is there, out with one, in again.
//!
//! In: calls of the operator (`crate::admin`). Out: the directory as it is; entries that go and stay away.
//! Nothing of it touches consensus. Deliberately not here: the socket, the list of the evicted (`evicted`).

use super::station::Station;
use crate::admin::{Admin, unknown_call};
use async_trait::async_trait;
use host_types::{Code, NodeName, Rejection};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(tag = "call", rename_all = "lowercase", deny_unknown_fields)]
enum Call {
    Peers {},
    Evict { peer: String },
    Invite { peer: String },
}

/// The operator's calls of a radiostation.
#[derive(Debug)]
pub(super) struct StationAdmin(pub Arc<Station>);

fn named(peer: &str) -> Result<NodeName, Rejection> {
    NodeName::new(peer).ok_or_else(|| {
        let message = format!("`{peer}` is not ORG/NAME");
        Rejection::new(Code::ParameterWrong, message)
    })
}

impl StationAdmin {
    fn peers(&self) -> Value {
        let (now, channels) = (self.0.now(), self.0.channels.all());
        let registry = self.0.registry();
        let records = registry.records(|_| true).into_iter();
        let listed: Vec<_> = records
            .map(|record| {
                let of_peer =
                    channels.iter().filter(|(_, known)| super::station::serves(record, known));
                let names: Vec<_> = of_peer.map(|(name, _)| name.as_str()).collect();
                json!({
                    "order": record.order, "name": record.name.as_str(),
                    "rpc": record.entry().rpc_target, "rest": record.entry().rest_target,
                    "state": if record.is_connected(now) { "connected" } else { "silent" },
                    "since_us": record.status_since(now).get(), "channels": names,
                })
            })
            .collect();
        let evicted: Vec<_> =
            self.0.evicted.names().iter().map(|name| name.as_str().to_owned()).collect();
        json!({"peers": listed, "evicted": evicted})
    }
}

#[async_trait]
impl Admin for StationAdmin {
    async fn call(&self, call: Value) -> Result<Value, Rejection> {
        let (peer, is_out) = match serde_json::from_value(call).map_err(|e| unknown_call(&e))? {
            Call::Peers {} => return Ok(self.peers()),
            Call::Evict { peer } => (peer, true),
            Call::Invite { peer } => (peer, false),
        };
        let name = named(&peer)?;
        let is_changed = self.0.evicted.set(&name, is_out)?;
        if is_out {
            self.0.strike(&name).await?;
        }
        Ok(json!({"peer": name.as_str(), "changed": is_changed}))
    }
}
