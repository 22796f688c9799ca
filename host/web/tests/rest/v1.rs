//! v1 of a peer against the recorded exchanges: the same bytes but for the node's own ids.

use crate::chain;
use crate::fake::{Node, get, peer_router, peer_with, post, sent_text};
use host_types::value::Value;
use host_types::{Code, Encode, Rejection, Status};
use host_web::RestConfig;
use std::sync::Arc;

const PEER_ID: &str = "cb4da8d9-6dae-8930-98af-32424c45bcc9";

fn hash_of(index: usize) -> String {
    chain::transactions()[index].0.id().to_string()
}

/// The peer id as any answer tells it, so that texts can be compared.
async fn peer_id() -> String {
    let status = get(&peer_router(), "/api/v1/status/peer").await.json();
    status["peer_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn status_peer_has_the_recorded_keys_order_and_types() {
    let answer = get(&peer_router(), "/api/v1/status/peer").await;
    let expected = format!(
        "{{\"made_block_count\": 2, \"status\": \"Service is online: 1\", \"peer_type\": \"1\", \
         \"audience_count\": \"0\", \"consensus\": \"lft\", \"peer_id\": \"{}\", \
         \"block_height\": 2, \"total_tx\": 3, \"peer_target\": \"127.0.0.1:7100\", \
         \"leader_complaint\": 0}}\n",
        peer_id().await
    );
    assert_eq!(answer.body, expected);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("deprecation"), "true");
    assert!(answer.header("link").ends_with("rel=\"successor-version\""));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-max-age"), "21600");
    assert_eq!(answer.header("access-control-allow-headers"), "ACCEPT, CONTENT-TYPE");
    assert_eq!(answer.header("access-control-allow-methods"), "GET,HEAD");
}

#[tokio::test]
async fn a_peer_id_is_made_of_the_public_key() {
    use host_types::Hash32;
    let hash = Hash32::sha256(&chain::KEY).to_hex();
    let id = peer_id().await.replace('-', "");
    assert_eq!(id[..12], hash[..12]);
    assert_eq!(&id[12..13], "8");
    assert_eq!(id.len(), PEER_ID.replace('-', "").len());
}

#[tokio::test]
async fn status_peer_of_an_unknown_channel_is_offline_without_a_block_count() {
    for name in ["nosuch", "NO%20SUCH", ""] {
        let path = format!("/api/v1/status/peer?channel={name}");
        let answer = get(&peer_router(), &path).await;
        let start = "{\"status\": \"Service is online: 2\", \"peer_type\": \"2\", ";
        assert!(answer.body.starts_with(start), "{}", answer.body);
        assert!(answer.body.contains("\"block_height\": 0, \"total_tx\": 0"));
    }
}

#[tokio::test]
async fn status_score_tells_versions_newest_first() {
    let router = peer_router();
    let (new, old) = ("5c".repeat(32), "5b".repeat(32));
    assert_eq!(
        get(&router, "/api/v1/status/score").await.body,
        format!(
            "{{\"id\": \"notary\", \"version\": \"{new}\", \"all_version\": [\"{new}\", \
             \"{old}\"], \"status\": 0}}\n"
        )
    );
    assert_eq!(get(&router, "/api/v1/status/score?channel=nosuch").await.body, "{}\n");
    assert_eq!(get(&router, "/api/v1/status/score?channel=failing").await.body, "{}\n");
    assert_eq!(
        get(&router, "/api/v1/status/score?channel=bare").await.body,
        "{\"id\": \"\", \"version\": \"\", \"all_version\": [], \"status\": -1}\n"
    );
}

#[tokio::test]
async fn any_json_reaches_a_catch_all_as_python_would_have_written_it() {
    let node = Arc::new(Node::default());
    let router = peer_with(Arc::clone(&node));
    let body = "{\"z\":1,\"channel\":\"channel1\",\"data\":\"민 \\u0041\",\"big\":12345678901234567890123,\"f\":1e5}";
    let answer = post(&router, "/api/v1/transactions", body).await;
    let sent = node.sent.lock().unwrap().pop().unwrap();
    assert_eq!(
        sent_text(&sent.2),
        "{\"z\": 1, \"channel\": \"channel1\", \"data\": \"\\ubbfc A\", \"big\": \
         12345678901234567890123, \"f\": 100000.0}"
    );
    assert_eq!((sent.0.as_str(), sent.1.as_str()), ("notary", "invoke"));
    let id = chain::signed("notary", "invoke", sent.2, 99).id();
    assert_eq!(
        answer.body,
        format!("{{\"response_code\": \"0\", \"tx_hash\": \"{id}\", \"more_info\": \"\"}}\n")
    );
}

#[tokio::test]
async fn a_catch_all_gets_the_method_the_body_names() {
    let node = Arc::new(Node::default());
    let router = peer_with(Arc::clone(&node));
    let long = "m".repeat(65);
    for (body, method) in [
        ("{\"method\": \"propose\"}".to_owned(), "propose"),
        ("{}".to_owned(), "invoke"),
        ("{\"method\": 5}".to_owned(), "invoke"),
        (format!("{{\"method\": \"{long}\"}}"), "invoke"),
    ] {
        post(&router, "/api/v1/transactions", body).await;
        assert_eq!(node.sent.lock().unwrap().pop().unwrap().1, method);
    }
}

#[tokio::test]
async fn a_typed_method_gets_typed_arguments_and_names_are_looked_up() {
    let node = Arc::new(Node::default());
    let router = peer_with(Arc::clone(&node));
    let body = r#"{"jsonrpc": "2.0", "channel": "channel2", "method": "transfer",
                   "params": {"amount": "30", "to": "alice"}}"#;
    let answer = post(&router, "/api/v1/transactions", body).await;
    assert!(answer.body.starts_with("{\"response_code\": \"0\""), "{}", answer.body);
    let alice = chain::member("bank-a/alice", [1; 32]).address;
    let args = Value::Array(vec![Value::Bytes(alice.as_bytes().to_vec()), Value::Uint(30)]);
    let sent = node.sent.lock().unwrap().pop().unwrap();
    assert_eq!((sent.0.as_str(), sent.1.as_str()), ("token", "transfer"));
    assert_eq!(sent.2, args.to_bytes());
}

#[tokio::test]
async fn what_cannot_be_sent_has_a_response_code() {
    let bad_params =
        r#"{"response_code": "-6", "tx_hash": "", "more_info": "fail validate params"}"#;
    let no_channel = r#"{"response_code": "-12", "tx_hash": "", "more_info": "fail invalid peer target for channel"}"#;
    let signed_only = r#"{"response_code": "-6", "tx_hash": "", "more_info": "this channel takes signed transactions only: use /api/v2"}"#;
    let cases = [
        ("[1,2]", bad_params),
        ("\"text\"", bad_params),
        ("null", bad_params),
        ("{\"channel\": 1}", bad_params),
        ("{\"channel\": null}", bad_params),
        ("{\"channel\": \"nosuch\", \"data\": \"hello\"}", no_channel),
        ("{\"channel\": \"NO SUCH\"}", no_channel),
        ("{\"channel\": \"signed\"}", signed_only),
        ("{\"channel\": \"channel2\", \"data\": \"hello\"}", bad_params),
        ("{\"channel\": \"channel2\", \"method\": \"mint\"}", bad_params),
        ("{\"channel\": \"channel2\", \"method\": \"deploy\"}", bad_params),
        ("{\"channel\": \"channel2\", \"method\": \"balance_of\"}", bad_params),
        ("{\"channel\": \"channel2\", \"method\": \"transfer\", \"params\": {}}", bad_params),
        (
            "{\"channel\": \"channel2\", \"method\": \"transfer\", \"params\": [1, 2, 3]}",
            bad_params,
        ),
        (
            "{\"channel\": \"bare\"}",
            r#"{"response_code": "-1", "tx_hash": "", "more_info": "this channel has no SCORE"}"#,
        ),
    ];
    for (body, expected) in cases {
        let answer = post(&peer_router(), "/api/v1/transactions", body).await;
        assert_eq!(answer.body, format!("{expected}\n"), "{body}");
        assert_eq!(answer.status, 200, "{body}");
    }
    let large = format!("{{\"data\": \"{}\"}}", "x".repeat(70_000));
    let answer = post(&peer_router(), "/api/v1/transactions", large).await;
    assert_eq!(answer.body, format!("{bad_params}\n"));
}

#[tokio::test]
async fn a_full_pool_is_code_11_and_other_refusals_code_1() {
    for (code, start) in [
        (
            Code::PoolFull,
            "{\"response_code\": \"-11\", \"tx_hash\": \"\", \"more_info\": \"this peer has too much tx already!\"}",
        ),
        (Code::SignerQuota, "{\"response_code\": \"-11\""),
        (Code::TooManyRequests, "{\"response_code\": \"-11\""),
        (
            Code::NoQuorum,
            "{\"response_code\": \"-1\", \"tx_hash\": \"\", \"more_info\": \"LC3201: why\"}",
        ),
        (Code::Internal, "{\"response_code\": \"-1\""),
    ] {
        let node = Node::default();
        *node.refusal.lock().unwrap() = Some(Rejection::new(code, "why"));
        let answer = post(&peer_with(Arc::new(node)), "/api/v1/transactions", "{}").await;
        assert!(answer.body.starts_with(start), "{}", answer.body);
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn a_found_transaction_has_its_payload_signature_and_key() {
    let peer_id = peer_id().await;
    let version = "5c".repeat(32);
    let path = format!("/api/v1/transactions?hash={}", hash_of(0));
    let answer = get(&peer_router(), &path).await;
    let signature =
        "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQ==";
    let key = "MCowBQYDK2VwAyEABwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    assert_eq!(
        answer.body,
        format!(
            "{{\"response_code\": 0, \"data\": {{\"data\": \"hello\"}}, \"meta\": {{\"peer_id\": \
             \"{peer_id}\", \"score_id\": \"notary\", \"score_version\": \"{version}\", \
             \"channel_name\": \"channel1\"}}, \"more_info\": \"success\", \"signature\": \
             \"{signature}\", \"public_key\": \"{key}\"}}\n"
        )
    );
}

#[tokio::test]
async fn a_typed_transaction_is_shown_as_method_and_params() {
    let path = format!("/api/v1/transactions?hash={}&channel=channel2", hash_of(1));
    let answer = get(&peer_router(), &path).await;
    let to = "aa".repeat(20);
    let data = format!(
        "\"data\": {{\"method\": \"transfer\", \"params\": {{\"to\": \"hx{to}\", \"amount\": \
         \"30\"}}}}, "
    );
    assert!(answer.body.contains(&data), "{}", answer.body);
}

#[tokio::test]
async fn a_transaction_that_is_not_found_keeps_the_recorded_body() {
    let router = peer_router();
    let nothing = "{\"response_code\": -1, \"data\": \"\", \"meta\": \"\", \"more_info\": \
                   \"fail\", \"signature\": \"\", \"public_key\": \"\"}\n";
    let unknown = "ab".repeat(32);
    let (pending, rejected) = (hash_of(6), hash_of(7));
    for hash in ["0000", "abc", unknown.as_str(), pending.as_str(), rejected.as_str()] {
        let answer = get(&router, &format!("/api/v1/transactions?hash={hash}")).await;
        assert_eq!(answer.body, nothing, "{hash}");
    }
    let malformed = "{\"response_code\": -6, \"message\": \"fail validate params\"}\n";
    for query in ["", "?hash=", "?hash=xyz", "?hash=0x00", "?hash=%ff", "?hash", "?x=1"] {
        let answer = get(&router, &format!("/api/v1/transactions{query}")).await;
        assert_eq!(answer.body, malformed, "{query}");
    }
}

#[tokio::test]
async fn the_response_code_can_be_text_for_other_editions() {
    let config = RestConfig { is_response_code_text: true, ..RestConfig::dev() };
    let router = host_web::peer_pages(Arc::new(Node::default()), config);
    let found = get(&router, &format!("/api/v1/transactions?hash={}", hash_of(0))).await;
    assert!(found.body.starts_with("{\"response_code\": \"0\""));
    let nothing = get(&router, "/api/v1/transactions?hash=00").await;
    assert!(nothing.body.starts_with("{\"response_code\": \"-1\""));
}

#[tokio::test]
async fn results_have_the_codes_of_the_old_edition_and_a_status() {
    let cases = [
        (hash_of(0), r#"{"code": 0, "jsonrpc": "2.0", "status": "committed"}"#),
        (
            hash_of(2),
            r#"{"code": 1, "message": "balance 30", "jsonrpc": "2.0", "status": "committed"}"#,
        ),
        (
            hash_of(3),
            r#"{"code": 9000, "message": "out of steps", "jsonrpc": "2.0", "status": "committed"}"#,
        ),
        (
            hash_of(4),
            r#"{"code": 9000, "message": "use one of the methods that the message names", "jsonrpc": "2.0", "status": "committed"}"#,
        ),
        (
            hash_of(5),
            r#"{"code": 9000, "message": "crash 0", "jsonrpc": "2.0", "status": "committed"}"#,
        ),
        (hash_of(6), r#"{"code": 2, "jsonrpc": "2.0", "status": "pending"}"#),
        (
            hash_of(7),
            r#"{"code": 9000, "message": "LC2104: its expiry has passed", "jsonrpc": "2.0", "status": "rejected"}"#,
        ),
        ("0000".into(), r#"{"code": 2, "jsonrpc": "2.0", "status": "unknown"}"#),
        ("xyz".into(), r#"{"code": 2, "jsonrpc": "2.0", "status": "unknown"}"#),
    ];
    for (hash, expected) in cases {
        let path = format!("/api/v1/transactions/result?hash={hash}");
        let answer = get(&peer_router(), &path).await;
        let expected = format!("{{\"response_code\": \"0\", \"response\": {expected}}}\n");
        assert_eq!(answer.body, expected);
    }
    let missing = get(&peer_router(), "/api/v1/transactions/result").await;
    assert_eq!(missing.body, "{\"response_code\": \"-6\", \"response\": \"\"}\n");
}

#[tokio::test]
async fn every_value_of_a_block_is_text() {
    let peer_id = peer_id().await;
    let block = chain::block(2);
    let data = format!(
        "{{\"prev_block_hash\": \"{}\", \"merkle_tree_root_hash\": \"{}\", \"time_stamp\": \
         \"1795333979294213\", \"height\": \"2\", \"peer_id\": \"{peer_id}\"}}",
        "10".repeat(32),
        block.header.tx_root
    );
    let id = block.id;
    let last = get(&peer_router(), "/api/v1/blocks").await;
    assert_eq!(
        last.body,
        format!(
            "{{\"response_code\": 0, \"block_hash\": \"{id}\", \"block_data_json\": {data}}}\n"
        )
    );
    let one = get(&peer_router(), &format!("/api/v1/blocks?hash={id}")).await;
    let to = "aa".repeat(20);
    let typed = format!(
        "{{\\\"method\\\": \\\"transfer\\\", \\\"params\\\": {{\\\"to\\\": \\\"hx{to}\\\", \
         \\\"amount\\\": \\\"30\\\"}}}}"
    );
    let tx = |index: usize, text: &str| {
        format!(
            "{{\"tx_hash\": \"{}\", \"timestamp\": 1795333979294213, \"data_string\": \
             \"{text}\", \"peer_id\": \"{peer_id}\"}}",
            hash_of(index)
        )
    };
    let transactions = [tx(0, "{\\\"data\\\": \\\"hello\\\"}"), tx(1, &typed)].join(", ");
    assert_eq!(
        one.body,
        format!(
            "{{\"block_hash\": \"{id}\", \"block_data_json\": {data}, \"tx_data_json\": \
             [{transactions}]}}\n"
        )
    );
}

#[tokio::test]
async fn genesis_is_empty_as_recorded() {
    let id = chain::block(0).id;
    let answer = get(&peer_router(), &format!("/api/v1/blocks?hash={id}")).await;
    assert_eq!(
        answer.body,
        format!(
            "{{\"block_hash\": \"{id}\", \"block_data_json\": {{\"prev_block_hash\": \"\", \
             \"merkle_tree_root_hash\": \"\", \"time_stamp\": \"0\", \"height\": \"0\", \
             \"peer_id\": \"\"}}, \"tx_data_json\": \"\"}}\n"
        )
    );
}

#[tokio::test]
async fn unknown_blocks_and_channels_have_codes_instead_of_500() {
    let wrong_hash = "{\"response_code\": -4, \"message\": \"fail wrong block hash\"}\n";
    for hash in ["deadbeef", "", "xyz", &"00".repeat(32)] {
        let answer = get(&peer_router(), &format!("/api/v1/blocks?hash={hash}")).await;
        assert_eq!(answer.body, wrong_hash, "{hash}");
    }
    let no_channel =
        "{\"response_code\": -12, \"message\": \"fail invalid peer target for channel\"}\n";
    for path in ["blocks?channel=nosuch", "blocks?channel=%00", "transactions?channel=nosuch"] {
        let answer = get(&peer_router(), &format!("/api/v1/{path}")).await;
        assert_eq!(answer.body, no_channel, "{path}");
    }
    let result = get(&peer_router(), "/api/v1/transactions/result?channel=x&hash=00").await;
    assert_eq!(result.body, "{\"response_code\": \"-12\", \"response\": \"\"}\n");
}

#[tokio::test]
async fn a_catch_all_query_is_passed_through() {
    let body = r#"{"jsonrpc": "2.0","method":"nosuch","id":"1","params":{}}"#;
    let answer = post(&peer_router(), "/api/v1/query", body).await;
    assert_eq!(
        answer.body,
        "{\"response_code\": \"0\", \"response\": {\"jsonrpc\": \"2.0\", \"method\": \"nosuch\", \
         \"id\": \"1\", \"params\": {}}}\n"
    );
}

#[tokio::test]
async fn a_catch_all_that_answers_its_arguments_is_passed_through_too() {
    let node = Node::default();
    let args = host_web::arguments::catch_all("{\"a\": 1}");
    let output = Value::Bytes(args).to_bytes();
    *node.answer.lock().unwrap() = Some(chain::receipt(Status::Ok, 0, &output));
    let answer = post(&peer_with(Arc::new(node)), "/api/v1/query", "{}").await;
    assert_eq!(answer.body, "{\"response_code\": \"0\", \"response\": {\"a\": 1}}\n");
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_code_900_and_says_nothing_else() {
    let node = Node::default();
    *node.refusal.lock().unwrap() = Some(Rejection::new(Code::QueryTimeout, "too long"));
    let answer = post(&peer_with(Arc::new(node)), "/api/v1/query", "{}").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, "{\"response_code\": \"-900\", \"response\": \"\"}\n");
}

#[tokio::test]
async fn a_typed_query_is_wrapped_as_the_convention_has_it() {
    let node = Node::default();
    let balance = Value::Uint(970).to_bytes();
    *node.answer.lock().unwrap() = Some(chain::receipt(Status::Ok, 0, &balance));
    let body = r#"{"jsonrpc": "2.0", "channel": "channel2", "method": "balance_of",
                   "id": "11233", "params": {"who": "bank-b/bob"}}"#;
    let answer = post(&peer_with(Arc::new(node)), "/api/v1/query", body).await;
    assert_eq!(
        answer.body,
        "{\"response_code\": \"0\", \"response\": {\"jsonrpc\": \"2.0\", \"code\": 0, \
         \"response\": \"970\", \"id\": \"11233\"}}\n"
    );
}

#[tokio::test]
async fn queries_that_fail_keep_the_recorded_bodies() {
    let typed = r#"{"channel": "channel2", "method": "balance_of", "params": ["alice"]}"#;
    let fail = "{\"response_code\": \"-1\", \"response\": \"\"}\n";
    let bad_params = "{\"response_code\": \"-6\", \"response\": \"\"}\n";
    let cases: [(&str, Option<host_types::Receipt>, &str); 11] = [
        (r#"{"channel": "channel2", "method": "nosuch"}"#, None, fail),
        (r#"{"channel": "nosuch"}"#, None, fail),
        (r#"{"channel": "bare"}"#, None, fail),
        (r#"{"channel": "failing"}"#, None, fail),
        ("[1]", None, bad_params),
        (r#"{"channel": 7}"#, None, bad_params),
        (
            r#"{"channel": "channel2", "method": "balance_of", "params": {"x": 1}}"#,
            None,
            bad_params,
        ),
        ("{}", Some(chain::receipt(Status::Ok, 0, &[])), fail),
        (
            "{}",
            Some(chain::receipt(Status::Ok, 0, &Value::Text("no json".into()).to_bytes())),
            fail,
        ),
        (
            typed,
            Some(chain::receipt(Status::Fault, 1, b"no such account")),
            "{\"response_code\": \"0\", \"response\": {\"jsonrpc\": \"2.0\", \"code\": 1, \
             \"message\": \"no such account\", \"id\": null}}\n",
        ),
        (
            typed,
            Some(chain::receipt(Status::Trap, 1, b"index out of bounds")),
            "{\"response_code\": \"0\", \"response\": {\"code\": 9000, \"message\": \"Query \
             Raise Exception : index out of bounds\"}}\n",
        ),
    ];
    for (body, receipt, expected) in cases {
        let node = Node::default();
        *node.answer.lock().unwrap() = receipt;
        let answer = post(&peer_with(Arc::new(node)), "/api/v1/query", body).await;
        assert_eq!(answer.body, expected, "{body}");
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn refusals_before_a_handler_have_the_recorded_messages() {
    use axum::body::Body;
    use axum::http::Request;
    let router = peer_router();
    let form = Request::post("/api/v1/query").body(Body::from("not json")).unwrap();
    let answer = crate::fake::ask(&router, form).await;
    assert_eq!(answer.status, 415);
    assert_eq!(
        answer.body,
        "{\"message\": \"Did not attempt to load JSON data because the request Content-Type was \
         not 'application/json'.\"}\n"
    );
    let answer = post(&router, "/api/v1/transactions", "{bad").await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.body,
        "{\"message\": \"The browser (or proxy) sent a request that this server could not \
         understand.\"}\n"
    );
    let put = Request::put("/api/v1/transactions").body(Body::empty()).unwrap();
    let answer = crate::fake::ask(&router, put).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), "GET,HEAD,POST");
    assert_eq!(
        answer.body,
        "{\"message\": \"The method is not allowed for the requested URL.\"}\n"
    );
    let answer = get(&router, "/api/v1/nosuch").await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.starts_with("{\"message\": \"The requested URL was not found"));
    assert_eq!(answer.header("content-type"), "application/json");
}
