//! CBOR in the OpenAPI document: wherever it stands it is answered and taken, wherever it does not it is
//! neither, and what is answered is the value that JSON has.
//!
//! The bytes are read by another implementation than the one that wrote them.

use crate::chain;
use crate::openapi::{Asked, BOTH, document, head_of, pages, taken, walk};
use crate::schema::matching;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use host_web::Pages;
use http_body_util::BodyExt;
use serde_json::Value;
use std::collections::BTreeSet;

const CBOR: &str = "application/cbor";

/// An answer as it came.
struct Raw {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Raw {
    async fn of(pages: &Pages, request: Request<Body>) -> Self {
        let (parts, body) = pages.answer(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    fn media(&self) -> &str {
        self.headers["content-type"].to_str().unwrap()
    }

    fn value(&self) -> Value {
        match self.media() {
            CBOR => ciborium::from_reader(self.body.as_slice()).unwrap(),
            _ => serde_json::from_slice(&self.body).unwrap(),
        }
    }
}

/// Asks a node to which nothing has happened yet.
async fn asked_for(interface: host_web::openapi::Interface, asked: &Asked, accept: &str) -> Raw {
    let body = asked.body.as_ref().map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let request = head_of(asked).header("accept", accept).body(body).unwrap();
    Raw::of(&pages(interface), request).await
}

/// What an operation may answer with a status, by media type.
fn contents<'a>(root: &'a Value, operation: &'a Value, status: u16) -> &'a Value {
    let response = &operation["responses"][status.to_string()];
    let named = response["$ref"].as_str().and_then(|name| root.pointer(&name[1..]));
    &named.unwrap_or(response)["content"]
}

fn is_json(media: &str) -> bool {
    media == "application/json" || media == "application/problem+json"
}

#[tokio::test]
async fn every_document_is_the_same_value_in_cbor_and_stands_in_the_document_with_the_same_schema()
{
    for (interface, _) in BOTH {
        let root = document(interface);
        let mut told = BTreeSet::new();
        for asked in &taken(interface) {
            let json = asked_for(interface, asked, "application/json").await;
            let cbor =
                asked_for(interface, asked, "application/json;q=0.5, application/cbor").await;
            assert_eq!((json.status, cbor.status), (asked.status, asked.status), "{}", asked.path);
            let (_, operation) = matching(&root, asked.method, &asked.path).unwrap();
            let contents = contents(&root, operation, asked.status);
            if asked.path.starts_with("/api/v1") || !is_json(json.media()) {
                assert_eq!(
                    (cbor.media(), &cbor.body),
                    (json.media(), &json.body),
                    "{}",
                    asked.path
                );
                assert!(contents[CBOR].is_null(), "{} is never told in CBOR", asked.path);
                continue;
            }
            assert_eq!(cbor.media(), CBOR, "{}", asked.path);
            assert_eq!(cbor.value(), json.value(), "{}", asked.path);
            assert_eq!(
                contents[CBOR]["schema"],
                contents[json.media()]["schema"],
                "{}",
                asked.path
            );
            told.insert((asked.id.to_owned(), asked.status.to_string()));
        }
        let promised = promised(&root);
        assert!(told.is_superset(&promised), "{:?}", promised.difference(&told));
        assert!(promised.len() >= 2, "{promised:?}");
    }
}

/// Operation and status of every document that is said to be told in CBOR.
fn promised(root: &Value) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    walk(root, &mut |_, operation| {
        let Some(id) = operation["operationId"].as_str() else { return };
        let answers = operation["responses"].as_object().into_iter().flatten();
        let answers = answers.filter(|(_, answer)| !answer["content"][CBOR].is_null());
        all.extend(answers.map(|(status, _)| (id.to_owned(), status.clone())));
    });
    all
}

#[tokio::test]
async fn every_refusal_stands_there_in_both_forms_but_those_of_v1() {
    for (interface, path) in BOTH {
        let root = document(interface);
        for (name, response) in root["components"]["responses"].as_object().unwrap() {
            let content = &response["content"];
            let (json, cbor) = (&content["application/problem+json"], &content[CBOR]);
            if name.starts_with("v1.") {
                assert!(json.is_null() && cbor.is_null(), "{path}: {name}");
            } else {
                assert!(!cbor["schema"].is_null(), "{path}: {name}");
                assert_eq!(cbor["schema"], json["schema"], "{path}: {name}");
            }
        }
        for asked in taken(interface).iter().filter(|asked| !asked.path.starts_with("/api/v1")) {
            // Each path refuses what no path takes, before anything is looked at.
            let refused = |accept| {
                let request = head_of(asked).header("accept", accept);
                let request = request.header("content-encoding", "gzip");
                let pages = pages(interface);
                async move { Raw::of(&pages, request.body(Body::empty()).unwrap()).await }
            };
            let (json, cbor) = (refused("application/json").await, refused(CBOR).await);
            assert_eq!(
                (json.status, cbor.status, cbor.media()),
                (415, 415, CBOR),
                "{}",
                asked.path
            );
            assert_eq!(cbor.value(), json.value(), "{}", asked.path);
            let (_, operation) = matching(&root, asked.method, &asked.path).unwrap();
            assert!(!contents(&root, operation, 415)[CBOR].is_null(), "{}", asked.path);
        }
    }
}

/// What is taken in JSON is taken in each of these where it stands there, with the same answer.
#[tokio::test]
async fn bodies_in_cbor_are_taken_where_they_are_documented_and_nowhere_else() {
    let tx = &chain::transactions()[6].0;
    let envelope = tx.transaction().clone().into_envelope(tx.signature()).0.to_vec();
    for (interface, _) in BOTH {
        let root = document(interface);
        let mut tried = BTreeSet::new();
        let v2 = |asked: &&Asked| asked.body.is_some() && !asked.path.starts_with("/api/v1");
        for asked in taken(interface).iter().filter(v2) {
            if !tried.insert(asked.id) {
                continue;
            }
            let (_, operation) = matching(&root, asked.method, &asked.path).unwrap();
            let json = asked_for(interface, asked, "*/*").await;
            for media in [CBOR, "application/cbor-seq"] {
                let mut request = Request::builder().method(asked.method).uri(&asked.path);
                request = request.header("content-type", media);
                let request = request.body(Body::from(envelope.clone())).unwrap();
                let answer = Raw::of(&pages(interface), request).await;
                let documented = &operation["requestBody"]["content"][media];
                if documented.is_null() {
                    assert_eq!(answer.status, 415, "{} takes {media}", asked.path);
                } else {
                    assert_eq!((answer.status, &answer.body), (json.status, &json.body), "{media}");
                    assert_eq!(documented["schema"]["format"], "binary", "{media}");
                }
            }
        }
    }
}
