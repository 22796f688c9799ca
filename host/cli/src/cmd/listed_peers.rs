//! The peers of a channel as a RadioStation lists them.
//!
//! In: the page of a RadioStation, and what a peer says of the channel. Out: who serves the channel, and where.
//! The RadioStation is not believed: each entry is signed by its own peer, its certificate by a root in the
//! channel's genesis, and only those who know the genesis can say that they serve the channel. A validator
//! that is not listed, or whose entry is not believed, is told with the reason. Deliberately not here: asking
//! the peers.

use super::Context;
use super::voting::Seen;
use crate::client::Client;
use crate::failure::Failure;
use host_identity::{Certificate, Root};
use host_node::station_page::{listed, rest_of};
use host_rpc::Trust;
use host_rpc::directory::{Listed, channel_tag};
use host_types::fault::Code;
use host_types::genesis::ChannelGenesis;
use host_types::{BlockTime, NodeName};
use serde_json::Value;
use std::collections::BTreeSet;

/// A peer that may be asked.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// `ORG/NAME`, where it is known before it answers.
    pub(super) name: Option<String>,
    /// URL of its REST interface, or why it has none that counts.
    pub(super) place: Result<String, Failure>,
}

/// The peers of the client's channel.
///
/// # Errors
/// When the client's peer does not tell the channel, or nothing at the address lists peers.
pub(super) async fn of_channel(
    station: &str,
    client: &Client,
    context: &Context,
) -> Result<Vec<Candidate>, Failure> {
    let seen = Seen::ask(client).await?;
    let asked = Client::at(station, context.global.timeout, context.out)?;
    let page = asked.get("/api/v2/peers").await?;
    let validators = seen.present.validators.all().iter().map(|one| one.name.clone()).collect();
    let now = BlockTime::new(crate::time::now_us());
    candidates(&page, &seen.genesis, &validators, now).ok_or_else(|| {
        let message = format!("{station} lists no peers: it is no RadioStation");
        Failure::new(Code::Unreachable, message)
            .with_help("name the REST interface of one, 1,900 above the port that peers dial")
    })
}

/// Those that serve the channel by the page, in its order, then validators that it leaves out.
fn candidates(
    page: &Value,
    genesis: &ChannelGenesis,
    validators: &BTreeSet<NodeName>,
    now: BlockTime,
) -> Option<Vec<Candidate>> {
    let trust = trust(genesis, validators);
    let mut left_out = validators.clone();
    let mut found = Vec::new();
    for one in listed(page)? {
        let Ok(certificate) = Certificate::parse(&one.entry.entry().certificate) else { continue };
        let name = certificate.name;
        if one.entry.entry().channels.contains(&channel_tag(genesis.hash(), &name)) {
            left_out.remove(&name);
            found.push(Candidate { name: Some(name.to_string()), place: place(&one, &trust, now) });
        }
    }
    found.extend(left_out.into_iter().map(|name| Candidate {
        place: Err(Failure::new(
            Code::Unreachable,
            "the RadioStation lists no entry of it for this channel",
        )),
        name: Some(name.to_string()),
    }));
    Some(found)
}

/// The organisations of the channel and their roots, as its genesis has them.
fn trust(genesis: &ChannelGenesis, validators: &BTreeSet<NodeName>) -> Trust {
    let roots = genesis.certificates.iter().filter_map(|der| Root::from_der(der).ok());
    let trust = Trust::new(genesis.network, &genesis.roots, roots.collect());
    // Where a validator is must be told also when its certificate ran out.
    trust.set_pinned(validators.clone());
    trust
}

fn place(one: &Listed, trust: &Trust, now: BlockTime) -> Result<String, Failure> {
    let verified = one
        .entry
        .verify(trust, now)
        .map_err(|why| Failure::new(why.code(), format!("its entry is not believed: {why}")))?;
    let rest = rest_of(&verified.entry).ok_or_else(|| {
        Failure::new(Code::Unreachable, "its entry names no REST interface that others reach")
    })?;
    Ok(format!("http://{rest}"))
}
