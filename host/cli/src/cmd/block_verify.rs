//! `block verify latest|HEIGHT|HASH [--proof FILE] [--genesis FILE] [--out FILE]`.
//!
//! In: a proof, from the peer of the profile or from a file; the channel's genesis from the network's
//! data folder or a file; the rule's `.so` from the data folder. Out: what was proved. The peer is
//! not trusted, and with `--proof` it is not asked. Deliberately not here: the check itself
//! (`host_client::block_proof`), the form of a proof (`host_web::block_proof`).

use super::{Context, Done, up};
use crate::args::BlockVerify;
use crate::client::Client;
use crate::failure::Failure;
use crate::network::write_whole;
use crate::output::OK;
use crate::profile;
use host_client::block_proof::{Proven, verify as verify_proof};
use host_rpc::gateway::ProofView;
use host_rules::RuleShelf;
use host_types::fault::Code;
use host_types::genesis::{ChannelGenesis, RuleConfig};
use host_types::limits::{CERTIFICATE_BYTES_MAX, GENESIS_CERTIFICATES_MAX};
use host_types::{BlockId, ChannelName, Decode};
use host_web::block_proof::{DOCUMENT_BYTES_MAX, read as read_proof};
use plugin_api_loader::LoadedRule;
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

/// Largest file of a genesis that is read, bytes: its certificates, and 1 MiB for the rest.
const GENESIS_BYTES_MAX: usize = GENESIS_CERTIFICATES_MAX * CERTIFICATE_BYTES_MAX + 1024 * 1024;

/// Which block the proof must be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Any,
    Height(u64),
    Id(BlockId),
}

impl Asked {
    fn parse(text: &str) -> Result<Self, Failure> {
        if text == "latest" {
            return Ok(Self::Any);
        }
        let height = text.parse().ok().map(Self::Height);
        height.or_else(|| BlockId::from_hex(text).map(Self::Id)).ok_or_else(|| {
            let message = format!("`{text}` is no height and no hash of 64 hex digits");
            Failure::new(Code::UsageWrong, message)
                .with_help("loopchain block verify latest, or a height, or a hash")
        })
    }

    /// A peer could answer with the proof of another block.
    fn check(self, view: &ProofView) -> Result<(), Failure> {
        let (height, id) = (view.header.height.get(), view.header.id());
        let fits = match self {
            Self::Any => true,
            Self::Height(wanted) => wanted == height,
            Self::Id(wanted) => wanted == id,
        };
        if fits {
            return Ok(());
        }
        let message =
            format!("the proof is of block {height} ({id}), which is not the one asked for");
        Err(Failure::new(Code::ProofWrong, message))
    }
}

/// Runs it.
pub(crate) async fn verify(args: &BlockVerify, context: &Context) -> Done {
    let text = match &args.proof {
        Some(file) => read_file(file, DOCUMENT_BYTES_MAX, Code::ProofWrong)?,
        None => ask(args.block.as_deref().unwrap_or("latest"), context).await?,
    };
    let asked = match (&args.block, &args.proof) {
        (Some(block), Some(_)) if block == "latest" => {
            let message = "nobody is asked with `--proof`: which block is the latest is not known";
            return Err(Failure::new(Code::UsageWrong, message)
                .with_help("name a height or a hash, or nothing"));
        }
        (Some(block), _) => Asked::parse(block)?,
        (None, _) => Asked::Any,
    };
    let view = read_proof(&text)?;
    asked.check(&view)?;
    let genesis = genesis(args, &view.channel, context)?;
    let rules = rules(&genesis.rule, context)?;
    let proven = verify_proof(&view, &genesis, &|wanted| rules.find(wanted))?;
    let loaded = rules.find(&view.rule)?;
    if let Some(file) = &args.out {
        write_whole(file, &text)?;
    }
    let shown = Shown { view: &view, proven: &proven, loaded: &loaded, out: args.out.as_deref() };
    context.out.either(&shown.json(), shown.lines());
    Ok(ExitCode::SUCCESS)
}

async fn ask(block: &str, context: &Context) -> Result<Vec<u8>, Failure> {
    Asked::parse(block)?;
    let target = profile::target(&context.global, &context.data)?;
    let client = Client::reading(&target, context)?;
    let body = client.block_proof(block).await?;
    if body.get("channel").and_then(Value::as_str) != Some(target.channel.as_str()) {
        let message = format!("the peer's proof is not of channel {}", target.channel);
        return Err(Failure::new(Code::ProofWrong, message));
    }
    Ok(format!("{body}\n").into_bytes())
}

/// Reads a file that somebody else may have made, and no more of it than makes sense.
pub(super) fn read_file(path: &Path, most: usize, too_large: Code) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > most {
        let message = format!("{} has more than {most} bytes", path.display());
        return Err(Failure::new(too_large, message));
    }
    Ok(bytes)
}

/// The genesis that is trusted: the one named, else the one of the network in the data folder.
fn genesis(
    args: &BlockVerify,
    channel: &ChannelName,
    context: &Context,
) -> Result<ChannelGenesis, Failure> {
    if let Some(wanted) = context.global.channel.as_ref().filter(|name| *name != channel.as_str()) {
        let message = format!("the proof is of channel {channel}, not {wanted}");
        return Err(Failure::new(Code::ProofWrong, message));
    }
    let Some(file) = &args.genesis else {
        return up::genesis(&context.data, channel)?.ok_or_else(|| {
            let folder = context.data.path().display();
            let message = format!("there is no genesis of channel {channel} in {folder}");
            Failure::new(Code::ConfigUnreadable, message)
                .with_help("`--data DIR` names the network's folder, `--genesis FILE` the file")
        });
    };
    let bytes = read_file(file, GENESIS_BYTES_MAX, Code::ConfigUnreadable)?;
    ChannelGenesis::from_bytes(&bytes).map_err(|error| {
        let message = format!("{} is no genesis of a channel: {error}", file.display());
        Failure::new(Code::ConfigUnreadable, message)
            .with_help("it is the file DATA/channels/NAME.genesis of any member of the network")
    })
}

/// Where the rules of the channel are found, loaded as a node does.
fn rules(first: &RuleConfig, context: &Context) -> Result<RuleShelf, Failure> {
    let (folder, id) = (context.data.join("plugins"), &first.id);
    // Otherwise a check without a network would leave an empty data folder behind.
    if !folder.is_dir() {
        let message = format!("there is no folder {} with rule `{id}`", folder.display());
        return Err(Failure::new(Code::RuleRefused, message)
            .with_help("put the rule's .so into DIR/plugins and say `--data DIR`"));
    }
    up::rules(&context.data)
}

/// What people and programs see of it.
struct Shown<'a> {
    view: &'a ProofView,
    proven: &'a Proven,
    loaded: &'a LoadedRule,
    out: Option<&'a Path>,
}

impl Shown<'_> {
    fn json(&self) -> Value {
        let header = &self.view.header;
        let signers = self.view.signers.iter();
        let signers =
            signers.map(|(name, weight)| json!({"name": name.as_str(), "weight": weight}));
        json!({
            "schema": "loopchain.block-verify.v1",
            "channel": self.view.channel.as_str(),
            "genesis": header.genesis.to_string(),
            "epoch": header.epoch.get(),
            "height": header.height.get(),
            "hash": header.id().to_string(),
            "state_root": self.view.roots.state.to_string(),
            "receipts_root": self.view.roots.receipts.to_string(),
            "descendants": self.view.proof.descendants.len(),
            "rule": self.loaded.id(),
            "rule_version": self.loaded.version(),
            "rule_sha256": self.loaded.sha256_hex(),
            "quorum": self.proven.quorum,
            "total_weight": self.proven.total,
            "signers": signers.collect::<Vec<_>>(),
            "out": self.out.map(|path| path.display().to_string()),
        })
    }

    fn lines(&self) -> Vec<String> {
        let (header, proven) = (&self.view.header, self.proven);
        let line = |name: &str, value: String| format!("  {name:<13} {value}");
        let mut lines = vec![
            format!("{OK} block {} of {} is final", header.height, self.view.channel),
            line("hash", header.id().to_string()),
            line("state root", self.view.roots.state.to_string()),
            line("receipts root", self.view.roots.receipts.to_string()),
            line("genesis", header.genesis.to_string()),
            line("epoch", header.epoch.to_string()),
            line("rule", format!("{} version {}", self.loaded.id(), self.loaded.version())),
            line("quorum", format!("{} of {}", proven.quorum, proven.total)),
            line("signed", format!("weight {}", proven.weight)),
        ];
        for (name, weight) in &self.view.signers {
            lines.push(line("", format!("{name} weight {weight}")));
        }
        if let Some(last) = self.view.proof.descendants.last() {
            let (height, count) = (last.height, self.view.proof.descendants.len());
            lines.push(line("by", format!("the proof of block {height}, {count} headers above")));
        }
        lines.extend(self.out.map(|path| line("saved", path.display().to_string())));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_asked_for_by_latest_height_or_hash() {
        let id = BlockId::from_hex(&"12".repeat(32)).unwrap();
        for (text, asked) in [
            ("latest", Asked::Any),
            ("12", Asked::Height(12)),
            ("12".repeat(32).as_str(), Asked::Id(id)),
        ] {
            assert_eq!(Asked::parse(text).unwrap(), asked);
        }
        for text in ["", "-1", "last", "0x12", "12 "] {
            assert_eq!(Asked::parse(text).unwrap_err().code(), Code::UsageWrong, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proof.json");
        std::fs::write(&path, [b' '; 11]).unwrap();
        assert_eq!(read_file(&path, 11, Code::ProofWrong).unwrap().len(), 11);
        let refused = read_file(&path, 10, Code::ProofWrong).unwrap_err();
        assert_eq!((refused.code(), refused.exit()), (Code::ProofWrong, 7));
    }
}
