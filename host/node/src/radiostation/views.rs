//! The radiostation, as its REST interface sees it.
//!
//! In: names of channels and peers. Out: records, live statuses, settings, certificates, metrics.
//! Deliberately not here: HTTP and JSON (`host/web`).

use super::metrics::Metrics;
use super::station::{Station, serves};
use async_trait::async_trait;
use host_rpc::directory::Listed;
use host_rpc::gateway::{ChannelStatus, Directory, PeerRecord};
use host_types::{ChannelName, Code, Rejection};
use serde_json::Value;
use std::sync::Arc;

/// Settings that are not shown: where private keys lie is nobody's business.
const HIDDEN: [&str; 1] = ["tls.key"];

/// What the pages show.
#[derive(Debug)]
pub struct Views {
    station: Arc<Station>,
    default_channel: ChannelName,
    metrics: Metrics,
}

impl Views {
    /// Of this radiostation.
    ///
    /// # Errors
    /// When the default channel of its configuration is no name.
    pub fn new(station: Arc<Station>) -> Result<Self, Rejection> {
        let default_channel = station.config.default_channel().map_err(Rejection::from)?;
        Ok(Self { station, default_channel, metrics: Metrics::default() })
    }
}

#[async_trait]
impl Directory for Views {
    fn channels(&self) -> Vec<ChannelName> {
        self.station.channels.names()
    }

    fn default_channel(&self) -> ChannelName {
        self.default_channel.clone()
    }

    fn signed(&self) -> Vec<Listed> {
        self.station.registry().list(self.station.now(), |_| true)
    }

    async fn peers(&self, channel: &ChannelName) -> Result<Vec<PeerRecord>, Rejection> {
        let known = self.station.channels.get(channel).ok_or_else(|| {
            let message = format!("this radiostation has no channel `{channel}`");
            Rejection::new(Code::ChannelUnknown, message)
        })?;
        let leader = self.station.live.leader(channel);
        let now = self.station.now();
        let registry = self.station.registry();
        let records = registry.records(|record| serves(record, &known));
        let peers = records.into_iter().map(|record| PeerRecord {
            order: record.order,
            name: record.name.clone(),
            public_key: record.public_key,
            rpc_target: record.entry().rpc_target.clone(),
            rest_target: record.entry().rest_target.clone(),
            status_since_us: record.status_since(now).get(),
            is_connected: record.is_connected(now),
            is_leader: leader.as_ref() == Some(&record.name),
            channels: vec![channel.clone()],
        });
        Ok(peers.collect())
    }

    async fn peer_status(&self, channel: &ChannelName, peer: &PeerRecord) -> Option<ChannelStatus> {
        let known = self.station.channels.get(channel)?;
        self.station.live.ask(&peer.name, channel, known.genesis).await
    }

    fn settings(&self) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        if let Ok(value) = serde_json::to_value(&self.station.config) {
            flatten("", &value, &mut settings);
        }
        settings.retain(|(name, _)| !HIDDEN.contains(&name.as_str()));
        settings
    }

    fn certificates(&self, of_peers: bool) -> Vec<Vec<u8>> {
        if of_peers {
            let registry = self.station.registry();
            let records = registry.records(|_| true).into_iter();
            return records.map(|record| record.entry().certificate.clone()).collect();
        }
        let own = self.station.config.org.as_str();
        let mut roots: Vec<_> = self.station.roots.iter().collect();
        // Pages show one: that of the organisation that runs this radiostation.
        roots.sort_by_key(|root| root.organisation() != own);
        roots.into_iter().map(|root| root.der().to_vec()).collect()
    }

    fn metrics(&self) -> String {
        self.metrics.render(&self.station)
    }
}

/// Tables as dotted names, truth as the old edition wrote it.
fn flatten(name: &str, value: &Value, settings: &mut Vec<(String, String)>) {
    let text = match value {
        Value::Object(table) if !table.is_empty() => {
            for (key, value) in table {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(&name, value, settings);
            }
            return;
        }
        Value::Null => return,
        Value::Bool(is_true) => if *is_true { "True" } else { "False" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    settings.push((name.to_owned(), text));
}

#[cfg(test)]
mod tests {
    use super::flatten;
    use serde_json::json;

    #[test]
    fn settings_are_dotted_names_and_text() {
        let value = json!({
            "rpc": {"listen": "127.0.0.1:7102", "on": true},
            "channels": {"join": ["*"], "none": {}},
            "size": 3,
            "nothing": null,
        });
        let mut settings = Vec::new();
        flatten("", &value, &mut settings);
        settings.sort();
        let expected = [
            ("channels.join", "[\"*\"]"),
            ("channels.none", "{}"),
            ("rpc.listen", "127.0.0.1:7102"),
            ("rpc.on", "True"),
            ("size", "3"),
        ];
        assert_eq!(settings, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}
