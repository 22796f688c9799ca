//! The wish to stop, told once to everything that runs in a process.
//!
//! In: one call of [`Trigger::fire`] (or its drop). Out: every [`Shutdown`] wakes. Not here: in
//! which order the parts stop; each role does that.

use tokio::sync::watch;

/// The end that says "stop". Dropping it says so too, so nothing waits for ever.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

impl Trigger {
    /// Asks everything to stop.
    pub fn fire(&self) {
        self.0.send_replace(true);
    }
}

/// The end that waits. Cheap to clone; one per task.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Both ends.
    #[must_use]
    pub fn new() -> (Trigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (Trigger(sender), Self(receiver))
    }

    /// Whether the stop was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when the stop is asked for.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        // An error means that the trigger is gone, which is the same wish.
        receiver.wait_for(|stop| *stop).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::Shutdown;

    #[tokio::test]
    async fn firing_and_dropping_both_wake_every_waiter() {
        let (trigger, first) = Shutdown::new();
        let second = first.clone();
        assert!(!first.is_requested());
        trigger.fire();
        first.requested().await;
        second.requested().await;
        assert!(second.is_requested());

        let (trigger, waiter) = Shutdown::new();
        drop(trigger);
        waiter.requested().await;
        assert!(waiter.is_requested());
    }
}
