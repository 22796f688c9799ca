//! Where the slowest payment waited: its moments at every peer, as the peers tell them.
//!
//! In: one transaction that is final, and when it was sent. Out: one line. Deliberately not here: what is
//! slow; that is the bench's.

use super::client::Client;
use super::network::LocalNetwork;
use crate::error::BenchError;
use host_types::TxId;
use serde::Deserialize;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a peer tells of a transaction's way.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Journey {
    peers: Vec<OfPeer>,
    block: Option<OfBlock>,
}

#[derive(Clone, Debug, Deserialize)]
struct OfPeer {
    name: String,
    stages: Stages,
}

#[derive(Clone, Debug, Deserialize)]
struct OfBlock {
    proposer: Option<String>,
}

/// The stages in the order that they are passed in.
#[derive(Clone, Debug, Deserialize)]
struct Stages {
    ingest: Option<Moment>,
    mempool: Option<Moment>,
    proposed: Option<Moment>,
    voted: Option<Moment>,
    r#final: Option<Moment>,
    committed: Option<Moment>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Moment {
    time_us: u64,
}

/// The slowest payment so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slowest {
    /// Which.
    pub(super) id: TxId,
    /// How long it took.
    pub(super) took: Duration,
    /// When it was sent.
    pub(super) sent: SystemTime,
}

impl Slowest {
    /// Milliseconds after it was sent at which each peer saw it pass each stage.
    pub(super) async fn way(
        &self,
        network: &LocalNetwork,
        channel: &'static str,
    ) -> Result<String, BenchError> {
        let mut line = format!("{:.1} ms", self.took.as_secs_f64() * 1e3);
        for peer in &network.peers {
            let journey = Client::open_on(&peer.rest, channel).await?.journey(&self.id).await?;
            line.push_str(&journey.line(self.sent));
        }
        Ok(line)
    }
}

impl Journey {
    fn line(&self, sent: SystemTime) -> String {
        let sent = sent.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let mut line = String::new();
        let proposer = self.block.as_ref().and_then(|block| block.proposer.as_deref());
        for OfPeer { name, stages } in &self.peers {
            let leads = if proposer == Some(name) { " (proposer)" } else { "" };
            write!(line, "; {name}{leads}").ok();
            let all = [
                ("ingest", stages.ingest),
                ("mempool", stages.mempool),
                ("proposed", stages.proposed),
                ("voted", stages.voted),
                ("final", stages.r#final),
                ("committed", stages.committed),
            ];
            for (stage, moment) in all {
                let Some(moment) = moment else { continue };
                let after = i128::from(moment.time_us) - i128::try_from(sent).unwrap_or_default();
                write!(line, " {stage} {:.1}", after as f64 / 1e3).ok();
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_stands_in_milliseconds_after_the_payment_was_sent() {
        let told = r#"{"block":{"proposer":"b/peer1"},"peers":[{"name":"b/peer1","stages":
            {"ingest":{"time_us":1001500},"mempool":null,"proposed":{"time_us":1002000},"voted":null,
             "final":{"time_us":999000},"committed":null}}]}"#;
        let journey: Journey = serde_json::from_str(told).unwrap();
        let line = journey.line(UNIX_EPOCH + Duration::from_secs(1));
        assert_eq!(line, "; b/peer1 (proposer) ingest 1.5 proposed 2.0 final -1.0");
    }
}
