//! Where a stream is, and what comes next.
//!
//! In: the gateway. Out: frames, silence, or the end. All that is kept is the next place: what is read
//! is handed on at once, and nothing is read before that was taken.

use super::frame::Frame;
use super::wish::Wish;
use crate::problem::Problem;
use crate::router::PeerApi;
use crate::server::stopping::Stopping;
use host_rpc::gateway::{Access, EventPlace, Gateway};
use host_rpc::stream::StreamFilter;
use host_types::{ChannelName, Code, Height};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A place in the events of a channel.
pub(super) struct Cursor {
    gateway: Arc<dyn Gateway>,
    channel: ChannelName,
    filter: StreamFilter,
    next: EventPlace,
    is_caught_up: bool,
    page_bytes: usize,
    ping: Duration,
    stopping: Stopping,
}

/// What comes next.
pub(super) enum Step {
    /// Frames, in order.
    Frames(Vec<Frame>),
    /// Nothing for as long as a stream may be silent.
    Silence,
    /// Nothing ever again.
    End(End),
}

/// Why a stream is over.
pub(super) struct End {
    pub(super) problem: Problem,
    /// Whether the node stops, and nothing is wrong.
    pub(super) is_stop: bool,
}

impl From<Problem> for End {
    fn from(problem: Problem) -> Self {
        Self { problem, is_stop: false }
    }
}

impl Cursor {
    pub(super) async fn new(
        api: &PeerApi,
        channel: ChannelName,
        wish: Wish,
        stopping: Stopping,
    ) -> Result<Self, Problem> {
        let next = match wish.from {
            Some(from) => from,
            // What is stored now is over for who names no place.
            None => EventPlace::start_of(api.gateway.channel(&channel).await?.height.next()),
        };
        Ok(Self {
            gateway: Arc::clone(&api.gateway),
            channel,
            filter: wish.filter,
            next,
            is_caught_up: false,
            page_bytes: api.config.streams.page_bytes,
            ping: api.config.streams.ping,
            stopping,
        })
    }

    /// The last place that was looked at: whoever comes back with it misses nothing.
    pub(super) fn seen(&self) -> Option<EventPlace> {
        self.next.before()
    }

    pub(super) const fn ping(&self) -> Duration {
        self.ping
    }

    fn check_right(&self) -> Result<(), Problem> {
        crate::v2::open_channel(self.gateway.as_ref(), self.channel.as_str(), Access::Read)?;
        Ok(())
    }

    /// One page of what is stored; none wanted in it, and the cursor is further all the same.
    pub(super) async fn read(&mut self) -> Result<Vec<Frame>, Problem> {
        let page = self.gateway.told(&self.channel, &self.filter, self.next, self.page_bytes);
        let page = page.await?;
        let scores = match page.items.is_empty() || !self.filter.scores {
            true => Vec::new(),
            false => self.gateway.scores(&self.channel).await?,
        };
        (self.next, self.is_caught_up) = (page.next, page.is_caught_up);
        Ok(page.items.iter().map(|item| Frame::new(item, &scores)).collect())
    }

    /// Waits for what comes next. A step that is given up loses nothing.
    pub(super) async fn step(&mut self) -> Step {
        let until = Instant::now() + self.ping;
        loop {
            if self.stopping.is_requested() {
                return Step::End(stopped());
            }
            if let Err(problem) = self.check_right() {
                return Step::End(problem.into());
            }
            if !self.is_caught_up {
                match self.read().await {
                    Ok(frames) if !frames.is_empty() => return Step::Frames(frames),
                    Ok(_) if Instant::now() >= until => return Step::Silence,
                    Ok(_) => continue,
                    Err(problem) => return Step::End(problem.into()),
                }
            }
            let below = Height::new(self.next.height.get().saturating_sub(1));
            tokio::select! {
                () = self.stopping.requested() => return Step::End(stopped()),
                () = tokio::time::sleep_until(until) => return Step::Silence,
                reached = self.gateway.next_block(&self.channel, below) => match reached {
                    Ok(_) => self.is_caught_up = false,
                    // Most often the node has left the channel; then that is the reason.
                    Err(rejection) => {
                        let gone = self.check_right().err();
                        return Step::End(gone.unwrap_or_else(|| rejection.into()).into());
                    }
                },
            }
        }
    }
}

fn stopped() -> End {
    let mut problem = Problem::new(Code::Unreachable, "this peer stops");
    problem.help = vec!["come back with the last id, or go on at another peer".into()];
    End { problem, is_stop: true }
}
