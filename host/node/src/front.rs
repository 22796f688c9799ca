//! Threads for what clients send: they give way to what the members of a channel do together.
//!
//! In: the REST server, the check of transactions. Out: a runtime for them whose threads run at a lower priority.
//! With more clients than a machine can serve, a vote or a block of another channel would wait behind their
//! requests; so it is the requests that wait, and what was taken is finished first. Deliberately not
//! here: how many requests are taken (`host_web`, `channel/intake.rs`).

use host_types::{Code, Rejection};
use tokio::runtime::{Builder, Handle, Runtime};

/// How much these threads yield (`nice`): beside the others of the node they get a third.
const NICENESS: i32 = 5;

/// The threads. They end with it, in the middle of what they do.
#[derive(Debug)]
pub struct Front(Option<Runtime>);

impl Front {
    /// Starts as many as there are cores.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start() -> Result<Self, Rejection> {
        let runtime = Builder::new_multi_thread()
            .enable_all()
            .thread_name("front")
            .on_thread_start(yield_to_others)
            .build();
        let failed = |error| Rejection::new(Code::Internal, format!("threads: {error}"));
        runtime.map(|runtime| Self(Some(runtime))).map_err(failed)
    }

    /// The way to have something done there; the caller's own runtime once they have ended.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.0.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // The last owner may be a task, which must not wait.
            runtime.shutdown_background();
        }
    }
}

/// Of the thread that calls it, for good: no privilege is needed to yield.
fn yield_to_others() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "the priority of a thread stays as it is");
    }
}

#[cfg(test)]
mod tests {
    use super::{Front, NICENESS};

    #[tokio::test]
    async fn its_threads_yield_and_those_of_others_do_not() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let before = priority();
        let front = Front::start().unwrap();
        let found = front.handle().spawn(async move { priority() }).await.unwrap();
        let blocking = front.handle().spawn_blocking(priority).await.unwrap();
        assert_eq!((found, blocking), (NICENESS.max(before), NICENESS.max(before)));
        assert_eq!(priority(), before);
    }
}
