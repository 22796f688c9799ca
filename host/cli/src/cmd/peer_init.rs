//! `peer init`, `radiostation init`: a home folder that `run` accepts, in two steps.
//!
//! First: keys and requests are made in the home, and `peer.toml` (`radiostation.toml`) with the
//! network's id and the fingerprints of its roots. Then the requests are carried to the
//! organisation's authority and its answer is put in place with `--certificates`: only roots whose
//! fingerprints the first step wrote down are believed, whatever the answer holds. `testnet init` does
//! both steps for many homes ([`ask`], [`take`]).

use super::ca::{full_name, text};
use super::up::{Needed, install_plugins};
use super::{Context, Done, cert};
use crate::args_pki::{NodeInit, PeerInit};
use crate::failure::Failure;
use crate::key_folder::{self, Asker};
use crate::network::{BASE_PORT_DEFAULT, make_folder, write_whole};
use crate::network_facts::NetworkDescription;
use crate::output::OK;
use crate::password;
use host_identity::invitation::NetworkFacts;
use host_identity::{Certificate, Role};
use host_node::config::{NetworkConfig, Overrides, PeerConfig, RadioStationConfig};
use host_types::fault::Code;
use host_types::ids::NodeName;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// REST listens so far above the peers' port.
pub(super) const REST_ABOVE: u16 = 1900;
/// Operations listen so far above the peers' port.
const OPS_ABOVE: u16 = 1950;

/// What runs from a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    /// A peer.
    Peer,
    /// A RadioStation.
    RadioStation,
}

impl Process {
    /// The word of its commands.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::RadioStation => "radiostation",
        }
    }

    const fn runs(self, role: Role) -> bool {
        match self {
            Self::Peer => role.is_node(),
            Self::RadioStation => matches!(role, Role::RadioStation),
        }
    }

    const fn default_role(self) -> Role {
        match self {
            Self::Peer => Role::Validator,
            Self::RadioStation => Role::RadioStation,
        }
    }

    /// Where it listens when nothing else is said.
    const fn listen(self) -> SocketAddr {
        let port = match self {
            Self::Peer => BASE_PORT_DEFAULT,
            Self::RadioStation => BASE_PORT_DEFAULT + 2,
        };
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
    }

    fn settings(self, home: &Path) -> PathBuf {
        home.join(format!("{}.toml", self.word()))
    }
}

/// `peer init`
pub(crate) fn peer(args: &PeerInit, context: &Context) -> Done {
    let done = init(Process::Peer, &args.node, context)?;
    let needed = Needed { rules: args.rules.clone(), scores: args.scores.clone() };
    if !needed.rules.is_empty() || !needed.scores.is_empty() {
        let progress = context.out.progress("building");
        let folder = args.node.home.join("plugins");
        install_plugins(&folder, &needed, &mut |line| progress.tell(line))?;
        progress.finish("rules and SCOREs put there");
    }
    Ok(done)
}

/// `radiostation init`
pub(crate) fn radiostation(args: &NodeInit, context: &Context) -> Done {
    init(Process::RadioStation, args, context)
}

fn init(process: Process, args: &NodeInit, context: &Context) -> Done {
    match &args.certificates {
        Some(file) => finish(process, args, file, context),
        None => begin(process, args, context),
    }
}

fn begin(process: Process, args: &NodeInit, context: &Context) -> Done {
    is_new(process, &args.home)?;
    let listen = args.listen.unwrap_or(process.listen());
    let (asker, facts) = asker(process, args, listen)?;
    runs(process, &asker, &facts)?;
    let password = password::new_keys(&args.secrecy)?;
    let home = Home { process, path: &args.home, listen };
    let path = ask(&home, &asker, &facts, text(password.as_ref()))?;
    cert::told(&asker, &path, password.is_some(), context);
    context.out.note(&format!(
        "  then: `loopchain {} init --home {} --certificates FILE` with what comes back",
        process.word(),
        args.home.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// A home that is to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Home<'a> {
    /// What will run from it.
    pub process: Process,
    /// The folder.
    pub path: &'a Path,
    /// Where it listens for peers.
    pub listen: SocketAddr,
}

fn is_new(process: Process, home: &Path) -> Result<(), Failure> {
    let settings = process.settings(home);
    if settings.exists() {
        let message = format!("{} exists already", settings.display());
        return Err(Failure::new(Code::ConfigBadValue, message)
            .with_help("put certificates in place with `--certificates FILE`"));
    }
    Ok(())
}

/// First step: keys, settings, requests. Where the requests are.
pub(super) fn ask(
    home: &Home<'_>,
    asker: &Asker,
    facts: &NetworkFacts,
    password: Option<&str>,
) -> Result<PathBuf, Failure> {
    let text_of_settings = settings_text(home, asker, facts)?;
    make_folder(home.path)?;
    let path = key_folder::request(&home.path.join("pki"), asker, password)?;
    write_whole(&home.process.settings(home.path), text_of_settings.as_bytes())?;
    Ok(path)
}

/// Whether it is somebody who may run such a process.
fn runs(process: Process, asker: &Asker, facts: &NetworkFacts) -> Result<(), Failure> {
    if !process.runs(asker.role) {
        return Err(runs_none(process, &asker.name, asker.role)
            .with_help("`loopchain cert request` makes the keys of a person"));
    }
    let own = facts.targets.iter().filter_map(|target| target.split_once('@'));
    let mut known = own.map(|(name, _)| name).chain([facts.radiostation.as_str()]);
    if process == Process::RadioStation && !known.any(|name| name == asker.name.as_str()) {
        let message = format!(
            "{} would be the RadioStation, and that of the network is `{}`",
            asker.name, facts.radiostation
        );
        return Err(Failure::new(Code::CertificateNameWrong, message)
            .with_help("peers look for the name that `ca network --radiostation` said, or `--target ORG/NAME@HOST:PORT`"));
    }
    Ok(())
}

fn runs_none(process: Process, name: &NodeName, role: Role) -> Failure {
    let message = format!("{name} is a {role}, which runs no {}", process.word());
    Failure::new(Code::CertificateRoleWrong, message)
}

/// Who it will be, in which network.
fn asker(
    process: Process,
    args: &NodeInit,
    listen: SocketAddr,
) -> Result<(Asker, NetworkFacts), Failure> {
    let described = args.network.as_deref().map(NetworkDescription::load).transpose()?;
    let described = described.map(|network| network.facts()).transpose()?;
    let hosts = vec![listen.ip().to_string()];
    let (asker, facts) = if let Some(line) = &args.join {
        let invitation = cert::invitation(line)?;
        let (name, role) = (invitation.name.clone(), invitation.role);
        let facts = described.or_else(|| invitation.network.clone());
        (Asker { name, role, hosts, invitation: Some(invitation) }, facts)
    } else {
        let (Some(org), Some(name)) = (&args.org, &args.name) else {
            return Err(Failure::new(Code::UsageWrong, "who is it to be?")
                .with_help("give `--join LINE`, or `--org`, `--name` and `--network`"));
        };
        let role = args.role.unwrap_or(process.default_role());
        (Asker { name: full_name(org, name)?, role, hosts, invitation: None }, described)
    };
    let facts = facts.ok_or_else(|| {
        Failure::new(Code::ConfigBadValue, "nothing says which network this is")
            .with_help("give `--network FILE`, which the organisation's `ca network` wrote")
    })?;
    let org = asker.name.organisation();
    let root = facts.organisations.iter().find(|(name, _)| name == org);
    let Some((_, root)) = root else {
        let message = format!("organisation {org} is not in the network");
        return Err(Failure::new(Code::CertificateUntrusted, message));
    };
    match &asker.invitation {
        Some(invitation) if invitation.root != *root => {
            let message =
                format!("the invitation is of another root than {org} has in the network");
            Err(Failure::new(Code::InvitationWrong, message))
        }
        _ => Ok((asker, facts)),
    }
}

fn settings_text(home: &Home<'_>, asker: &Asker, facts: &NetworkFacts) -> Result<String, Failure> {
    let listen = home.listen;
    let above = |by: u16| {
        let port = listen.port().checked_add(by).ok_or_else(|| {
            let message = format!("port {} leaves no room for REST {by} above it", listen.port());
            Failure::new(Code::ConfigBadValue, message)
        })?;
        Ok::<_, Failure>(SocketAddr::new(listen.ip(), port))
    };
    let (rest, ops) = (above(REST_ABOVE)?, above(OPS_ABOVE)?);
    let mut organisations = toml::Table::new();
    for (name, root) in &facts.organisations {
        organisations.insert(name.clone(), format!("SHA256:{root}").into());
    }
    let mut network = toml::Table::new();
    network.insert("id".to_owned(), facts.id.to_string().into());
    network.insert("radiostation".to_owned(), facts.radiostation.clone().into());
    network.insert("organisations".to_owned(), organisations.into());
    let mut table = toml::Table::new();
    table.insert("name".to_owned(), asker.name.short().into());
    table.insert("org".to_owned(), asker.name.organisation().into());
    table.insert("network".to_owned(), network.into());
    let mut section = |name: &str, key: &str, value: toml::Value| {
        let mut inner = toml::Table::new();
        inner.insert(key.to_owned(), value);
        table.insert(name.to_owned(), inner.into());
    };
    section("rpc", "listen", listen.to_string().into());
    section("rest", "listen", rest.to_string().into());
    section("ops", "listen", ops.to_string().into());
    if home.process == Process::Peer {
        section("radiostation", "targets", facts.targets.clone().into());
    }
    section("channels", "dir", "channels".into());
    let text =
        toml::to_string(&table).map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    Ok(format!("# Written by `loopchain {} init`.\n{text}", home.process.word()))
}

fn finish(process: Process, args: &NodeInit, file: &Path, context: &Context) -> Done {
    let password = password::keys_given(&args.secrecy)?;
    let signing = take(process, &args.home, file, text(password.as_ref()))?;
    let until = crate::time::rfc3339(signing.not_after.get());
    let (name, word) = (&signing.name, process.word());
    let document = json!({
        "schema": format!("loopchain.{word}-init.v1"), "name": name.as_str(),
        "role": signing.role.word(), "home": args.home, "not_after": until,
    });
    let lines = [
        format!("{OK} {name} ({}) is ready, certificates until {until}", signing.role),
        format!("  next: `loopchain {word} run --home {}`", args.home.display()),
    ];
    context.out.either(&document, lines);
    Ok(ExitCode::SUCCESS)
}

/// Who the settings of a home are of, and the network they name.
fn settings_of(process: Process, home: &Path) -> Result<(NodeName, NetworkConfig), Failure> {
    let none = Overrides::default();
    Ok(match process {
        Process::Peer => {
            let config = PeerConfig::load(home, &none)?;
            (config.node_name()?, config.network)
        }
        Process::RadioStation => {
            let config = RadioStationConfig::load(home, &none)?;
            (config.node_name()?, config.network)
        }
    })
}

/// Second step: what the authority sent back comes into its place. The signing certificate.
pub(super) fn take(
    process: Process,
    home: &Path,
    file: &Path,
    password: Option<&str>,
) -> Result<Certificate, Failure> {
    let (name, network) = settings_of(process, home)?;
    let known = network.roots()?;
    let received = key_folder::received(file)?;
    let signing = &received.certificates[0];
    if signing.name != name {
        let message = format!("{} is of {}, this home is of {name}", file.display(), signing.name);
        return Err(Failure::new(Code::CertificateNameWrong, message));
    }
    if !process.runs(signing.role) {
        return Err(runs_none(process, &name, signing.role));
    }
    let is_known = |fingerprint| known.iter().any(|(_, root)| *root == fingerprint);
    let trusted: Vec<_> =
        received.roots.iter().filter(|root| is_known(root.fingerprint())).cloned().collect();
    if let Some((organisation, root)) =
        known.iter().find(|(_, root)| trusted.iter().all(|one| one.fingerprint() != *root))
    {
        let message = format!("{} lacks the root of {organisation}, SHA256:{root}", file.display());
        return Err(Failure::new(Code::CertificateUntrusted, message)
            .with_help("the authority adds all roots once it has run `loopchain ca network`"));
    }
    key_folder::install(&home.join("pki"), &received, &trusted, password)?;
    make_folder(&home.join("channels"))?;
    Ok(signing.clone())
}
