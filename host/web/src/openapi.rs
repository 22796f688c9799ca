//! The OpenAPI 3.1 document of REST, and the page that shows it.
//!
//! In: tables of requests (`v2`, `v1`) and of what they answer (`schemas`), and examples that
//! the handlers really gave. Out: the document, written once. It is committed as
//! `docs/spec/openapi.json`; `host/web/tests/rest/openapi.rs` compares tables, routes and answers.
//! Deliberately not here: the routes (`router`), what an error means (`host-types`).

mod directory;
mod kind;
mod lookups;
mod operation;
mod page;
mod schemas;
mod v1;
mod v2;

pub(crate) use page::routes;

use crate::problem::Problem;
use host_types::Code;
use kind::{described, schema};
use operation::Operation;
use schemas::Table;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{PathItem, PathsBuilder};
use utoipa::openapi::schema::{AdditionalProperties, ComponentsBuilder, ObjectBuilder};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

/// Which interface a document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// v2 and v1 of a peer.
    Peer,
    /// v1 of a radiostation, and its directory.
    Radiostation,
}

/// The form that documents and refusals have besides JSON; `crate::cbor` writes it.
const IN_CBOR: &str = " Everywhere but under `/api/v1`, documents and refusals in JSON are told in CBOR (RFC 8949) to \
     clients whose `Accept` wants `application/cbor` no less than JSON; `*/*` gets JSON. It is the same value with the \
     same schema: objects are maps with the same keys in the same order, texts are texts, whole numbers have their shortest \
     form, other numbers are 64-bit floats; lengths are definite, there are no tags, and bytes stay hex or base64 in a \
     text. It has an `ETag` of its own. NDJSON and streams of events have one form only.";
/// What is taken in CBOR is not that form.
const SENT_IN_CBOR: &str = " A transaction sent as `application/cbor` is not JSON in that form but the envelope that was \
     signed, in its canonical bytes; many are one such envelope after the other.";

/// What was sent to and answered by the handlers of a node that is made up.
const EXAMPLES: &str = include_str!("openapi/examples.json");

static PEER: LazyLock<String> = LazyLock::new(|| written(Interface::Peer));
static RADIOSTATION: LazyLock<String> = LazyLock::new(|| written(Interface::Radiostation));

/// The document as it is served and committed: JSON with line breaks.
#[must_use]
pub fn json(interface: Interface) -> &'static str {
    match interface {
        Interface::Peer => &PEER,
        Interface::Radiostation => &RADIOSTATION,
    }
}

fn written(interface: Interface) -> String {
    // Nothing in it can fail to be written.
    serde_json::to_string_pretty(&document(interface)).unwrap_or_default() + "\n"
}

fn operations(interface: Interface) -> Vec<Operation> {
    match interface {
        Interface::Peer => [v2::OPERATIONS, v1::PEER, page::OPERATIONS].concat(),
        Interface::Radiostation => {
            [directory::OPERATIONS, v1::RADIOSTATION, page::OPERATIONS].concat()
        }
    }
}

fn tables(interface: Interface) -> Vec<Table> {
    match interface {
        Interface::Peer => [schemas::TABLES, lookups::TABLES, v1::PEER_TABLES].concat(),
        Interface::Radiostation => {
            [&[schemas::PROBLEM], directory::TABLES, v1::RADIOSTATION_TABLES].concat()
        }
    }
}

fn document(interface: Interface) -> OpenApi {
    let examples: Value = serde_json::from_str(EXAMPLES).unwrap_or_default();
    let all = operations(interface);
    let mut paths = PathsBuilder::new();
    for operation in &all {
        // axum marks what takes the rest of a path with an asterisk, OpenAPI does not.
        let path = operation.path.replace("{*", "{");
        let item = PathItem::new(operation.method.documented(), operation.documented(&examples));
        paths = paths.path(path, item);
    }
    let mut components = ComponentsBuilder::new();
    for table in tables(interface) {
        components = components.schema(table.0, object(&table));
    }
    for (_, name, response) in all.iter().flat_map(Operation::refused) {
        components = components.response(name, response);
    }
    let codes: BTreeSet<Code> = all
        .iter()
        .filter(|operation| !operation.is_v1())
        .flat_map(|operation| operation.refusals().into_values().flatten())
        .collect();
    for code in codes {
        components = components.example(code.to_string(), problem(code));
    }
    let tags: BTreeSet<_> = all.iter().map(|operation| operation.tag).collect();
    OpenApiBuilder::new()
        .info(info(interface))
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(tags.into_iter().map(|tag| TagBuilder::new().name(tag).build())))
        .build()
}

fn info(interface: Interface) -> utoipa::openapi::Info {
    let (title, description, sent) = match interface {
        Interface::Peer => (
            "loopchain peer",
            "REST of a peer: `/api/v2`, and `/api/v1` for clients of the editions of 2017 and 2018. \
             Refusals of v2 are RFC 9457 problems with a `code`; `loopchain explain CODE` tells more.",
            SENT_IN_CBOR,
        ),
        Interface::Radiostation => (
            "loopchain RadioStation",
            "REST of a RadioStation: its signed directory, and `/api/v1` for clients of the editions of 2017 and 2018.",
            "",
        ),
    };
    InfoBuilder::new()
        .title(title)
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some([description, IN_CBOR, sent].concat()))
        .license(Some(
            LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
        ))
        .build()
}

/// The schema of a table.
fn object((name, meaning, parts): &Table) -> ObjectBuilder {
    let mut object = ObjectBuilder::new().description(Some(*meaning));
    if schemas::CLOSED.contains(name) {
        object = object.additional_properties(Some(AdditionalProperties::FreeForm(false)));
    }
    for (name, kind, meaning) in parts.iter().copied().flatten() {
        let field = name.trim_end_matches('?');
        object = object.property(
            field,
            if meaning.is_empty() { schema(kind) } else { described(kind, meaning) },
        );
        if field == *name {
            object = object.required(field);
        }
    }
    object
}

/// A problem of a code, as the gate writes it.
fn problem(code: Code) -> ExampleBuilder {
    let problem = Problem::new(code, code.title());
    let text = problem.problem_json("7d1c0f5e2b9a4c36");
    ExampleBuilder::new().summary(code.title()).value(serde_json::from_str(&text).ok())
}
