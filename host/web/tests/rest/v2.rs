//! v2: documents, caching, signed transactions, queries, refusals.

use crate::chain;
use crate::fake::{Node, ask, get, peer_router, peer_with, post};
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_types::value::Value;
use host_types::{Code, Encode, Rejection, SignedTransaction, Status};
use std::sync::Arc;

const CHANNEL: &str = "/api/v2/channels/channel1";

fn json_envelope(tx: &SignedTransaction) -> String {
    let transaction = STANDARD.encode(tx.transaction().to_bytes());
    let signature = STANDARD.encode(tx.signature());
    format!("{{\"transaction\": \"{transaction}\", \"signature\": \"{signature}\"}}")
}

#[tokio::test]
async fn a_channel_tells_its_state() {
    let answer = get(&peer_router(), CHANNEL).await;
    let json = answer.json();
    assert_eq!(json["schema"], "loopchain.channel.v1");
    assert_eq!(json["channel"], "channel1");
    assert_eq!(json["height"], 2);
    assert_eq!(json["block_hash"], chain::block(2).id.to_string());
    assert_eq!(json["state_root"], "51".repeat(32));
    assert_eq!(json["leader"], "bank-a/peer0");
    assert_eq!((&json["epoch"], &json["view"]), (&1.into(), &5.into()));
    assert_eq!(json["mode"], "normal");
    assert_eq!(json["sandbox"], "strict");
    assert_eq!(json["quorum"], 1);
    assert_eq!(json["validators"][0]["name"], "bank-a/peer0");
    assert_eq!(json["time_us"], 1_795_333_979_294_213_u64);
    assert_eq!(json["time"], "2026-11-22T07:52:59.294213Z");
    assert_eq!(json["configuration"]["rule"], "lft");
    assert_eq!(json["configuration"]["policies"]["read"], "*");
    assert_eq!(answer.header("deprecation"), "");
    let list = get(&peer_router(), "/api/v2/channels").await.json();
    assert_eq!(list["schema"], "loopchain.channels.v1");
    assert_eq!(list["channels"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_final_block_is_immutable_and_known_copies_get_304() {
    let router = peer_router();
    let id = chain::block(2).id.to_string();
    for path in ["2", id.as_str(), "latest"] {
        let answer = get(&router, &format!("{CHANNEL}/blocks/{path}")).await;
        let json = answer.json();
        assert_eq!(json["hash"], id);
        assert_eq!(json["schema"], "loopchain.block.v1");
        assert_eq!(json["transactions"][1]["method"], "transfer");
        assert_eq!(json["proof"]["signers"][0]["weight"], 1);
        let is_fixed = answer.header("cache-control").contains("immutable");
        assert_eq!(is_fixed, path != "latest");
        assert_eq!(answer.header("etag"), format!("\"{id}\""));
    }
    let request =
        Request::get(format!("{CHANNEL}/blocks/2")).header("if-none-match", format!("W/\"{id}\""));
    let answer = ask(&router, request.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (304, ""));
}

#[tokio::test]
async fn the_proof_of_a_block_has_all_that_is_needed_to_check_it_and_is_immutable() {
    let router = peer_router();
    let block = chain::block(2);
    let id = block.id.to_string();
    let mut tag = String::new();
    for path in ["2", id.as_str(), "latest"] {
        let answer = get(&router, &format!("{CHANNEL}/blocks/{path}/certificate")).await;
        let json = answer.json();
        assert_eq!(
            (&json["schema"], &json["hash"]),
            (&"loopchain.block-proof.v1".into(), &json["proved"]["hash"])
        );
        assert_eq!((&json["hash"], &json["height"]), (&id.clone().into(), &2.into()));
        assert_eq!(json["state_root"], "51".repeat(32));
        assert_eq!(json["header"], host_types::hash::to_hex(&block.header.to_bytes()));
        assert_eq!((&json["rule"]["id"], &json["rule"]["version"]), (&"lft".into(), &3.into()));
        assert_eq!(json["rule"]["parameters"]["delta"], "300");
        assert_eq!(json["validators"][0]["public_key"], "07".repeat(32));
        assert_eq!(json["proof"], STANDARD.encode([1, 2, 3]));
        assert_eq!(json["signers"][0]["name"], "bank-a/peer0");
        assert_eq!(answer.header("cache-control").contains("immutable"), path != "latest");
        answer.header("etag").clone_into(&mut tag);
        let read = host_web::block_proof::read(answer.body.as_bytes()).unwrap();
        assert_eq!(Some(read), chain::proof(chain::block(2)));
    }
    let request =
        Request::get(format!("{CHANNEL}/blocks/2/certificate")).header("if-none-match", tag);
    let answer = ask(&router, request.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (304, ""));
}

#[tokio::test]
async fn epochs_tell_the_present_one_and_what_waits() {
    let router = peer_router();
    let json = get(&router, &format!("{CHANNEL}/epochs")).await.json();
    assert_eq!(json["schema"], "loopchain.epochs.v1");
    assert_eq!((&json["epoch"], &json["root_height"]), (&1.into(), &7.into()));
    assert_eq!(json["present"]["validators"][0]["weight"], 7);
    assert!(json.get("next").is_none(), "nothing is accepted");
    let change = &json["changes"][0];
    assert_eq!((&change["kind"], &change["status"]), (&"configure".into(), &"open".into()));
    assert!(change["says"][0].as_str().unwrap().contains(" weight 9 "), "{change}");
    assert_eq!(json["epochs"].as_array().unwrap().len(), 2);
    assert_eq!(json["excluded"], serde_json::json!(["bank-a/peer0"]), "in the present one");
    let of_each: Vec<_> =
        json["epochs"].as_array().unwrap().iter().map(|e| &e["excluded"]).collect();
    assert_eq!(of_each, [&serde_json::json!([]), &serde_json::json!(["bank-a/peer0"])]);
    // The bytes are those that the hash is of.
    let bytes = host_types::hash::from_hex(json["present"]["config"].as_str().unwrap()).unwrap();
    let config =
        <host_types::epoch::EpochConfig as host_types::Decode>::from_bytes(&bytes).unwrap();
    assert_eq!(json["present"]["hash"], config.hash().to_string());
}

#[tokio::test]
async fn a_genesis_is_served_as_the_bytes_that_its_hash_is_of_and_policies_in_words() {
    let router = peer_router();
    let json = get(&router, &format!("{CHANNEL}/genesis")).await.json();
    assert_eq!(json["schema"], "loopchain.genesis.v1");
    let bytes = host_types::hash::from_hex(json["genesis"].as_str().unwrap()).unwrap();
    let genesis =
        <host_types::genesis::ChannelGenesis as host_types::Decode>::from_bytes(&bytes).unwrap();
    assert_eq!(json["hash"], genesis.hash().to_string());
    let epochs = get(&router, &format!("{CHANNEL}/epochs")).await.json();
    assert_eq!(
        epochs["present"]["policies"],
        serde_json::json!({"submit": "*", "read": "*", "query": "*", "deploy": "quorum",
            "configure": "quorum", "audit": "*", "admin": "quorum", "v1_gateway": false})
    );
    let change = &epochs["changes"][0];
    let told = (&change["policy"], &change["organisations"]);
    assert_eq!(told, (&"quorum".into(), &serde_json::json!([])));
    let closed = get(&router, "/api/v2/channels/closed/genesis").await;
    assert_eq!(closed.json()["code"], "LC4103");
}

#[tokio::test]
async fn evidence_names_the_signer_and_holds_both_statements() {
    let router = peer_router();
    let answer = get(&router, &format!("{CHANNEL}/evidence")).await;
    let json = answer.json();
    assert_eq!(json["schema"], "loopchain.evidence.v1");
    let one = &json["evidence"][0];
    assert_eq!((&one["number"], &one["signer"]), (&1.into(), &"bank-a/peer0".into()));
    assert_eq!((&one["view"], &one["class"]), (&5.into(), &3.into()));
    assert_eq!(one["recorded_in"], 6, "the block in which the chain has it");
    assert_eq!(one["public_key"], "07".repeat(32));
    assert_eq!(one["statements"][1]["digest"], "02".repeat(32));
    assert_eq!(one["statements"][1]["bytes"], STANDARD.encode([2]));
    assert_eq!(answer.header("cache-control"), "no-cache", "more may come");
    let none = get(&router, "/api/v2/channels/channel2/evidence").await.json();
    assert_eq!(none["evidence"].as_array().unwrap().len(), 0);
    for (channel, code) in [("closed", "LC4103"), ("failing", "LC3206"), ("none", "LC3205")] {
        let answer = get(&router, &format!("/api/v2/channels/{channel}/evidence")).await;
        assert_eq!(answer.json()["code"], code);
    }
}

#[tokio::test]
async fn events_are_filtered_and_tell_where_to_go_on() {
    let router = peer_router();
    let json = get(&router, &format!("{CHANNEL}/events")).await.json();
    assert_eq!(
        (&json["schema"], &json["next_from"]),
        (&"loopchain.events.v1".into(), &"12.0.0".into())
    );
    let one = &json["events"][0];
    assert_eq!((&one["id"], &one["height"]), (&"9.1.20".into(), &9.into()));
    assert_eq!((&one["score"], &one["name"]), (&"system".into(), &"evidence-recorded".into()));
    assert_eq!(one["fields"], serde_json::json!(["bank-a/peer0", 7]));
    let path = format!("{CHANNEL}/events?score=token&topic=minted&from=9.1.3&limit=7");
    let json = get(&router, &path).await.json();
    assert!(json["next_from"].is_null(), "{json}");
    let one = &json["events"][0];
    assert_eq!((&one["id"], &one["score"]), (&"9.1.7".into(), &"token".into()));
    for wrong in ["score=No", "topic=", "from=x", "from=1.2.3.4", "limit=0", "limit=101"] {
        let answer = get(&router, &format!("{CHANNEL}/events?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    let answer = get(&router, "/api/v2/channels/failing/events").await;
    assert_eq!(answer.json()["code"], "LC3206");
}

#[tokio::test]
async fn a_proof_that_is_not_there_is_refused_as_its_block_is() {
    let router = peer_router();
    for (path, status, code) in [
        ("channel1/blocks/9/certificate", 404, "LC7104"),
        ("channel1/blocks/0/certificate", 404, "LC7104"),
        ("channel1/blocks/x/certificate", 400, "LC7106"),
        ("none/blocks/1/certificate", 404, "LC3205"),
        ("closed/blocks/1/certificate", 403, "LC4103"),
        ("failing/blocks/1/certificate", 503, "LC3206"),
    ] {
        let answer = get(&router, &format!("/api/v2/channels/{path}")).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.json()["code"], code, "{path}");
    }
}

#[test]
fn a_proof_with_a_field_missing_added_or_contradicted_is_refused_by_its_name() {
    let whole = chain::proof(chain::block(2)).unwrap();
    let text = host_web::block_proof::document(&whole).to_string();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fields: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields.len(), 16);
    let refusal = |value: &serde_json::Value| {
        let refused = host_web::block_proof::read(value.to_string().as_bytes()).unwrap_err();
        assert_eq!(refused.code, Code::ProofWrong);
        refused.message
    };
    for field in &fields {
        let mut without = value.clone();
        without.as_object_mut().unwrap().remove(field);
        let message = refusal(&without);
        assert!(message.contains(&format!("`{field}")), "{field}: {message}");
        let mut nothing = value.clone();
        nothing[field] = serde_json::Value::Null;
        let message = refusal(&nothing);
        assert!(message.contains(&format!("`{field}")), "{field}: {message}");
    }
    let mut more = value.clone();
    more["note"] = "x".into();
    assert!(refusal(&more).contains("`note`"));
    let mut other = value;
    other["height"] = 3.into();
    assert!(refusal(&other).contains("`height`"));
}

#[tokio::test]
async fn blocks_come_in_pages_newest_first() {
    let router = peer_router();
    let page = get(&router, &format!("{CHANNEL}/blocks?limit=2")).await.json();
    let heights: Vec<_> =
        page["blocks"].as_array().unwrap().iter().map(|b| b["height"].as_u64().unwrap()).collect();
    assert_eq!(heights, [2, 1]);
    assert_eq!(page["next_before"], 1);
    let rest = get(&router, &format!("{CHANNEL}/blocks?before=1")).await.json();
    assert_eq!(rest["blocks"][0]["height"], 0);
    assert_eq!(rest["next_before"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_final_transaction_has_its_receipt_and_decoded_fields() {
    let tx = &chain::transactions()[1].0;
    let path = format!("{CHANNEL}/transactions/{}", tx.id());
    let answer = get(&peer_router(), &path).await;
    let json = answer.json();
    assert_eq!(json["schema"], "loopchain.tx.v1");
    assert_eq!(json["state"], "final");
    assert_eq!(json["args"]["amount"], "30");
    assert_eq!(json["args"]["to"], format!("hx{}", "aa".repeat(20)));
    assert_eq!(json["signer_name"], "bank-a/peer0");
    assert_eq!(json["receipt"]["status"], "ok");
    assert_eq!(json["receipt"]["steps"], 42);
    assert_eq!(json["events"][0]["fields"]["amount"], "30");
    assert_eq!(json["voters"][0], "bank-a/peer0");
    assert!(answer.header("cache-control").contains("immutable"));
}

#[tokio::test]
async fn a_final_transaction_has_a_portable_receipt_that_reads_back() {
    let router = peer_router();
    let id = chain::transactions()[1].0.id();
    let place = format!("{CHANNEL}/transactions/{id}");
    let answer = get(&router, &format!("{place}/receipt")).await;
    let json = answer.json();
    assert_eq!(json["schema"], "loopchain.receipt.v1");
    assert_eq!((&json["height"], &json["index"]), (&2.into(), &1.into()));
    assert!(answer.header("cache-control").contains("immutable"));
    let read = host_web::receipt::read(answer.body.as_bytes()).unwrap();
    assert_eq!(Some(read), chain::portable(id));
    let with = get(&router, &format!("{place}?proof=true")).await.json();
    assert_eq!((&with["state"], &with["proof"]), (&"final".into(), &json));
    assert!(get(&router, &place).await.json().get("proof").is_none());
    let pending = chain::transactions()[6].0.id();
    for (path, status, code) in [
        (format!("channel1/transactions/{id}?proof=1"), 400, "LC7106"),
        ("channel1/transactions/x/receipt".to_owned(), 400, "LC7106"),
        (format!("channel1/transactions/{pending}/receipt"), 404, "LC7104"),
        (format!("none/transactions/{id}/receipt"), 404, "LC3205"),
        (format!("closed/transactions/{id}/receipt"), 403, "LC4103"),
        (format!("failing/transactions/{id}/receipt"), 503, "LC3206"),
    ] {
        let answer = get(&router, &format!("/api/v2/channels/{path}")).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.json()["code"], code, "{path}");
    }
}

#[tokio::test]
async fn other_states_are_told_and_not_kept() {
    for (index, state) in [(6, "pending"), (7, "rejected")] {
        let id = chain::transactions()[index].0.id();
        let answer = get(&peer_router(), &format!("{CHANNEL}/transactions/{id}")).await;
        let json = answer.json();
        assert_eq!(json["state"], state);
        assert_eq!(json["hash"], id.to_string());
        assert_eq!(answer.header("cache-control"), "no-cache");
    }
    let fault = chain::transactions()[2].0.id();
    let json = get(&peer_router(), &format!("{CHANNEL}/transactions/{fault}")).await.json();
    assert_eq!(json["receipt"]["status"], "fault");
    assert_eq!(json["receipt"]["message"], "balance 30");
}

#[tokio::test]
async fn a_signed_transaction_is_accepted_in_json_and_cbor_with_the_same_answer() {
    let router = peer_router();
    let tx = &chain::transactions()[6].0;
    let path = format!("{CHANNEL}/transactions");
    let first = post(&router, &path, json_envelope(tx)).await;
    assert_eq!(first.status, 202);
    assert_eq!(first.header("location"), format!("{path}/{}", tx.id()));
    assert_eq!(first.json()["state"], "pending");
    let cbor = Request::post(&path).header("content-type", "application/cbor");
    let second = ask(&router, cbor.body(Body::from(tx.raw().0)).unwrap()).await;
    assert_eq!((second.status, &second.body), (first.status, &first.body));
}

#[tokio::test]
async fn a_transaction_is_taken_however_its_path_is_written_and_refused_in_the_same_words() {
    let tx = json_envelope(&chain::transactions()[1].0);
    for (plain, other) in [("channel1", "ch%61nnel1"), ("nowhere", "n%6fwhere")] {
        let [plain, other] =
            [plain, other].map(|name| format!("/api/v2/channels/{name}/transactions"));
        let (one, same) = (
            post(&peer_router(), &plain, tx.clone()).await,
            post(&peer_router(), &other, tx.clone()).await,
        );
        assert_eq!((one.status, one.header("location")), (same.status, same.header("location")));
        assert_eq!(one.json().get("code"), same.json().get("code"));
        assert_eq!(one.status == 202, plain.contains("channel1"));
    }
}

#[tokio::test]
async fn a_client_may_wait_for_the_receipt() {
    let tx = &chain::transactions()[1].0;
    for (prefer, status) in [("wait=30", 200), ("respond-async, wait=5", 200), ("wait=0", 202)] {
        let request = Request::post(format!("{CHANNEL}/transactions"))
            .header("content-type", "application/json")
            .header("prefer", prefer);
        let answer =
            ask(&peer_router(), request.body(Body::from(json_envelope(tx))).unwrap()).await;
        assert_eq!(answer.status, status, "{prefer}");
        assert_eq!(!answer.header("preference-applied").is_empty(), status == 200);
    }
}

#[tokio::test]
async fn refusals_of_the_node_keep_their_code_status_and_retry() {
    let tx = &chain::transactions()[6].0;
    for (code, status, retry) in
        [(Code::PoolFull, 429, "1"), (Code::NoQuorum, 503, "5"), (Code::SignatureWrong, 403, "")]
    {
        let node = Node::default();
        *node.refusal.lock().unwrap() = Some(Rejection::new(code, "why it is so"));
        let path = format!("{CHANNEL}/transactions");
        let answer = post(&peer_with(Arc::new(node)), &path, json_envelope(tx)).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("retry-after"), retry);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let json = answer.json();
        assert_eq!(json["code"], code.to_string());
        assert_eq!(json["detail"], "why it is so");
        assert_eq!(json["status"], status);
        assert_eq!(json["retryable"], code.is_retryable());
        assert_eq!(json["request_id"], answer.header("x-request-id"));
        assert_eq!(json["type"], format!("urn:loopchain:error:{code}"));
    }
}

#[tokio::test]
async fn a_query_that_takes_too_long_may_be_asked_again() {
    let node = Node::default();
    *node.refusal.lock().unwrap() = Some(Rejection::new(Code::QueryTimeout, "too long"));
    let path = "/api/v2/channels/channel2/scores/token/query";
    let body = r#"{"method": "balance_of", "args": {"who": "alice"}}"#;
    let answer = post(&peer_with(Arc::new(node)), path, body).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["code"], "LC2116");
    assert_eq!(answer.json()["retryable"], true);
}

#[tokio::test]
async fn a_query_is_typed_both_ways() {
    let node = Node::default();
    let wide = Value::Bytes(u128::MAX.to_be_bytes().to_vec()).to_bytes();
    *node.answer.lock().unwrap() = Some(chain::receipt(Status::Ok, 0, &wide));
    let path = "/api/v2/channels/channel2/scores/token/query";
    let body = r#"{"method": "balance_of", "args": {"who": "alice"}}"#;
    let json = post(&peer_with(Arc::new(node)), path, body).await.json();
    assert_eq!(json["schema"], "loopchain.query.v1");
    assert_eq!(json["result"], u128::MAX.to_string());
    assert_eq!(json["height"], 2);
}

#[tokio::test]
async fn a_wrong_argument_is_named_with_the_right_ones() {
    let path = "/api/v2/channels/channel2/scores/token/query";
    let body = r#"{"method": "balance_of", "args": {"wo": "alice"}}"#;
    let answer = post(&peer_router(), path, body).await;
    assert_eq!(answer.status, 400);
    let json = answer.json();
    assert_eq!(json["code"], "LC2107");
    assert_eq!(json["detail"], "token.balance_of has no parameter `wo`");
    assert_eq!(json["help"][0], "parameters are who: address. Did you mean `who`?");
}

#[tokio::test]
async fn a_score_shows_its_manifest() {
    let router = peer_router();
    let json = get(&router, "/api/v2/channels/channel2/scores/token").await.json();
    assert_eq!(json["schema"], "loopchain.score.v1");
    assert_eq!(json["manifest"]["methods"][0]["args"][1]["type"], "u128");
    let list = get(&router, &format!("{CHANNEL}/scores")).await.json();
    assert_eq!(list["scores"][0]["name"], "notary");
    assert_eq!(list["scores"][0]["frozen"], serde_json::Value::Null);
}

#[tokio::test]
async fn versions_tell_where_each_is_in_its_life_and_what_is_refused() {
    let router = peer_router();
    let list = get(&router, &format!("{CHANNEL}/scores")).await.json();
    let states: Vec<_> = list["versions"].as_array().unwrap().iter().map(|v| &v["state"]).collect();
    assert_eq!(states, ["active", "approved"]);
    let refused = &list["refused"][0];
    assert_eq!((&refused["file"], &refused["code"]), (&"text.so".into(), &"LC6102".into()));
    let json = get(&router, &format!("{CHANNEL}/scores/token/versions")).await.json();
    assert_eq!(json["schema"], "loopchain.score-versions.v1");
    assert_eq!(json["versions"][0]["manifest"]["name"], "token");
    let waits = &json["versions"][1];
    assert_eq!((&waits["height"], &waits["here"]), (&90.into(), &false.into()));
    assert!(waits["activation_us"].is_null(), "{waits}");
    assert_eq!(waits["not_ready"], serde_json::json!(["bank-a/peer0"]));
    let unknown = get(&router, &format!("{CHANNEL}/scores/nosuch/versions")).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn whoever_misspells_a_score_is_told_which_there_are() {
    let told = get(&peer_router(), "/api/v2/channels/channel2/scores/tokn").await.json();
    assert_eq!(told["code"], "LC2106");
    let help = told["help"][0].as_str().unwrap();
    assert!(
        help.starts_with("its SCOREs are ") && help.ends_with("Did you mean `token`?"),
        "{help}"
    );
}

#[tokio::test]
async fn members_are_found_by_short_and_full_name() {
    for name in ["alice", "bank-a/alice"] {
        let path = format!("{CHANNEL}/members?name={name}");
        let json = get(&peer_router(), &path).await.json();
        assert_eq!(json["members"].as_array().unwrap().len(), 1);
        assert_eq!(json["members"][0]["name"], "bank-a/alice");
        assert!(json["members"][0]["address"].as_str().unwrap().starts_with("hx"));
    }
}

#[tokio::test]
async fn reads_and_queries_of_a_channel_whose_policy_names_roles_are_refused() {
    let router = peer_router();
    let closed = "/api/v2/channels/closed";
    let hash = chain::block(1).id;
    for path in ["/blocks", "/blocks/latest", &format!("/transactions/{hash}")] {
        let answer = get(&router, &format!("{closed}{path}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["code"].as_str()),
            (403, Some("LC4103")),
            "{path}"
        );
    }
    let asked = post(&router, &format!("{closed}/scores/notary/query"), "{}").await;
    assert_eq!((asked.status.as_u16(), asked.json()["code"].as_str()), (403, Some("LC4103")));
    assert_eq!(get(&router, closed).await.status, 200, "what signing needs stays open");
    // The old interface answers as for a channel that is not here.
    for path in [
        "/api/v1/blocks?channel=".to_owned(),
        format!("/api/v1/transactions?hash={hash}&channel="),
        format!("/api/v1/transactions/result?hash={hash}&channel="),
    ] {
        let answer = get(&router, &format!("{path}closed")).await;
        assert_eq!(answer.body, get(&router, &format!("{path}nosuch")).await.body, "{path}");
    }
    let ask = |name: &str| format!("{{\"channel\": \"{name}\", \"data\": \"x\"}}");
    let answer = post(&router, "/api/v1/query", ask("closed")).await;
    assert_eq!(answer.body, post(&router, "/api/v1/query", ask("nosuch")).await.body);
}
