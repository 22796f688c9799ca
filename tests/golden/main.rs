//! Golden bytes: what is hashed, signed, sent or stored encodes to the bytes in the `*.hex` files
//! beside this one, today and for ever.
//!
//! In: fixed values (`samples`). Out: a failed test when an encoding changed, with the line that
//! stands there now. Such a change is a decision (an ADR, a new format number), never a repair of a
//! red test; after it, `GOLDEN_WRITE=1 cargo test -p tests --test golden` writes the files anew.
//!
//! Deliberately not here: the formats of a consensus rule (`plugins/lft`), of the plugin interface
//! (`plugin-api/src/wire_tests.rs`) and of files on disk (`host/store`). What the clients of other
//! languages check too stands in `clients`.

#![expect(clippy::unwrap_used, reason = "fixed values; a test that panics has failed")]

mod client_proofs;
mod client_state;
mod clients;
mod fixture;
mod samples;
mod statement_message;

use fixture::Fixture;
use host_core::system::freeze::Frozen;
use host_core::system::state::ChangeRecord;
use host_types::codec::{Decode, Encode, Reader, Writer};
use host_types::genesis::ChannelGenesis;
use host_types::message::{FetchReply, FetchRequest, PeerMessage, Proposal};
use host_types::proof::FinalProof;
use host_types::receipt::Write;
use host_types::statement::Statement;
use host_types::validators::ValidatorSet;
use host_types::{Header, Receipt, ScoreEvent, SignedTransaction};

/// The value has the golden bytes, and they read back as the value and nothing else.
fn same<T>(fixture: &mut Fixture, name: &str, value: &T)
where
    T: Encode + for<'a> Decode<'a> + PartialEq + std::fmt::Debug,
{
    let bytes = value.to_bytes();
    fixture.check(name, &bytes);
    assert_eq!(T::from_bytes(&bytes).as_ref(), Ok(value), "{name} does not read back");
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(T::from_bytes(&longer).is_err(), "{name} is read with a byte left over");
    let cut = &bytes[..bytes.len() - 1];
    assert!(T::from_bytes(cut).is_err(), "{name} is read without its last byte");
}

#[test]
fn transactions_keep_their_bytes_ids_and_signed_messages() {
    let mut fixture = Fixture::open("transaction");
    for (name, transaction) in samples::transactions() {
        let raw = transaction.into_envelope(&samples::SIGNATURE);
        fixture.check(name, &raw.0);
        fixture.check(&format!("{name}.id"), transaction.id().as_bytes());
        fixture.check(&format!("{name}.signed"), &transaction.signing_message());
        let read = SignedTransaction::decode(&raw).unwrap();
        assert_eq!(read.transaction(), &transaction);
        assert_eq!(read.raw(), raw);
    }
    fixture.close();
}

#[test]
fn receipts_events_and_writes_keep_their_bytes() {
    let mut fixture = Fixture::open("receipt");
    for (name, receipt) in samples::receipts() {
        same::<Receipt>(&mut fixture, name, &receipt);
    }
    same::<ScoreEvent>(&mut fixture, "event", &samples::event());
    for (name, write) in samples::writes() {
        same::<Write>(&mut fixture, name, &write);
    }
    fixture.check("writes.digest", Write::digest(&[]).as_bytes());
    fixture.close();
}

#[test]
fn headers_keep_their_bytes_and_ids() {
    let mut fixture = Fixture::open("header");
    for (name, header) in samples::headers() {
        same::<Header>(&mut fixture, name, &header);
        fixture.check(&format!("{name}.id"), header.id().as_bytes());
    }
    same::<FinalProof>(&mut fixture, "proof", &samples::proof());
    fixture.check("proof.hash", samples::proof().hash().as_bytes());
    fixture.close();
}

#[test]
fn statements_keep_their_bytes_and_signed_messages() {
    let mut fixture = Fixture::open("statement");
    let statement = samples::statement();
    same::<Statement>(&mut fixture, "statement", &statement);
    let prefix = samples::statement_prefix();
    fixture.check("prefix", prefix.as_bytes());
    fixture.check("signed", &prefix.message(&statement.slots, &statement.body));
    fixture.close();
}

#[test]
fn genesis_keeps_its_bytes_and_hashes() {
    let mut fixture = Fixture::open("genesis");
    let genesis = samples::genesis();
    same::<ChannelGenesis>(&mut fixture, "channel", &genesis);
    fixture.check("channel.hash", genesis.hash().as_bytes());
    fixture.check("channel.block-0", genesis.header().id().as_bytes());
    same::<ValidatorSet>(&mut fixture, "validators", &genesis.validators);
    fixture.check("validators.hash", genesis.validators.hash().as_bytes());
    fixture.check("network.id", samples::network().id().as_bytes());
    fixture.close();
}

#[test]
fn a_genesis_with_groups_that_count_as_one_keeps_its_bytes_and_hashes() {
    let mut fixture = Fixture::open("genesis-units");
    let genesis = samples::genesis_with_units();
    same::<ChannelGenesis>(&mut fixture, "channel", &genesis);
    fixture.check("channel.hash", genesis.hash().as_bytes());
    same::<ValidatorSet>(&mut fixture, "validators", &genesis.validators);
    fixture.check("validators.hash", genesis.validators.hash().as_bytes());
    fixture.close();
}

#[test]
fn a_genesis_that_bounds_its_calls_keeps_its_bytes_and_hashes() {
    let mut fixture = Fixture::open("genesis-bounds");
    for (name, mut genesis) in
        [("flat", samples::genesis()), ("units", samples::genesis_with_units())]
    {
        genesis.call.events = 10;
        genesis.call.stack_bytes = 128 << 10;
        same::<ChannelGenesis>(&mut fixture, name, &genesis);
        fixture.check(&format!("{name}.hash"), genesis.hash().as_bytes());
    }
    fixture.close();
}

#[test]
fn messages_between_peers_keep_their_bytes() {
    let mut fixture = Fixture::open("messages");
    for (name, message) in samples::messages() {
        same::<PeerMessage>(&mut fixture, name, &message);
    }
    same::<Proposal>(&mut fixture, "proposal-itself", &samples::proposal());
    for (name, request) in samples::requests() {
        same::<FetchRequest>(&mut fixture, name, &request);
    }
    for (name, reply) in samples::replies() {
        same::<FetchReply>(&mut fixture, name, &reply);
    }
    fixture.close();
}

#[test]
fn system_calls_keep_their_bytes() {
    let mut fixture = Fixture::open("system");
    for call in samples::system_calls() {
        fixture.check(call.method(), &call.args());
        let read = host_types::change::SystemCall::decode(call.method(), &call.args());
        assert_eq!(read, Ok(Some(call)));
    }
    fixture.check("deploy.id", samples::change().id().as_bytes());
    for (name, change) in samples::freezes() {
        same::<host_types::change::Change>(&mut fixture, name, &change);
        fixture.check(&format!("{name}.id"), change.id().as_bytes());
    }
    same::<host_types::change::Change>(&mut fixture, "revoke", &samples::revoke());
    fixture.check("revoke.id", samples::revoke().id().as_bytes());
    for (name, record) in samples::change_records() {
        same::<ChangeRecord>(&mut fixture, name, &record);
    }
    same::<Frozen>(&mut fixture, "frozen", &samples::frozen());
    fixture.close();
}

#[test]
fn epochs_keep_their_bytes() {
    let mut fixture = Fixture::open("epoch");
    let change = samples::configure();
    same::<host_types::change::Change>(&mut fixture, "configure", &change);
    fixture.check("configure.id", change.id().as_bytes());
    let config = samples::epoch();
    same::<host_types::epoch::EpochConfig>(&mut fixture, "config", &config);
    fixture.check("config.hash", config.hash().as_bytes());
    fixture.close();
}

#[test]
fn policies_of_organisations_keep_their_bytes_and_hashes() {
    let mut fixture = Fixture::open("policies");
    let policies = samples::policies();
    same::<host_types::genesis::Policies>(&mut fixture, "policies", &policies);
    let mut genesis = samples::genesis();
    genesis.policies = policies.clone();
    same::<ChannelGenesis>(&mut fixture, "channel", &genesis);
    fixture.check("channel.hash", genesis.hash().as_bytes());
    let change = samples::configure_policies();
    same::<host_types::change::Change>(&mut fixture, "configure", &change);
    fixture.check("configure.id", change.id().as_bytes());
    let config = host_types::epoch::EpochConfig { policies: Some(policies), ..samples::epoch() };
    same::<host_types::epoch::EpochConfig>(&mut fixture, "config", &config);
    fixture.check("config.hash", config.hash().as_bytes());
    fixture.close();
}

#[test]
fn grants_signed_reads_and_records_of_a_trail_keep_their_bytes_and_hashes() {
    let mut fixture = Fixture::open("grants");
    let policies = samples::policies_with_grants();
    same::<host_types::genesis::Policies>(&mut fixture, "policies", &policies);
    let mut genesis = samples::genesis();
    genesis.policies = policies;
    same::<ChannelGenesis>(&mut fixture, "channel", &genesis);
    fixture.check("channel.hash", genesis.hash().as_bytes());
    let read = samples::signed_read();
    same::<host_types::read_request::SignedRead>(&mut fixture, "read", &read);
    fixture.check("read.message", &read.request.signing_message());
    let kept = samples::trail_record();
    same::<host_types::trail::SignedRecord>(&mut fixture, "record", &kept);
    fixture.check("record.hash", kept.record.hash().as_bytes());
    fixture.check("record.message", &kept.record.signing_message());
    fixture.close();
}

#[test]
fn every_width_of_an_integer_is_written_in_its_shortest_form() {
    let mut fixture = Fixture::open("integers");
    for power in [0_u32, 4, 5, 8, 16, 32, 63] {
        let value = 1_u64 << power;
        for value in [value - 1, value] {
            let mut w = Writer::default();
            w.uint(value);
            let bytes = w.into_bytes();
            fixture.check(&value.to_string(), &bytes);
            assert_eq!(Reader::new(&bytes).uint(), Ok(value));
        }
    }
    fixture.close();
}

#[test]
fn the_page_of_errors_is_that_of_the_registry() {
    let root = score_native_link::build::source_tree().unwrap();
    let (path, page) = (root.join("docs/spec/errors.md"), host_types::fault_page::errors_page());
    if std::env::var_os("GOLDEN_WRITE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "{}: an error changed. Write the page anew with GOLDEN_WRITE=1 cargo test -p tests --test \
         golden page",
        path.display()
    );
}
