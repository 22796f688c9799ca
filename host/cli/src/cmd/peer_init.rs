//! `peer init`: a home folder that `peer run` accepts, in two steps.
//!
//! First: keys and requests are made in the home, and `peer.toml` with the network's id and the
//! fingerprints of its roots. Then the requests are carried to the organisation's authority and
//! its answer is put in place with `--certificates`: only roots whose fingerprints the first step
//! wrote down are believed, whatever the answer holds.

use super::ca::{full_name, text};
use super::{Context, Done, cert};
use crate::args_pki::PeerInit;
use crate::failure::Failure;
use crate::key_folder::{self, Asker};
use crate::network::{make_folder, write_whole};
use crate::network_facts::NetworkDescription;
use crate::output::OK;
use crate::password;
use host_identity::Role;
use host_identity::invitation::NetworkFacts;
use host_node::config::{Overrides, PeerConfig};
use host_types::fault::Code;
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

/// REST listens so far above the peers' port, operations so far.
const ABOVE: [u16; 2] = [1900, 1950];

/// Runs it.
pub(crate) fn init(args: &PeerInit, context: &Context) -> Done {
    match &args.certificates {
        Some(file) => finish(args, file, context),
        None => begin(args, context),
    }
}

fn begin(args: &PeerInit, context: &Context) -> Done {
    let settings = args.home.join("peer.toml");
    if settings.exists() {
        let message = format!("{} exists already", settings.display());
        return Err(Failure::new(Code::ConfigBadValue, message)
            .with_help("put certificates in place with `--certificates FILE`"));
    }
    let (asker, facts) = asker(args)?;
    if !asker.role.is_node() {
        let message = format!("{} would be a {}, which runs no peer", asker.name, asker.role);
        return Err(Failure::new(Code::CertificateRoleWrong, message)
            .with_help("`loopchain cert request` makes the keys of a person"));
    }
    let text_of_settings = settings_text(&asker, &facts, args.listen)?;
    let password = password::new_keys(&args.secrecy)?;
    make_folder(&args.home)?;
    let pki = args.home.join("pki");
    let path = key_folder::request(&pki, &asker, text(password.as_ref()))?;
    write_whole(&settings, text_of_settings.as_bytes())?;
    cert::told(&asker, &path, password.is_some(), context);
    context.out.note(&format!(
        "  then: `loopchain peer init --home {} --certificates FILE` with what comes back",
        args.home.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Who it will be, in which network.
fn asker(args: &PeerInit) -> Result<(Asker, NetworkFacts), Failure> {
    let described = args.network.as_deref().map(NetworkDescription::load).transpose()?;
    let described = described.map(|network| network.facts()).transpose()?;
    let hosts = vec![args.listen.ip().to_string()];
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
        let role = args.role.unwrap_or(Role::Validator);
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

fn settings_text(
    asker: &Asker,
    facts: &NetworkFacts,
    listen: SocketAddr,
) -> Result<String, Failure> {
    let above = |by: u16| {
        let port = listen.port().checked_add(by).ok_or_else(|| {
            let message = format!("port {} leaves no room for REST {by} above it", listen.port());
            Failure::new(Code::ConfigBadValue, message)
        })?;
        Ok::<_, Failure>(SocketAddr::new(listen.ip(), port))
    };
    let (rest, ops) = (above(ABOVE[0])?, above(ABOVE[1])?);
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
    section("radiostation", "targets", facts.targets.clone().into());
    section("channels", "dir", "channels".into());
    let text =
        toml::to_string(&table).map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    Ok(format!("# Written by `loopchain peer init`.\n{text}"))
}

fn finish(args: &PeerInit, file: &Path, context: &Context) -> Done {
    let config = PeerConfig::load(&args.home, &Overrides::default())?;
    let name = config.node_name()?;
    let known = config.network.roots()?;
    let received = key_folder::received(file)?;
    let signing = &received.certificates[0];
    if signing.name != name {
        let message = format!("{} is of {}, this home is of {name}", file.display(), signing.name);
        return Err(Failure::new(Code::CertificateNameWrong, message));
    }
    if !signing.role.is_node() {
        let message = format!("{name} is a {}, which runs no peer", signing.role);
        return Err(Failure::new(Code::CertificateRoleWrong, message));
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
    let password = password::keys_given(&args.secrecy)?;
    key_folder::install(&args.home.join("pki"), &received, &trusted, text(password.as_ref()))?;
    make_folder(&args.home.join("channels"))?;
    let until = crate::time::rfc3339(signing.not_after.get());
    let document = json!({
        "schema": "loopchain.peer-init.v1", "name": name.as_str(), "role": signing.role.word(),
        "home": args.home, "not_after": until,
    });
    let lines = [
        format!("{OK} {name} ({}) is ready, certificates until {until}", signing.role),
        format!("  next: `loopchain peer run --home {}`", args.home.display()),
    ];
    context.out.either(&document, lines);
    Ok(ExitCode::SUCCESS)
}
