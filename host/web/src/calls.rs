//! What v1 and v2 share: the channel of a request, arguments with names of members, content types,
//! what a receipt says in words.

use crate::arguments::{self, CallError};
use crate::json::{Duplicates, Json, parse};
use crate::problem::Problem;
use axum::http::{HeaderMap, header};
use host_rpc::gateway::Gateway;
use host_types::manifest::Method;
use host_types::{Address, ChannelName, Code, Receipt, Status};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Names of members that one call may mention; each is a look-up.
const NAMES_MAX: usize = 64;

/// Encodes the arguments of a call; texts where an address belongs are looked up among the members.
pub(crate) async fn encode(
    gateway: &dyn Gateway,
    channel: &ChannelName,
    (score, method): (&str, &Method),
    args: &Json,
) -> Result<Vec<u8>, CallError> {
    let mentioned = names_in(score, method, args);
    let mut known = BTreeMap::new();
    for name in mentioned.into_iter().take(NAMES_MAX) {
        if let Some(address) = member(gateway, channel, &name).await {
            known.insert(name, address);
        }
    }
    arguments::encode(score, method, args, &|name| known.get(name).copied())
}

/// Every name that stands where an address belongs.
fn names_in(score: &str, method: &Method, args: &Json) -> Vec<String> {
    if !method.args.iter().any(|field| field.kind.contains("address")) {
        return Vec::new();
    }
    let mentioned = RefCell::new(Vec::new());
    let note = |name: &str| {
        mentioned.borrow_mut().push(name.to_owned());
        Some(Address::default())
    };
    // Only the names are wanted; what else is wrong is told by the encoding that follows.
    arguments::encode(score, method, args, &note).ok();
    let mut names = mentioned.into_inner();
    names.sort_unstable();
    names.dedup();
    names
}

/// The address of the member of this name, when exactly one address is called so.
async fn member(gateway: &dyn Gateway, channel: &ChannelName, name: &str) -> Option<Address> {
    let members = gateway.members(channel, Some(name)).await.ok()?;
    let mut addresses: Vec<_> = members.iter().map(|member| member.address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    match addresses.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// The JSON of a body whose content type says that it is JSON.
pub(crate) fn json_body(
    headers: &HeaderMap,
    body: &[u8],
    duplicates: Duplicates,
) -> Result<Json, Problem> {
    if !is_json(headers) {
        return Err(Problem::new(Code::ContentType, "the body is not application/json"));
    }
    Ok(parse(body, duplicates)?)
}

/// The media type without parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = media_type(headers);
    let is_suffixed = kind.starts_with("application/") && kind.ends_with("+json");
    kind == "application/json" || is_suffixed
}

/// Why a call did not succeed, in words: the SCORE's own message where it gave one.
pub(crate) fn failure(receipt: &Receipt) -> String {
    let text = String::from_utf8_lossy(&receipt.output);
    if !text.is_empty() {
        return text.into_owned();
    }
    match receipt.status {
        Status::Refused => {
            u16::try_from(receipt.code).ok().and_then(Code::from_number).map_or_else(
                || format!("refused with code {}", receipt.code),
                |code| code.help().into(),
            )
        }
        status => format!("{} {}", status.word(), receipt.code),
    }
}
