//! `channel genesis`: what the channels of a network of several machines begin with.
//!
//! In: a channels.toml, `network.toml`, the certificates of members. Out: `NAME.genesis` for peers and
//! RadioStations, or, where one came from somebody else, whether it is exactly what the file says.
//! A channel gets the members of its own organisations and learns of no others. Deliberately not here:
//! the channels of a local network (`cmd/up/channels.rs`), weights and policies
//! (`host_node::config`).

use super::channel_check::{chosen, path_of};
use super::{Context, Done, up};
use crate::failure::Failure;
use crate::network::make_folder;
use crate::network_facts::NetworkDescription;
use crate::output::OK;
use crate::time::now_us;
use host_identity::bundle;
use host_identity::check::{self, Wanted};
use host_identity::{Certificate, KeyUse, Role, Root};
use host_node::config::{ChannelsFile, GenesisInputs, Planned};
use host_rules::RuleShelf;
use host_types::fault::Code;
use host_types::height::BlockTime;
use host_types::ids::{ChannelName, NetworkId};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

use crate::args_network::ChannelGenesis as Asked;

/// Where private copies of rules are made while they are asked; removed after.
const ASKED_RULES: &str = ".rules";

/// Runs it.
pub(crate) fn genesis(asked: &Asked, context: &Context) -> Done {
    let path = path_of(asked.file.as_deref(), context)?;
    let file = ChannelsFile::load(&path)?;
    let names = chosen(&file, context.global.channel.as_deref())?;
    let mut certificates = Vec::new();
    for member in &asked.members {
        certificates.push(signing_certificate(member)?);
    }
    let members = Members::new(&NetworkDescription::load(&asked.network)?, certificates)?;
    let (mut planned, mut is_known) = (Vec::new(), Vec::new());
    for name in names {
        let known = up::read_genesis(&asked.out.join(format!("{name}.genesis")))?;
        let created = known.as_ref().map_or_else(|| BlockTime::new(now_us()), |one| one.created);
        let one = members.plan(&file, name, created)?;
        if known.as_ref().is_some_and(|known| *known != one.genesis) {
            return Err(differs(&asked.out, name, &path));
        }
        is_known.push(known.is_some());
        planned.push(one);
    }
    make_folder(&asked.out)?;
    if let Some(plugins) = &asked.plugins {
        ask_rules(&file, &planned, plugins, &asked.out)?;
    }
    for (one, is_known) in planned.iter().zip(&is_known) {
        for warning in &one.warnings {
            context.out.note(&format!("warning: {warning}"));
        }
        if !is_known {
            up::store_genesis(&asked.out, &one.genesis)?;
        }
    }
    told(&planned, &is_known, &asked.out, context);
    Ok(ExitCode::SUCCESS)
}

fn told(planned: &[Planned], is_known: &[bool], out: &Path, context: &Context) {
    let told = planned.iter().zip(is_known);
    let documents: Vec<_> = told
        .clone()
        .map(|(one, is_known)| {
            json!({"channel": one.genesis.channel.as_str(), "was_there": is_known,
                   "genesis": one.genesis.hash().to_string(),
                   "validators": one.genesis.validators.all().len()})
        })
        .collect();
    let lines = told.map(|(one, is_known)| {
        let (name, hash) = (&one.genesis.channel, one.genesis.hash());
        let count = one.genesis.validators.all().len();
        let what = if *is_known { "is what the file says" } else { "made" };
        format!("{OK} channel {name} {what}: {count} validators, genesis {hash}")
    });
    let document =
        json!({"schema": "loopchain.channel-genesis.v1", "dir": out, "channels": documents});
    context.out.either(&document, lines.collect::<Vec<_>>());
}

fn differs(out: &Path, name: &ChannelName, file: &Path) -> Failure {
    let message = format!(
        "the genesis of {name} in {} is not what {} and these members make",
        out.display(),
        file.display()
    );
    Failure::new(Code::ConfigBadValue, message).with_help(
        "compare file and members with those who made it; a channel that runs keeps its genesis",
    )
}

/// The signing certificate of a file, whatever else is in it.
fn signing_certificate(path: &Path) -> Result<Certificate, Failure> {
    let blocks = bundle::load(path)?.into_iter().filter(|one| one.label == bundle::CERTIFICATE);
    let signing: Vec<_> = blocks
        .filter_map(|block| Certificate::parse(&block.der).ok())
        .filter(|certificate| certificate.signing_key().is_some())
        .collect();
    let [one] = signing.as_slice() else {
        let message = format!("{} holds not exactly one signing certificate", path.display());
        return Err(Failure::new(Code::CertificateMalformed, message)
            .with_help("give what `loopchain ca sign` wrote for this member"));
    };
    Ok(one.clone())
}

/// Asks the rules of a plugin folder whether they take the channels.
pub(super) fn ask_rules(
    file: &ChannelsFile,
    planned: &[Planned],
    plugins: &Path,
    scratch: &Path,
) -> Result<(), Failure> {
    let copies = scratch.join(ASKED_RULES);
    let shelf = RuleShelf::open(plugins, &copies)?;
    let asked = planned.iter().try_for_each(|one| file.check_rule(&one.genesis, &shelf));
    // They stay loaded; the files have done their work.
    std::fs::remove_dir_all(&copies).ok();
    Ok(asked?)
}

/// The members of a network, each with a certificate that holds.
#[derive(Debug)]
pub(super) struct Members {
    network: NetworkId,
    roots: Vec<Root>,
    certificates: Vec<Certificate>,
}

impl Members {
    /// Checks the certificates by the roots of the network.
    ///
    /// # Errors
    /// The first that is wrong, with the code of what is wrong.
    pub(super) fn new(
        network: &NetworkDescription,
        mut certificates: Vec<Certificate>,
    ) -> Result<Self, Failure> {
        let roots = network.roots()?;
        let wanted = Wanted { roots: &roots, key_use: Some(KeyUse::Signing), ..Wanted::default() };
        for certificate in &certificates {
            let found = check::check(&certificate.der, &wanted, BlockTime::new(now_us()));
            if let Some(first) = found.into_iter().next() {
                let message = format!("{}: {}", certificate.name, first.message);
                return Err(Failure::new(first.code, message));
            }
        }
        // In whatever order the files are named, everybody makes the same.
        certificates.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some([twice, _]) = certificates.array_windows().find(|[a, b]| a.name == b.name) {
            let message = format!("two certificates are of {}", twice.name);
            return Err(Failure::new(Code::CertificateNameWrong, message));
        }
        Ok(Self { network: network.facts()?.id, roots, certificates })
    }

    /// The genesis of one channel: with the members of its organisations, and no others.
    ///
    /// # Errors
    /// `LC4104` for an organisation that the network does not have with this root, and what is wrong
    /// in the file.
    pub(super) fn plan(
        &self,
        file: &ChannelsFile,
        channel: &ChannelName,
        created: BlockTime,
    ) -> Result<Planned, Failure> {
        let all: Vec<_> = self
            .roots
            .iter()
            .map(|one| (one.organisation().to_owned(), one.fingerprint()))
            .collect();
        let named = file.named_roots(channel)?;
        if let Some((organisation, root)) = named.iter().find(|one| !all.contains(one)) {
            let message = format!("the network has no {organisation} with root SHA256:{root}");
            return Err(Failure::new(Code::CertificateUntrusted, message)
                .with_help("its organisations and roots stand in network.toml"));
        }
        let takes_part = |organisation: &str| {
            named.is_empty() || named.iter().any(|(name, _)| name == organisation)
        };
        let roots = self.roots.iter().filter(|root| takes_part(root.organisation()));
        let mut certificates: Vec<_> = roots.map(|root| root.der().to_vec()).collect();
        let mut validators = Vec::new();
        for one in self.certificates.iter().filter(|one| takes_part(one.organisation())) {
            if !one.covers(channel) {
                continue;
            }
            certificates.push(one.der.clone());
            if let Some(key) = one.signing_key().filter(|_| one.role == Role::Validator) {
                validators.push((one.name.clone(), *key));
            }
        }
        let inputs =
            GenesisInputs { network: self.network, created, roots: all, certificates, validators };
        let mut planned = file.genesis(channel, &inputs)?;
        if planned.genesis.rule.sha256.is_empty() {
            planned.warnings.push(format!(
                "channel {channel}: any build of rule {} is accepted; name yours with `rule_sha256`",
                planned.genesis.rule.id
            ));
        }
        Ok(planned)
    }
}
