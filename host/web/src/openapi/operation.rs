//! One request that a route takes, as a row of a table, and as OpenAPI has it.
//!
//! Rows name JSON only where a document or a refusal is answered: that v2 tells each of them in CBOR as
//! well is the gate's doing, so it is added here.

use super::kind::{described, schema};
use host_types::Code;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    HttpMethod, Operation as Documented, OperationBuilder, Parameter as DocumentedParameter,
    ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{
    Content, ContentBuilder, Deprecated, Ref, RefOr, Required, Response, ResponseBuilder,
};

/// A parameter: name, kind, meaning.
pub(super) type Parameter = (&'static str, &'static str, &'static str);
/// A body that is taken or answered: its media type and kind.
pub(super) type Media = (&'static str, &'static str);

pub(super) const JSON: &str = "application/json";
pub(super) const EVENT_STREAM: &str = "text/event-stream";
pub(super) const CBOR: &str = "application/cbor";
pub(super) const CBOR_SEQ: &str = "application/cbor-seq";
pub(super) const NDJSON: &str = "application/x-ndjson";
const PROBLEM: &str = "application/problem+json";

/// What is answered when the request is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) description: &'static str,
    pub(super) bodies: &'static [Media],
    /// Name, kind and meaning of headers that mean something to a client.
    pub(super) headers: &'static [Parameter],
}

/// How it is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Method {
    Get,
    Post,
}

impl Method {
    pub(super) const fn documented(self) -> HttpMethod {
        match self {
            Self::Get => HttpMethod::Get,
            Self::Post => HttpMethod::Post,
        }
    }
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    /// As the router has it.
    pub(super) path: &'static str,
    /// Name in programs that are made of the document.
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    /// Of the query string; a name that ends with `!` must be there.
    pub(super) query: &'static [Parameter],
    /// Headers that are read.
    pub(super) headers: &'static [Parameter],
    pub(super) body: &'static [Media],
    pub(super) answers: &'static [Answer],
    /// What it may be refused with, besides what every request may.
    pub(super) codes: &'static [Code],
    /// The same for those that have another status than their code's own.
    pub(super) also: &'static [(u16, Code)],
}

/// What the gate refuses any request with.
const OF_ALL: &[(u16, Code)] = &[
    (400, Code::ParameterWrong),
    (404, Code::NotFound),
    (405, Code::MethodNotAllowed),
    (408, Code::ParameterWrong),
    (413, Code::BodyTooLarge),
    (415, Code::ContentType),
    (429, Code::TooManyRequests),
];

/// Kinds of what stands in paths.
const IN_PATHS: &[Parameter] = &[
    ("channel", "channel", "name of a channel"),
    ("hash", "hash-in", "hash of a transaction"),
    ("block", "block-in", "height, hash, or `latest`"),
    ("score", "score", "name of a SCORE"),
    ("key", "key-in", "hex of the bytes that the SCORE wrote"),
    ("other", "text", "anything else"),
];

impl Operation {
    pub(super) fn is_v1(&self) -> bool {
        crate::gate::is_v1(self.path)
    }

    /// Every refusal by status.
    pub(super) fn refusals(&self) -> BTreeMap<u16, Vec<Code>> {
        let own = self.codes.iter().map(|code| (code.http(), *code));
        let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
        for (status, code) in OF_ALL.iter().chain(self.also).copied().chain(own) {
            let codes = by_status.entry(status).or_default();
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        by_status
    }

    /// As OpenAPI has it, with what was really sent and answered.
    pub(super) fn documented(&self, examples: &Value) -> Documented {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .tag(self.tag)
            .summary(Some(self.summary));
        if self.is_v1() {
            operation = operation.deprecated(Some(Deprecated::True));
        }
        for parameter in self.parameters(examples) {
            operation = operation.parameter(parameter);
        }
        if !self.body.is_empty() {
            let mut body = RequestBodyBuilder::new().required(Some(Required::True));
            for (media, kind) in self.body {
                let sent = examples.pointer(&format!("/{}/sent", self.id));
                body = body.content(*media, content(media, kind, sent));
            }
            operation = operation.request_body(Some(body.build()));
        }
        for answer in self.answers {
            operation =
                operation.response(answer.status.to_string(), self.answered(answer, examples));
        }
        for (status, name, _) in self.refused() {
            operation = operation.response(status.to_string(), Ref::from_response_name(name));
        }
        operation.build()
    }

    fn parameters(&self, examples: &Value) -> Vec<DocumentedParameter> {
        let in_path =
            self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path = in_path.filter_map(|name| {
            let name = name.trim_start_matches('*');
            let (_, kind, meaning) = IN_PATHS.iter().find(|(known, ..)| *known == name)?;
            let example = examples.pointer(&format!("/{}/path/{name}", self.id));
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(*meaning))
                .schema(Some(schema(kind)))
                .example(example.cloned());
            Some(parameter.build())
        });
        let named = |place: &'static ParameterIn, all: &'static [Parameter]| {
            all.iter().map(move |(name, kind, meaning)| {
                let is_required = name.ends_with('!');
                ParameterBuilder::new()
                    .name(name.trim_end_matches('!'))
                    .parameter_in(place.clone())
                    .required(if is_required { Required::True } else { Required::False })
                    .description(Some(*meaning))
                    .schema(Some(schema(kind)))
                    .build()
            })
        };
        let in_query = named(&ParameterIn::Query, self.query);
        in_path.chain(in_query).chain(named(&ParameterIn::Header, self.headers)).collect()
    }

    fn answered(&self, answer: &Answer, examples: &Value) -> Response {
        let mut response = ResponseBuilder::new().description(answer.description);
        for (media, kind) in answer.bodies {
            let pointer = format!("/{}/answered/{}", self.id, answer.status);
            response = response.content(*media, content(media, kind, examples.pointer(&pointer)));
            if *media == JSON && !self.is_v1() {
                response = response.content(CBOR, content(CBOR, kind, None));
            }
        }
        for (name, kind, meaning) in answer.headers {
            let header =
                HeaderBuilder::new().schema(Some(schema(kind))).description(Some(*meaning));
            response = response.header(*name, header.build());
        }
        response.build()
    }

    /// Every refusal: its status, the name that operations with the same share, and itself.
    pub(super) fn refused(&self) -> Vec<(u16, String, Response)> {
        let all = self.refusals().into_iter();
        all.map(|(status, codes)| {
            let numbers: Vec<_> = codes.iter().map(Code::to_string).collect();
            let form = if self.is_v1() { "v1." } else { "" };
            let name = format!("{form}{status}.{}", numbers.join("."));
            (status, name, refusal(status, &codes, self.is_v1()))
        })
        .collect()
    }
}

fn refusal(status: u16, codes: &[Code], is_v1: bool) -> Response {
    let title = |code: &Code| format!("`{code}` {}", code.title().trim_end_matches('.'));
    let titles: Vec<_> = codes.iter().map(title).collect();
    let response = ResponseBuilder::new().description(titles.join("; "));
    let response = if is_v1 {
        response.content(JSON, content(JSON, "@V1Refusal", None))
    } else {
        let in_cbor = ContentBuilder::new().schema(Some(problem_schema(codes))).build();
        response.content(PROBLEM, problem(codes)).content(CBOR, in_cbor)
    };
    let response = match status {
        429 | 503 => response.header("Retry-After", retry_after()),
        405 => response.header("Allow", allow()),
        _ => response,
    };
    response.build()
}

fn retry_after() -> utoipa::openapi::header::Header {
    HeaderBuilder::new().schema(Some(schema("u64"))).description(Some("seconds")).build()
}

fn allow() -> utoipa::openapi::header::Header {
    HeaderBuilder::new().schema(Some(schema("text"))).description(Some("methods")).build()
}

fn content(media: &str, kind: &str, example: Option<&Value>) -> Content {
    let example = example.filter(|_| media.ends_with("json")).cloned();
    ContentBuilder::new().schema(Some(schema(kind))).example(example).build()
}

/// A problem whose `code` is one of these.
fn problem_schema(codes: &[Code]) -> AllOfBuilder {
    let names = codes.iter().map(|code| Value::from(code.to_string()));
    let names =
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names.collect::<Vec<_>>()));
    let code = ObjectBuilder::new().property("code", names);
    AllOfBuilder::new().item(described("@Problem", "")).item(code)
}

/// The same with an example of each.
fn problem(codes: &[Code]) -> Content {
    let examples = codes.iter().map(|code| {
        let code = code.to_string();
        let example = RefOr::Ref(Ref::new(format!("#/components/examples/{code}")));
        (code, example)
    });
    ContentBuilder::new().schema(Some(problem_schema(codes))).examples_from_iter(examples).build()
}
