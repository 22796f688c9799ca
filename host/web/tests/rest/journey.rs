//! The way of a transaction in every state: pending with its reason, final with votes, rejected.

use crate::chain;
use crate::fake::{get, peer_router};
use host_rpc::gateway::TxState;
use host_rpc::journey::{
    JourneyBlock, JourneyState, JourneyView, PoolPlace, Reason, Stages, Waiting,
};
use host_types::{BlockTime, TxId};

const CHANNEL: &str = "/api/v2/channels/channel1";

/// What the made-up node tells of a transaction.
pub(crate) fn of(id: TxId) -> Option<JourneyView> {
    let at = |n| Some(BlockTime::new(chain::TIME_US + n));
    let view = chain::block(2);
    let block = JourneyBlock {
        height: view.header.height,
        id: view.id,
        epoch: view.header.epoch,
        view: view.header.view,
        proposer: Some(chain::node_name()),
        time: view.header.time,
        is_final: true,
    };
    let pending = Waiting {
        reason: Reason::NoQuorum,
        detail: "validators of weight 2 are connected, 3 decide; absent: a, b".into(),
        place: Some(PoolPlace { ahead: 4, waiting: 9, of_signer: 2, signer_max: 1_000 }),
    };
    let stages = Stages { ingest: at(1), mempool: at(2), ..Stages::default() };
    let all = Stages { proposed: at(3), voted: at(4), decided: at(5), committed: at(6), ..stages };
    let (state, stages, block) = match chain::state(id)? {
        TxState::Pending(_) => (JourneyState::Pending(pending), stages, None),
        TxState::Final(_) => (JourneyState::Final, all, Some(block)),
        TxState::Rejected(why) => (JourneyState::Rejected(why), Stages::default(), None),
    };
    let votes = if block.is_some() { vec![(chain::node_name(), 3)] } else { Vec::new() };
    Some(JourneyView { id, state, stages, block, votes, quorum: 3, total_weight: 4 })
}

async fn journey(state: &str) -> serde_json::Value {
    let id = chain::transactions().into_iter().map(|(tx, ..)| tx.id()).find(|id| {
        let word = match chain::state(*id) {
            Some(TxState::Pending(_)) => "pending",
            Some(TxState::Final(_)) => "final",
            _ => "rejected",
        };
        word == state
    });
    let id = id.unwrap();
    let json = get(&peer_router(), &format!("{CHANNEL}/transactions/{id}/journey")).await.json();
    assert_eq!(json["schema"], "loopchain.journey.v1");
    assert_eq!((&json["hash"], &json["state"]), (&id.to_string().into(), &state.into()));
    json
}

#[tokio::test]
async fn a_final_transaction_tells_every_stage_its_block_and_who_voted() {
    let json = journey("final").await;
    let stages = json["peers"][0]["stages"].as_object().unwrap();
    let order: Vec<_> = ["ingest", "mempool", "proposed", "voted", "final", "committed"]
        .iter()
        .map(|stage| stages[*stage]["time_us"].as_u64().unwrap() - chain::TIME_US)
        .collect();
    assert_eq!(order, [1, 2, 3, 4, 5, 6]);
    assert_eq!(json["peers"][0]["name"], "bank-a/peer0");
    assert_eq!((&json["block"]["final"], &json["block"]["height"]), (&true.into(), &2.into()));
    assert_eq!(json["block"]["proposer"], "bank-a/peer0");
    assert_eq!(json["votes"], serde_json::json!([{"name": "bank-a/peer0", "weight": 3}]));
    assert_eq!((&json["weight"], &json["quorum"]), (&3.into(), &3.into()));
    assert!(json["waiting"].is_null() && json["error"].is_null());
}

#[tokio::test]
async fn a_pending_one_tells_why_it_waits_and_its_place() {
    let json = journey("pending").await;
    assert_eq!(json["waiting"]["reason"], "no-quorum");
    let pool = serde_json::json!({"ahead": 4, "waiting": 9, "of_signer": 2, "signer_max": 1_000});
    assert_eq!(json["waiting"]["pool"], pool);
    assert!(json["peers"][0]["stages"]["proposed"].is_null());
    assert!(json["block"].is_null());
}

#[tokio::test]
async fn a_rejected_one_tells_why_and_an_unknown_one_is_not_found() {
    let json = journey("rejected").await;
    assert_eq!(json["error"]["code"], "LC2104");
    assert_eq!(json["peers"][0]["remembered"], false);
    for (path, status, code) in [
        (format!("{CHANNEL}/transactions/{}/journey", "0".repeat(64)), 404, "LC7104"),
        (format!("{CHANNEL}/transactions/xyz/journey"), 400, "LC7106"),
        ("/api/v2/channels/closed/transactions/00/journey".into(), 403, "LC4103"),
        ("/api/v2/channels/none/transactions/00/journey".into(), 404, "LC3205"),
    ] {
        let answer = get(&peer_router(), &path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.json()["code"], code, "{path}");
    }
}
