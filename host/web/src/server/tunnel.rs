//! What outlives the HTTP of a connection: its socket in the hands of a WebSocket.
//!
//! The connection keeps its seat and its watcher until the tunnel is dropped, and can cut it.

use super::activity::Activity;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Put into requests by the server; whoever upgrades the connection keeps it until that is over.
#[derive(Clone, Debug)]
pub(crate) struct Tunnel {
    activity: Arc<Activity>,
    cut: watch::Receiver<bool>,
    /// Nothing is sent: that it is gone tells the connection that the tunnel is over.
    _open: mpsc::Sender<Infallible>,
}

/// The connection's end.
#[derive(Debug)]
pub(super) struct TunnelEnd {
    cut: watch::Sender<bool>,
    over: mpsc::Receiver<Infallible>,
}

impl Tunnel {
    pub(super) fn new(activity: &Arc<Activity>) -> (Self, TunnelEnd) {
        let (open, over) = mpsc::channel(1);
        let (cut, is_cut) = watch::channel(false);
        let tunnel = Self { activity: Arc::clone(activity), cut: is_cut, _open: open };
        (tunnel, TunnelEnd { cut, over })
    }

    /// From now on the client's bytes are no requests.
    pub(crate) fn open(&self) {
        self.activity.begin_tunnel();
    }

    /// Returns when the connection is to be closed without a word.
    pub(crate) async fn cut(&mut self) {
        self.cut.wait_for(|cut| *cut).await.ok();
    }
}

impl TunnelEnd {
    /// Returns when no tunnel is open any more.
    pub(super) async fn over(&mut self) {
        self.over.recv().await;
    }

    pub(super) fn cut(&self) {
        self.cut.send_replace(true);
    }
}
