//! The client of the command line: that of every application (`host/client`), on the peer of a profile.
//!
//! In: a [`Target`]. Out: a client that asks its one peer once, so that a person is told at once, and that
//! tells every exchange with `-v`. Deliberately not here: what is asked, and the forms of answers.

use crate::cmd::Context;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::output::Out;
use crate::profile::Target;
use host_client::{ClientError, Exchange, Retry, Says, Settings, Signer};
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

    /// The same of a command that reads: where `--identity` names somebody, requests say so, and the
    /// channel's policies and grants decide what is answered.
    pub(crate) fn reading(target: &Target, context: &Context) -> Result<Self, Failure> {
        Self::saying(target, context, Says::Always)
    }

    /// The same of a command that signs what it sends: what it reads on the way is asked for without
    /// saying who asks, as long as nobody refuses that.
    pub(crate) fn sending(target: &Target, context: &Context) -> Result<Self, Failure> {
        Self::saying(target, context, Says::WhenRefused)
    }

    fn saying(target: &Target, context: &Context, says: Says) -> Result<Self, Failure> {
        let (endpoint, channel) = (&target.endpoint, target.channel.as_str());
        let settings = Self::settings(endpoint, channel, context.global.timeout, context.out)?;
        let Some(name) = context.global.identity.clone() else {
            return Ok(Self(host_client::Client::new(settings)?));
        };
        let data = context.data.clone();
        let find = move || match Identity::find(&data, &name) {
            Ok(Identity { key, certificate }) => {
                let found = host_client::Identity { key, certificate };
                Ok(Box::new(found) as Box<dyn Signer + Send + Sync>)
            }
            Err(failure) => Err(ClientError::new(failure.code(), failure.message())),
        };
        Ok(Self(host_client::Client::new(settings.with_reader(says, find))?))
    }

    fn of(endpoint: &str, channel: &str, timeout: Duration, out: Out) -> Result<Self, Failure> {
        let settings = Self::settings(endpoint, channel, timeout, out)?;
        Ok(Self(host_client::Client::new(settings)?))
    }

    fn settings(
        endpoint: &str,
        channel: &str,
        timeout: Duration,
        out: Out,
    ) -> Result<Settings, Failure> {
        let seen = move |Exchange { request, status, took }: &Exchange| {
            out.trace(&format!("{request} -> {status} in {} ms", took.as_millis()));
        };
        let settings = Settings::new([endpoint], channel)?
            .with_timeout(timeout)
            .with_retry(Retry::never())
            .with_observer(seen);
        Ok(settings)
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
