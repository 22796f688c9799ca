//! `query SCORE.METHOD key=value …`: reads a SCORE at the last final block.

use super::{Context, Done, call};
use crate::args::Query;
use crate::client::Client;
use crate::failure::Failure;
use crate::identity::AddressBook;
use crate::profile;
use host_types::fault::Code;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs it.
pub(crate) async fn query(query: Query, context: &Context) -> Done {
    let Some((score, method)) = query.target.split_once('.') else {
        let message = format!("`{}` is not SCORE.METHOD", query.target);
        return Err(Failure::new(Code::UsageWrong, message)
            .with_help("for instance: loopchain query token.balance_of who=bob"));
    };
    let given = call::given(&query.arguments, query.params.as_deref())?;
    let target = profile::target(&context.global, &context.data)?;
    let client = Client::reading(&target, context)?;
    let given = with_addresses(given, (score, method), &client, context).await?;
    let body = client.query(score, &json!({"method": method, "args": given})).await?;
    let result = body.get("result").cloned().unwrap_or(Value::Null);
    context.out.either(&body, [result.to_string()]);
    Ok(ExitCode::SUCCESS)
}

/// Replaces names of the key folder where an address belongs; the peer looks the other names up.
async fn with_addresses(
    mut given: Value,
    (score, method): (&str, &str),
    client: &Client,
    context: &Context,
) -> Result<Value, Failure> {
    let book = AddressBook::of(&context.data);
    let known = |value: &Value| value.as_str().and_then(|name| book.address(name));
    let Value::Object(fields) = &mut given else { return Ok(given) };
    if !fields.values().any(|value| known(value).is_some()) {
        return Ok(given);
    }
    let (_, _, manifest) = client.score(score).await?;
    let method = manifest.as_ref().and_then(|manifest| manifest.method(method, "query"));
    for field in method.into_iter().flat_map(|method| &method.args) {
        let is_address = field.kind.trim_end_matches('?') == "address";
        if let Some(value) = fields.get_mut(&field.name)
            && is_address
            && let Some(address) = known(value)
        {
            *value = Value::String(address.to_string());
        }
    }
    Ok(given)
}
