//! The places of open streams: how many there may be, how many there are, for clients and for monitoring.
//!
//! In: an address and how its stream travels. Out: a place, free again when it is dropped, or a refusal;
//! and lines for Prometheus, which name neither channels nor clients.

use super::limits::StreamLimits;
use crate::problem::Problem;
use crate::server::seats::{Refused, Seat, Seats};
use host_types::Code;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a stream travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sse,
    WebSocket,
}

/// All places.
#[derive(Debug)]
pub(crate) struct Places {
    seats: Arc<Seats>,
    limits: StreamLimits,
    sse: AtomicU64,
    websocket: AtomicU64,
    refused_address: AtomicU64,
    refused_all: AtomicU64,
}

/// One place.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    kind: Kind,
    _seat: Seat,
}

impl Places {
    pub(crate) fn new(limits: StreamLimits) -> Arc<Self> {
        Arc::new(Self {
            seats: Seats::new(limits.streams, limits.streams_per_address),
            limits,
            sse: AtomicU64::new(0),
            websocket: AtomicU64::new(0),
            refused_address: AtomicU64::new(0),
            refused_all: AtomicU64::new(0),
        })
    }

    pub(crate) fn take(self: &Arc<Self>, address: IpAddr, kind: Kind) -> Result<Place, Problem> {
        let seat = self.seats.take(address).map_err(|refused| self.refusal(refused, address))?;
        self.open(kind).fetch_add(1, Ordering::Relaxed);
        Ok(Place { places: Arc::clone(self), kind, _seat: seat })
    }

    fn refusal(&self, refused: Refused, address: IpAddr) -> Problem {
        match refused {
            Refused::Address => {
                self.refused_address.fetch_add(1, Ordering::Relaxed);
                let max = self.limits.streams_per_address;
                let detail =
                    format!("{max} streams of {address} are open: close one of them first");
                Problem::new(Code::TooManyRequests, detail)
            }
            Refused::All => {
                self.refused_all.fetch_add(1, Ordering::Relaxed);
                let max = self.limits.streams;
                Problem::new(Code::StreamsFull, format!("this node has {max} streams open"))
            }
        }
    }

    const fn open(&self, kind: Kind) -> &AtomicU64 {
        match kind {
            Kind::Sse => &self.sse,
            Kind::WebSocket => &self.websocket,
        }
    }

    /// `OpenMetrics` lines of this moment.
    pub(crate) fn metrics(&self) -> String {
        let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
        format!(
            "# HELP loopchain_streams_open Streams of events that clients have open.\n\
             # TYPE loopchain_streams_open gauge\n\
             loopchain_streams_open{{kind=\"sse\"}} {}\n\
             loopchain_streams_open{{kind=\"websocket\"}} {}\n\
             # HELP loopchain_streams_refused Streams refused because a bound of open ones was reached.\n\
             # TYPE loopchain_streams_refused counter\n\
             loopchain_streams_refused_total{{bound=\"address\"}} {}\n\
             loopchain_streams_refused_total{{bound=\"all\"}} {}\n",
            now(&self.sse),
            now(&self.websocket),
            now(&self.refused_address),
            now(&self.refused_all),
        )
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.open(self.kind).fetch_sub(1, Ordering::Relaxed);
    }
}
