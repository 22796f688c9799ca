//! `cert revoke`: an organisation's revocation list, to a channel.
//!
//! In: a list as `ca revoke` or `ca crl` wrote it. Out: a `revoke` change that is proposed; with the
//! keys of a local network, approved and in force.

use super::configure;
use super::score_life::signers;
use super::voting::{Seen, vote_in};
use super::{Context, Done};
use crate::failure::Failure;
use crate::output::OK;
use host_identity::{Action, bundle};
use host_types::change::Change;
use host_types::fault::Code;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Runs it.
pub(super) async fn revoke(file: &Path, is_proposal: bool, context: &Context) -> Done {
    let (client, identity) = configure::client(context)?;
    let blocks = bundle::load(file)?;
    let list = blocks.into_iter().find(|block| block.label == bundle::CRL).ok_or_else(|| {
        Failure::new(Code::CrlRefused, format!("{} holds no revocation list", file.display()))
    })?;
    let change = Change::Revoke { crl: list.der };
    let seen = Seen::ask(&client).await?;
    let signers = signers(is_proposal, identity.as_deref(), (&seen, Action::Configure), context)?;
    let (_, channel) = client.channel().await?;
    let id = change.id();
    let is_done = vote_in(&client, &channel, &seen, change, &signers).await?;
    let line = if is_done {
        format!("{OK} {} has taken the list", client.channel_name())
    } else {
        let short = id.to_string().get(..12).unwrap_or_default().to_owned();
        format!(
            "{OK} change {id} is proposed; approve it with `loopchain channel vote {short} --approve`"
        )
    };
    let document = json!({
        "schema": "loopchain.cert-revoke.v1", "channel": client.channel_name().as_str(),
        "change": id.to_string(), "status": if is_done { "done" } else { "open" },
    });
    context.out.either(&document, [line]);
    Ok(ExitCode::SUCCESS)
}
