//! v1 of the radiostation against the recorded exchanges.

use crate::fake::{Station, get, post, station_router};
use rcgen::{CertificateParams, DnType, KeyPair, SerialNumber, date_time_ymd};
use std::sync::Arc;

const FIRST: &str = "\"order\": 1, \"peer_id\": \"ID\", \"group_id\": \"ID\", \"target\": \
                     \"127.0.0.1:7100\", \"cert\": \
                     \"MCowBQYDK2VwAyEABwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\", \
                     \"status_update_time\": \"2026-11-22 07:51:57.784954\", \"status\": 1";

async fn body(path: &str) -> String {
    let answer = get(&station_router(), path).await;
    assert_eq!(answer.status, 200, "{path}");
    answer.body
}

async fn first_id() -> String {
    let json = get(&station_router(), "/api/v1/peer/leader").await.json();
    json["data"]["peer_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_leader_is_a_record_without_peer_type() {
    let first = FIRST.replace("ID", &first_id().await);
    let expected = format!("{{\"response_code\": 0, \"data\": {{{first}}}}}\n");
    assert_eq!(body("/api/v1/peer/leader").await, expected);
    assert_eq!(
        body("/api/v1/peer/leader?channel=empty").await,
        "{\"response_code\": -5, \"message\": \"fail no leader peer\"}\n"
    );
}

#[tokio::test]
async fn the_list_has_counts_and_both_lists() {
    let first = FIRST.replace("ID", &first_id().await);
    let text = body("/api/v1/peer/list").await;
    let start = format!(
        "{{\"response_code\": 0, \"data\": {{\"registered_peer_count\": 2, \
         \"connected_peer_count\": 1, \"registered_peer_list\": [{{{first}, \"peer_type\": 1}}, \
         {{\"order\": 2, "
    );
    assert!(text.starts_with(&start), "{text}");
    let end = format!("\"connected_peer_list\": [{{{first}, \"peer_type\": 1}}]}}}}\n");
    assert!(text.ends_with(&end), "{text}");
    assert!(text.contains("\"status\": 2, \"peer_type\": 0}"));
}

#[tokio::test]
async fn the_status_of_a_peer_has_no_wrapper() {
    let id = first_id().await;
    let status = format!(
        "\"made_block_count\": 2, \"status\": \"Service is online: 1\", \"peer_type\": \"1\", \
         \"audience_count\": \"0\", \"consensus\": \"lft\", \"peer_id\": \"{id}\", \
         \"block_height\": 2, \"total_tx\": 3, \"peer_target\": \"127.0.0.1:7100\", \
         \"leader_complaint\": 0"
    );
    let path = format!("/api/v1/peer/status?peer_id={id}&group_id={id}&channel=channel1");
    assert_eq!(body(&path).await, format!("{{{status}}}\n"));
    assert_eq!(
        body("/api/v1/peer/status-list").await,
        format!(
            "{{\"response_code\": 0, \"data\": {{\"registered_peer_count\": 2, \
             \"connected_peer_count\": 1, \"peer_status_list\": [{{{status}, \"order\": 1}}]}}}}\n"
        )
    );
    for path in ["?peer_id=x&group_id=x", "?peer_id=x&group_id=x&channel=nosuch"] {
        let text = body(&format!("/api/v1/peer/status{path}")).await;
        assert_eq!(text, "{\"response_code\": -1, \"message\": \"fail\"}\n");
    }
    for path in ["", "?peer_id=x", "?group_id=x", "?peer_id=&group_id="] {
        assert_eq!(
            body(&format!("/api/v1/peer/status{path}")).await,
            "{\"response_code\": -6, \"message\": \"fail validate params. You must throw all of \
             parameters : peer_id, group_id\"}\n"
        );
    }
}

#[tokio::test]
async fn unknown_channels_and_resources_have_codes() {
    for path in ["list", "leader", "status-list"] {
        assert_eq!(
            body(&format!("/api/v1/peer/{path}?channel=nosuch")).await,
            "{\"response_code\": -12, \"message\": \"fail invalid peer target for channel\"}\n"
        );
    }
    for path in ["peer/nosuch", "cert/nosuch/ca", "cert/list/nosuch", "cert/nosuch"] {
        assert_eq!(
            body(&format!("/api/v1/{path}")).await,
            "{\"response_code\": -1, \"message\": \"The resource doesn't exist\"}\n"
        );
    }
}

#[tokio::test]
async fn settings_are_text_with_a_type_and_secrets_are_hidden() {
    let cases = [
        ("GRPC_TIMEOUT", "30", 1),
        ("VOTING_RATIO", "0.65", 2),
        ("ENABLE_CHANNEL_AUTH", "False", 3),
        ("CHANNEL_OPTION", "{}", 4),
        ("LISTEN", "127.0.0.1:7102", 0),
        ("KEY_PASSWORD", "***", 0),
    ];
    let mut all = Vec::new();
    for (name, value, kind) in cases {
        let one = format!("{{\"name\": \"{name}\", \"value\": \"{value}\", \"type\": {kind}}}");
        let expected = format!("{{\"response_code\": 0, \"data\": {one}}}\n");
        assert_eq!(body(&format!("/api/v1/conf?name={name}")).await, expected);
        all.push(one);
    }
    let expected = format!("{{\"response_code\": 0, \"data\": [{}]}}\n", all.join(", "));
    assert_eq!(body("/api/v1/conf").await, expected);
    assert_eq!(
        body("/api/v1/conf?name=NOPE").await,
        "{\"response_code\": -1, \"message\": \"'NOPE' is an incorrect configuration name.\"}\n"
    );
}

#[tokio::test]
async fn what_changed_things_is_gone_and_says_what_to_do_instead() {
    let router = station_router();
    let settings = post(&router, "/api/v1/conf", "{}").await;
    assert_eq!(settings.status, host_types::Code::Gone.http());
    assert_eq!(settings.status, 410);
    assert!(settings.body.starts_with("{\"message\": \"settings cannot be changed over HTTP"));
    for path in ["ca", "peer"] {
        let issue = get(&router, &format!("/api/v1/cert/issue/{path}")).await;
        assert_eq!(issue.status, 410);
        assert!(
            issue.body.contains("the organisation's own authority signs them"),
            "{}",
            issue.body
        );
    }
}

#[tokio::test]
async fn without_certificates_the_list_says_so() {
    assert_eq!(
        body("/api/v1/cert/list/ca").await,
        "{\"response_code\": -1, \"message\": \"Fail loading of CA certificate.\"}\n"
    );
    assert_eq!(body("/api/v1/cert/list/peer").await, "{\"response_code\": 0, \"data\": []}\n");
}

fn certificate() -> Vec<u8> {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, text) in [
        (DnType::CountryName, "kr"),
        (DnType::OrganizationName, "THeLoop"),
        (DnType::OrganizationalUnitName, "DEV"),
        (DnType::CommonName, "Test CA"),
    ] {
        params.distinguished_name.push(kind, text);
    }
    params.serial_number = Some(SerialNumber::from(vec![1, 0, 0, 0, 0, 0, 0, 0, 0]));
    params.not_after = date_time_ymd(2031, 2, 3);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[tokio::test]
async fn certificates_are_shown_as_the_old_edition_wrote_them() {
    let station = Station { certificates: vec![certificate(), vec![1, 2, 3]] };
    let config = host_web::RestConfig::dev();
    let router = host_web::radiostation_pages(Arc::new(station), config);
    let root = get(&router, "/api/v1/cert/list/ca").await.body;
    let name = "cn=Test CA, ou=DEV, o=THeLoop, c=kr";
    let start = format!(
        "{{\"response_code\": 0, \"data\": {{\"cert_type\": 0, \"subject\": \"{name}\", \
         \"issuer\": \"{name}\", \"*serial_number\": 18446744073709551616, \"not_after\": \
         \"2031-02-03 00:00:00\", \"cert_pem\": \"-----BEGIN CERTIFICATE-----\\nMII"
    );
    assert!(root.starts_with(&start), "{root}");
    let peers = get(&router, "/api/v1/cert/list/peer").await;
    let listed = &peers.json()["data"];
    assert_eq!(listed.as_array().unwrap().len(), 1, "bytes that are no certificate are left out");
    assert_eq!(listed[0]["cert_type"], 1);
}
