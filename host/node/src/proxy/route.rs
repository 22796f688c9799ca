//! What a request asks for, as far as the choice of a peer needs it.
//!
//! In: method, path, query, body. Out: channel, height, and what may be done when a peer fails in
//! the middle. Deliberately not here: whether the path exists; a peer says that.

use axum::http::Method;
use host_web::query::Query;
use serde_json::Value;

/// What may happen to a request whose answer did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It changes nothing: another peer may be asked.
    Read,
    /// A signed envelope: the same bytes again are the same transaction, so another peer may have it.
    Signed,
    /// A peer signs it: sent twice it would be two transactions.
    Unsigned,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) kind: Kind,
    /// The channel; none when it is about the node.
    pub(super) channel: Option<String>,
    /// The block that it names.
    pub(super) height: Option<u64>,
}

/// Reads a request. `default` is the channel of v1 requests that name none.
pub(super) fn read(
    method: &Method,
    path: &str,
    query: Option<&str>,
    body: &[u8],
    default: &str,
) -> Wish {
    if let Some(rest) = path.strip_prefix("/api/v2/channels/") {
        return v2(method, rest);
    }
    let is_write = *method == Method::POST && path != "/api/v1/query";
    let kind = if is_write { Kind::Unsigned } else { Kind::Read };
    let channel = path.starts_with("/api/v1/").then(|| {
        let named = Query::parse(query).get("channel").map(str::to_owned);
        let in_body = || {
            let body: Value = serde_json::from_slice(body).ok()?;
            Some(body.get("channel")?.as_str()?.to_owned())
        };
        named.or_else(in_body).unwrap_or_else(|| default.to_owned())
    });
    Wish { kind, channel, height: None }
}

fn v2(method: &Method, rest: &str) -> Wish {
    let parts: Vec<_> = rest.split('/').collect();
    let kind = match parts.as_slice() {
        [_, "transactions"] | [_, "transactions", "bulk"] if *method == Method::POST => {
            Kind::Signed
        }
        [_, "scores", _, "query"] => Kind::Read,
        _ if *method == Method::POST => Kind::Unsigned,
        _ => Kind::Read,
    };
    let height = match parts.as_slice() {
        [_, "blocks", block, ..] if block.len() < 20 => block.parse().ok(),
        _ => None,
    };
    let channel = parts.first().filter(|name| !name.is_empty()).map(|name| (*name).to_owned());
    Wish { kind, channel, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(method: &Method, path: &str, body: &str) -> (Kind, Option<String>, Option<u64>) {
        let (path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
        let Wish { kind, channel, height } = read(method, path, query, body.as_bytes(), "first");
        (kind, channel, height)
    }

    #[test]
    fn channel_height_and_kind_are_read_from_paths_queries_and_bodies() {
        let demo = || Some("demo".to_owned());
        let (get, post) = (&Method::GET, &Method::POST);
        for (method, path, body, expected) in [
            (get, "/api/v2/channels", "", (Kind::Read, None, None)),
            (get, "/api/v2/channels/demo", "", (Kind::Read, demo(), None)),
            (get, "/api/v2/channels/demo/blocks/12", "", (Kind::Read, demo(), Some(12))),
            (
                get,
                "/api/v2/channels/demo/blocks/12/certificate",
                "",
                (Kind::Read, demo(), Some(12)),
            ),
            (get, "/api/v2/channels/demo/blocks/latest", "", (Kind::Read, demo(), None)),
            (post, "/api/v2/channels/demo/transactions", "", (Kind::Signed, demo(), None)),
            (post, "/api/v2/channels/demo/transactions/bulk", "", (Kind::Signed, demo(), None)),
            (post, "/api/v2/channels/demo/scores/token/query", "{}", (Kind::Read, demo(), None)),
            (post, "/api/v2/channels/demo/other", "{}", (Kind::Unsigned, demo(), None)),
            (get, "/api/v1/blocks?channel=demo", "", (Kind::Read, demo(), None)),
            (get, "/api/v1/blocks", "", (Kind::Read, Some("first".to_owned()), None)),
            (post, "/api/v1/query", r#"{"channel":"demo"}"#, (Kind::Read, demo(), None)),
            (post, "/api/v1/transactions", r#"{"channel":"demo"}"#, (Kind::Unsigned, demo(), None)),
            (post, "/api/v1/transactions", "no json", (Kind::Unsigned, Some("first".into()), None)),
        ] {
            assert_eq!(wish(method, path, body), expected, "{method} {path}");
        }
    }
}
