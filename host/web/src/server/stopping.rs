//! The wish to stop, for answers that have no end of their own.

use tokio::sync::watch;

/// Put into requests by the server; without one nothing ever stops.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stopping(Option<watch::Receiver<bool>>);

impl Stopping {
    pub(super) const fn new(stopped: watch::Receiver<bool>) -> Self {
        Self(Some(stopped))
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.0.as_ref().is_some_and(|stopped| *stopped.borrow() || stopped.has_changed().is_err())
    }

    pub(crate) async fn requested(&self) {
        match self.0.clone() {
            // A lost sender is the same wish.
            Some(mut stopped) => drop(stopped.wait_for(|stopped| *stopped).await),
            None => std::future::pending().await,
        }
    }
}
