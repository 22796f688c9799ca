//! The identities of the load: keys, certificates of the dev authority, registration, funds.
//!
//! They are members like any other: each registers its certificate with a system transaction of its
//! own, and alice, who owns the token, pays each the same.

use super::client::Client;
use super::network::{LocalNetwork, SUPPLY};
use crate::error::BenchError;
use crate::workload::{Call, SCORE, Signer, transfer};
use host_identity::authority::{Authority, Validity};
use host_identity::certificate::Certificate;
use host_identity::keypair::SigningKey;
use host_identity::{Role, keyfile};
use host_types::change::SystemCall;
use host_types::{GenesisHash, NodeName, RawTx, ScoreName};

fn odd(error: impl std::fmt::Display) -> BenchError {
    BenchError::Identity(error.to_string())
}

/// Makes `count` members of a channel with funds there.
pub(super) async fn make(
    network: &LocalNetwork,
    channel: &'static str,
    genesis: GenesisHash,
    count: usize,
) -> Result<Vec<Signer>, BenchError> {
    let authority = Authority::load(&network.authority(), None).map_err(odd)?;
    let score = ScoreName::new(SCORE).ok_or_else(|| odd("no name of a SCORE"))?;
    let alice = person(network, "alice")?;
    let share = SUPPLY / u64::try_from(count + 1).unwrap_or(u64::MAX);
    let (mut members, mut registrations, mut payments) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..count {
        let organisation = network.organisations.get(number % network.organisations.len().max(1));
        let organisation = organisation.ok_or_else(|| odd("the network has no organisation"))?;
        let (signer, certificate) = certify(&authority, organisation, number)?;
        let nonce = u64::try_from(number).unwrap_or(u64::MAX);
        let register = SystemCall::Register { certificate: certificate.der };
        let system = ScoreName::new(ScoreName::SYSTEM).ok_or_else(|| odd("no system"))?;
        let call = Call { score: system, method: register.method(), args: register.args() };
        registrations.push(signer.envelope(genesis, call, nonce).1);
        payments.push(alice.envelope(genesis, transfer(&score, signer.address, share), nonce).1);
        members.push(signer);
    }
    finalise_all(network, channel, &registrations).await?;
    finalise_all(network, channel, &payments).await?;
    Ok(members)
}

fn certify(
    authority: &Authority,
    organisation: &str,
    number: usize,
) -> Result<(Signer, Certificate), BenchError> {
    let key = SigningKey::generate().map_err(odd)?;
    let name = format!("{organisation}/load{number}");
    let name = NodeName::new(&name).ok_or_else(|| odd(format!("{name} is no name")))?;
    let certificate = authority
        .issue_signing(&name, Role::Client, None, &key.public(), Validity::default())
        .map_err(odd)?;
    Ok((Signer::new(key, certificate.id), certificate))
}

/// Somebody whose identity is part of the network.
pub(super) fn person(network: &LocalNetwork, name: &str) -> Result<Signer, BenchError> {
    let (key, certificate) = network.person(name);
    let key = keyfile::load(&key).map_err(odd)?;
    let der = keyfile::load_certificate(&certificate).map_err(odd)?;
    let certificate = Certificate::parse(&der).map_err(odd)?;
    Ok(Signer::new(key, certificate.id))
}

/// Sends transactions to all peers in turn, side by side, and waits until each is final and did
/// what it should.
async fn finalise_all(
    network: &LocalNetwork,
    channel: &'static str,
    all: &[RawTx],
) -> Result<(), BenchError> {
    let peers = network.peers.len().max(1);
    let lanes = network.peers.iter().enumerate().map(|(lane, peer)| async move {
        let mut client = Client::open_on(&peer.rest, channel).await?;
        for raw in all.iter().skip(lane).step_by(peers) {
            let info = client.finalise(raw).await?;
            if let Some(failure) = info.failure() {
                return Err(BenchError::Identity(failure));
            }
        }
        Ok(())
    });
    futures::future::try_join_all(lanes).await.map(drop)
}
