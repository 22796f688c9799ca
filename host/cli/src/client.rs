//! The client of the command line: that of every application (`host/client`), on the peer of a profile.
//!
//! In: a [`Target`]. Out: a client that asks its one peer once, so that a person is told at once, and that
//! tells every exchange with `-v`. Deliberately not here: what is asked, and the forms of answers.

use crate::failure::Failure;
use crate::output::Out;
use crate::profile::Target;
use host_client::{Exchange, Retry, Settings};
use std::ops::Deref;
use std::time::Duration;

pub(crate) use host_client::answer::{
    ChannelInfo, EventInfo, ReceiptInfo, ScoreInfo, TxInfo, VersionInfo,
};

/// A peer and a channel.
#[derive(Clone, Debug)]
pub(crate) struct Client(host_client::Client);

impl Client {
    /// What a command talks to.
    pub(crate) fn new(target: &Target, timeout: Duration, out: Out) -> Result<Self, Failure> {
        Self::of(&target.endpoint, target.channel.as_str(), timeout, out)
    }

    fn of(endpoint: &str, channel: &str, timeout: Duration, out: Out) -> Result<Self, Failure> {
        let seen = move |Exchange { request, status, took }: &Exchange| {
            out.trace(&format!("{request} -> {status} in {} ms", took.as_millis()));
        };
        let settings = Settings::new([endpoint], channel)?
            .with_timeout(timeout)
            .with_retry(Retry::never())
            .with_observer(seen);
        Ok(Self(host_client::Client::new(settings)?))
    }

    /// A peer or another role, of which no channel is asked.
    pub(crate) fn at(endpoint: &str, timeout: Duration, out: Out) -> Result<Self, Failure> {
        // No path that is asked has a channel in it.
        Self::of(endpoint, "none", timeout, out)
    }
}

impl Deref for Client {
    type Target = host_client::Client;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
