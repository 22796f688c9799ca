//! What monitoring systems read of the RadioStations of a peer.
//!
//! In: what this node makes of them (`radiostations`). Out: three families by name and address. Deliberately
//! not here: the registry and everything else of a peer (`metrics`).

use crate::peer::radiostations::Stations;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::Ordering;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStation {
    radiostation: String,
    address: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    radiostation: String,
    address: String,
    reason: &'static str,
}

/// The families.
#[derive(Debug, Default)]
pub(super) struct StationMetrics {
    answers: Family<OfStation, Gauge>,
    refused: Family<Refused, Counter>,
    unlisted: Family<OfStation, Gauge>,
}

impl StationMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "radiostation_answers",
            "1 while the RadioStation sends its list",
            self.answers.clone(),
        );
        registry.register(
            "radiostation_entries_refused",
            "Entries of a RadioStation that were not believed, by reason: forged, foreign, stale",
            self.refused.clone(),
        );
        registry.register(
            "radiostation_unlisted_peers",
            "Peers that this node talks to and that the RadioStation does not list for 15 s or more",
            self.unlisted.clone(),
        );
    }

    pub(super) fn set(&self, stations: &Stations) {
        for (target, seen) in stations.seen() {
            let (radiostation, address) = (target.name.as_str().to_owned(), target.address);
            let label = OfStation { radiostation: radiostation.clone(), address: address.clone() };
            self.answers.get_or_create(&label).set(i64::from(seen.answers));
            let unlisted = i64::try_from(seen.unlisted).unwrap_or(i64::MAX);
            self.unlisted.get_or_create(&label).set(unlisted);
            for (reason, count) in seen.refused {
                let (radiostation, address) = (radiostation.clone(), address.clone());
                let label = Refused { radiostation, address, reason };
                self.refused.get_or_create(&label).inner().store(count, Ordering::Relaxed);
            }
        }
    }
}
