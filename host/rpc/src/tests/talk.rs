//! What honest peers do.

use super::{CHANNEL, Server, name, network, session, session_in};
use crate::client::{PeerClient, Target};
use crate::error::{CallError, ConnectError, RpcError};
use crate::greeting::Class;
use crate::service::HelloRequest;
use crate::session::Session;
use crate::trust::Expected;
use bytes::Bytes;
use host_identity::{Authority, Role, Serial, Validity};
use host_types::{Code, Hash32};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn target(server: &Server) -> Target {
    Target { name: name("bank-b/peer1"), address: server.address.to_string() }
}

async fn pair() -> (Server, PeerClient) {
    let authority = Authority::new_dev("test").unwrap();
    let server = Server::start(session(&authority, "bank-b/peer1")).await;
    let client = PeerClient::start(session(&authority, "bank-a/peer0"), target(&server));
    client.connected().await;
    (server, client)
}

async fn refusal(session: Arc<Session>, server: &Server, expected: &Expected) -> ConnectError {
    let address = server.address.to_string();
    session.connect(&address, expected, Class::Consensus).await.err().unwrap()
}

#[tokio::test]
async fn messages_of_a_class_arrive_once_and_in_order_with_the_name_of_their_sender() {
    let (mut server, client) = pair().await;
    for number in 0..3_000_u32 {
        let mut message = number.to_be_bytes().to_vec();
        message.resize(4 + (number as usize * 37) % 900, 0);
        client.send(Class::Consensus, CHANNEL, message.into()).unwrap();
        if number % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for number in 0..3_000_u32 {
        let (from, message) = server.deliveries.recv().await.unwrap();
        assert_eq!(from, name("bank-a/peer0"));
        assert_eq!(message[..4], number.to_be_bytes());
    }
}

#[tokio::test]
async fn calls_can_be_made_from_any_task() {
    let (_server, client) = pair().await;
    let client = Arc::new(client);
    let call = {
        let client = client.clone();
        async move { client.fetch(CHANNEL, Bytes::from_static(b"x")).await }
    };
    assert_eq!(tokio::spawn(call).await.unwrap().unwrap(), "x");
}

#[tokio::test]
async fn the_four_calls_answer() {
    let (_server, client) = pair().await;
    let hello = HelloRequest { build: "0.1.0".into(), channels: vec![CHANNEL] };
    assert_eq!(client.hello(hello.clone()).await.unwrap(), hello);
    let megabytes = Bytes::from(vec![9; 3_000_000]);
    assert_eq!(client.fetch(CHANNEL, megabytes.clone()).await.unwrap(), megabytes);
    assert_eq!(client.status(Bytes::from_static(b"x")).await.unwrap(), "x");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_an_error_and_the_connection_lives() {
    let (_server, client) = pair().await;
    let error = client.fetch(CHANNEL, Bytes::from_static(b"L")).await.unwrap_err();
    assert!(matches!(
        error,
        CallError::Answered { error: RpcError::TooLarge { bytes: 5_000_000, .. }, .. }
    ));
    assert_eq!(client.fetch(CHANNEL, Bytes::from_static(b"x")).await.unwrap(), "x");
    assert_eq!(client.metrics(Class::Bulk).connects, 1);
}

#[tokio::test]
async fn a_call_without_an_answer_ends_in_time_and_others_go_on() {
    let (_server, client) = pair().await;
    let slow = Bytes::from_static(b"S");
    let within = Duration::from_millis(200);
    let error = client.fetch_on(Class::Bulk, CHANNEL, slow, within).await.unwrap_err();
    assert_eq!(error.code(), Code::Unreachable);
    assert!(error.to_string().contains("bank-b/peer1"), "{error}");
    assert_eq!(client.fetch(CHANNEL, Bytes::from_static(b"x")).await.unwrap(), "x");
}

#[tokio::test]
async fn a_handler_that_panics_ends_nothing_but_its_call() {
    let (_server, client) = pair().await;
    let within = Duration::from_millis(300);
    let panic = Bytes::from_static(b"P");
    assert!(client.fetch_on(Class::Bulk, CHANNEL, panic, within).await.is_err());
    assert_eq!(client.fetch(CHANNEL, Bytes::from_static(b"x")).await.unwrap(), "x");
}

#[tokio::test]
async fn a_peer_that_comes_back_is_reconnected_and_gets_what_waited() {
    let authority = Authority::new_dev("test").unwrap();
    let server = Server::start(session(&authority, "bank-b/peer1")).await;
    let client = PeerClient::start(session(&authority, "bank-a/peer0"), target(&server));
    client.connected().await;
    let address = server.address;
    server.stop().await;
    let mut connection = client.connection();
    connection.wait_for(|is_open| !is_open).await.unwrap();
    client.send(Class::Consensus, CHANNEL, Bytes::from_static(b"while away")).unwrap();
    let error = client.fetch(CHANNEL, Bytes::new()).await.unwrap_err();
    assert!(matches!(error, CallError::NotConnected { .. }), "{error}");
    let mut server = Server::start_at(session(&authority, "bank-b/peer1"), address).await;
    client.connected().await;
    assert_eq!(server.next().await, "while away");
    assert!(client.metrics(Class::Consensus).connects >= 2);
}

#[tokio::test]
async fn another_ca_is_refused_by_both_ends() {
    let (ours, theirs) = (Authority::new_dev("a").unwrap(), Authority::new_dev("b").unwrap());
    let server = Server::start(session(&theirs, "bank-b/peer1")).await;
    let expected = Expected::Name(name("bank-b/peer1"));
    let error = refusal(session(&ours, "bank-a/peer0"), &server, &expected).await;
    assert_eq!(error.code(), Code::CertificateUntrusted);
    assert!(error.to_string().contains("bank-b/peer1"), "{error}");
    // Somebody whose own trust is lax still does not get in.
    let lax = super::trust_of(&theirs, network(1));
    let tls =
        ours.issue_tls(&name("bank-a/peer0"), Role::Validator, &[], Default::default()).unwrap();
    let error = refusal(Session::new(lax, tls).unwrap(), &server, &expected).await;
    assert_eq!(error.code(), Code::JoinRefused);
    assert!(error.to_string().contains("of no root that it knows"), "{error}");
}

#[tokio::test]
async fn another_network_is_refused_and_the_refusal_names_both() {
    let authority = Authority::new_dev("test").unwrap();
    let server = Server::start(session(&authority, "bank-b/peer1")).await;
    let expected = Expected::Name(name("bank-b/peer1"));
    let elsewhere = session_in(&authority, "bank-a/peer0", network(2));
    let error = refusal(elsewhere, &server, &expected).await;
    assert_eq!(error.code(), Code::ProtocolMismatch);
    for id in [network(1), network(2)] {
        assert!(error.to_string().contains(&id.to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_validator_whose_certificate_ran_out_stays_connected_when_it_is_pinned() {
    let authority = Authority::new_dev("test").unwrap();
    // It began before today and its last second is over.
    let expired =
        Validity { not_before: Validity::days_from_now(0).not_before, not_after: second_ago() };
    let who = name("bank-a/peer0");
    let tls = authority.issue_tls(&who, Role::Validator, &[], expired).unwrap();
    let mine = Session::new(super::trust_of(&authority, network(1)), tls).unwrap();
    let theirs = session(&authority, "bank-b/peer1");
    let server = Server::start(theirs.clone()).await;
    let expected = Expected::Name(name("bank-b/peer1"));
    let address = server.address.to_string();
    assert!(mine.connect(&address, &expected, Class::Consensus).await.is_err());
    theirs.trust().set_pinned([who.clone()].into());
    assert!(mine.connect(&address, &expected, Class::Consensus).await.is_ok());
}

/// A TLS identity, and what a list says to take it back.
fn taken_back(authority: &Authority, who: &str) -> (Arc<Session>, (Hash32, Serial)) {
    let validity = Validity::default();
    let tls = authority.issue_tls(&name(who), Role::Validator, &[], validity).unwrap();
    let taken = (authority.root().fingerprint(), tls.certificate.serial.clone());
    (Session::new(super::trust_of(authority, network(1)), tls).unwrap(), taken)
}

#[tokio::test]
async fn a_session_whose_certificate_is_taken_back_ends_at_either_side_and_none_begins() {
    let authority = Authority::new_dev("test").unwrap();
    let (caller, callers) = taken_back(&authority, "bank-a/peer0");
    let (called, calleds) = taken_back(&authority, "bank-b/peer1");
    for (judge, taken) in [(&called, callers), (&caller, calleds)] {
        let server = Server::start(called.clone()).await;
        let client = PeerClient::start(caller.clone(), target(&server));
        client.connected().await;
        let mut connection = client.connection();
        judge.trust().set_revoked([taken].into());
        let closed = connection.wait_for(|is_open| !is_open);
        tokio::time::timeout(Duration::from_secs(5), closed).await.unwrap().unwrap();
        let expected = Expected::Name(name("bank-b/peer1"));
        let address = server.address.to_string();
        assert!(caller.connect(&address, &expected, Class::Bulk).await.is_err());
        judge.trust().set_revoked([].into());
        assert!(caller.connect(&address, &expected, Class::Bulk).await.is_ok());
    }
}

fn second_ago() -> host_types::BlockTime {
    host_types::BlockTime::new(Validity::days_from_now(0).not_after.get() - 2_000_000)
}

#[tokio::test]
async fn somebody_else_at_the_address_is_refused() {
    let authority = Authority::new_dev("test").unwrap();
    let server = Server::start(session(&authority, "bank-b/peer1")).await;
    let me = session(&authority, "bank-a/peer0");
    for expected in [Expected::Name(name("bank-b/peer2")), Expected::Role(Role::RadioStation)] {
        let error = refusal(me.clone(), &server, &expected).await;
        assert_eq!(error.code(), Code::CertificateUntrusted);
        assert!(error.to_string().contains("bank-b/peer1 (validator)"), "{error}");
    }
    let address = server.address.to_string();
    let any = Expected::Role(Role::Validator);
    let connection = me.connect(&address, &any, Class::Bulk).await.unwrap();
    assert_eq!(connection.peer.name, name("bank-b/peer1"));
}

#[tokio::test]
async fn a_peer_that_breaks_a_rule_is_cut_off_and_refused_for_a_while() {
    let (server, client) = pair().await;
    client.send(Class::Consensus, CHANNEL, Bytes::from_static(b"evil")).unwrap();
    let mut connection = client.connection();
    connection.wait_for(|is_open| !is_open).await.unwrap();
    let refused = loop {
        if let Some(error) = client.last_error() {
            break error;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(refused.code(), Code::TooManyRequests, "{refused}");
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_leaves_at_once() {
    let (mut server, client) = pair().await;
    let mut took = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        client.send(Class::Consensus, CHANNEL, Bytes::from(vec![1; 300])).unwrap();
        server.next().await;
        took.push(start.elapsed());
    }
    took.sort_unstable();
    // Far above what is measured (tens of microseconds), far below any batching delay.
    assert!(took[100] < Duration::from_millis(20), "{took:?}");
}
