//! `ca`: an organisation's own authority. Nothing here needs a network; the root key stays where it
//! is.

use super::{Context, Done, ca_sign};
use crate::args_pki::{CaCommand, CaImport, CaInvite, CaNetwork, CaPlace};
use crate::ca_folder::{CaFolder, Issued, save_crl};
use crate::failure::Failure;
use crate::network_facts::{NetworkDescription, load_root};
use crate::output::{OK, table};
use crate::password;
use crate::time::{now_us, rfc3339};
use host_identity::authority::ROOT_DAYS;
use host_identity::{Authority, Crl, Invitation, Root, Validity, keyfile};
use host_types::fault::Code;
use host_types::height::BlockTime;
use host_types::ids::{ChannelName, NodeName};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn ca(command: &CaCommand, context: &Context) -> Done {
    match command {
        CaCommand::Init { org, place, no_password } => init(org, place, *no_password, context),
        CaCommand::Import(args) => import(args, context),
        CaCommand::Network(args) => network(args, context),
        CaCommand::Invite(args) => invite(args, context),
        CaCommand::Sign(args) => ca_sign::sign(args, context),
        CaCommand::Revoke { what, place } => revoke(what, place, context),
        CaCommand::Crl { place, out } => crl(place, out.as_deref(), context),
        CaCommand::List { dir } => list(dir, context),
    }
}

/// The password as `&str` for calls below.
pub(super) fn text(password: Option<&host_identity::password::Password>) -> Option<&str> {
    password.map(|password| password.as_str())
}

fn init(org: &str, place: &CaPlace, is_plain: bool, context: &Context) -> Done {
    // Organisations are named like channels.
    if ChannelName::new(org).is_none() {
        let message = format!("`{org}` is no name of an organisation");
        return Err(Failure::new(Code::ConfigBadValue, message)
            .with_help("write 1 to 64 of a-z, 0-9, `-` and `_`, a letter first"));
    }
    let password = password::new_root(place, is_plain)?;
    let authority = Authority::new(org, Validity::days_from_now(ROOT_DAYS))?;
    CaFolder::create(&place.dir, &authority, text(password.as_ref()))?;
    told_root(authority.root(), &place.dir, password.is_some(), context);
    Ok(ExitCode::SUCCESS)
}

fn import(args: &CaImport, context: &Context) -> Done {
    let place = &args.place;
    let now = args.key_password_file.as_deref().map(host_identity::password::read).transpose()?;
    let key = keyfile::load_pkcs8(&args.key, text(now.as_ref()))?;
    let authority = Authority::import(&keyfile::load_certificate(&args.root)?, &key)?;
    if authority.root().is_dev() || ChannelName::new(authority.root().organisation()).is_none() {
        let message = format!(
            "the root is of `{}`, which is no name of an organisation",
            authority.root().organisation()
        );
        return Err(Failure::new(Code::CertificateNameWrong, message)
            .with_help("the organisation (O) in its subject must be a name as channels have"));
    }
    let password = password::new_root(place, args.no_password)?;
    CaFolder::create(&place.dir, &authority, text(password.as_ref()))?;
    told_root(authority.root(), &place.dir, password.is_some(), context);
    Ok(ExitCode::SUCCESS)
}

fn told_root(root: &Root, dir: &Path, is_encrypted: bool, context: &Context) {
    let (organisation, fingerprint) = (root.organisation(), root.fingerprint());
    let how = if is_encrypted { "encrypted" } else { "NOT encrypted" };
    let not_after = rfc3339(root.not_after().get());
    context.out.either(
        &json!({
            "schema": "loopchain.ca-root.v1", "organisation": organisation,
            "fingerprint": format!("SHA256:{fingerprint}"), "not_after": not_after,
            "encrypted": is_encrypted, "dir": dir,
        }),
        [
            format!(
                "{OK} root CA {organisation} (ECDSA P-256), valid until {not_after}, key {how} in {}",
                dir.join("root.key").display()
            ),
            format!("  fingerprint  SHA256:{fingerprint}    read it to the others over a second channel"),
        ],
    );
}

fn network(args: &CaNetwork, context: &Context) -> Done {
    let ca = CaFolder::open(&args.dir)?;
    let own = ca.root()?;
    let path = ca.join("network.toml");
    let described = match (&args.import, &args.name) {
        (Some(file), _) => NetworkDescription::load(file)?,
        (None, Some(name)) => describe(name, args, &own)?,
        (None, None) => ca.network()?.ok_or_else(|| {
            Failure::new(Code::UsageWrong, "no network is known here")
                .with_help("describe one with `--name`, or take one over with `--import FILE`")
        })?,
    };
    let facts = described.facts()?;
    if !facts.organisations.iter().any(|(_, root)| *root == own.fingerprint()) {
        let message = format!("the network does not have the root of {}", own.organisation());
        return Err(Failure::new(Code::CertificateUntrusted, message)
            .with_help("ask who described it to add your root with `--root`"));
    }
    described.save(&path)?;
    let organisations: serde_json::Map<_, _> = facts
        .organisations
        .iter()
        .map(|(name, root)| (name.clone(), json!(format!("SHA256:{root}"))))
        .collect();
    let mut lines =
        vec![format!("{OK} network {} ({}) in {}", described.name, facts.id, path.display())];
    lines.extend(
        facts.organisations.iter().map(|(name, root)| format!("  {name:<16} SHA256:{root}")),
    );
    let document = json!({
        "schema": "loopchain.ca-network.v1", "name": described.name, "id": facts.id.to_string(),
        "organisations": organisations, "radiostation": facts.radiostation,
        "targets": facts.targets, "file": path,
    });
    context.out.either(&document, lines);
    Ok(ExitCode::SUCCESS)
}

fn describe(name: &str, args: &CaNetwork, own: &Root) -> Result<NetworkDescription, Failure> {
    let mut roots = vec![own.clone()];
    for file in &args.root {
        roots.push(load_root(file)?);
    }
    let mut described = NetworkDescription::new(name, now_us(), &roots)?;
    described.radiostation = args.radiostation.clone().unwrap_or_default();
    if !described.radiostation.is_empty() && NodeName::new(&described.radiostation).is_none() {
        let message = format!("`{}` is not ORG/NAME", described.radiostation);
        return Err(Failure::new(Code::ConfigBadValue, message));
    }
    described.targets.clone_from(&args.target);
    described.check_targets()?;
    Ok(described)
}

fn invite(args: &CaInvite, context: &Context) -> Done {
    let ca = CaFolder::open(&args.dir)?;
    let root = ca.root()?;
    let name = full_name(root.organisation(), &args.name)?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|error| Failure::new(Code::Internal, format!("no random bytes: {error}")))?;
    let span = u64::try_from(args.expires.as_micros()).unwrap_or(u64::MAX);
    let invitation = Invitation {
        root: root.fingerprint(),
        name,
        role: args.role,
        expires: BlockTime::new(now_us().saturating_add(span)),
        secret,
        network: ca.network()?.map(|network| network.facts()).transpose()?,
    };
    let channels = ca_sign::scope_words(&args.channels, context);
    ca_sign::scope(&channels)?;
    ca.invite(&invitation, &channels)?;
    let line = invitation.to_line();
    let until = rfc3339(invitation.expires.get());
    context.out.note(&format!(
        "{} as {}, once, until {until}. Send it over a way that only the newcomer reads:",
        invitation.name, invitation.role
    ));
    let document = json!({
        "schema": "loopchain.invitation.v1", "name": invitation.name.as_str(),
        "role": invitation.role.word(), "expires": until, "line": line.as_str(),
        "knows_network": invitation.network.is_some(),
    });
    context.out.either(&document, [line.to_string()]);
    Ok(ExitCode::SUCCESS)
}

/// `ORG/NAME` of a name inside an organisation, which may be written in full.
pub(super) fn full_name(org: &str, name: &str) -> Result<NodeName, Failure> {
    let full = if name.contains('/') { name.to_owned() } else { format!("{org}/{name}") };
    NodeName::new(&full).filter(|full| full.organisation() == org).ok_or_else(|| {
        Failure::new(Code::CertificateNameWrong, format!("`{name}` is no name inside {org}"))
            .with_help("write 1 to 64 of a-z, 0-9, `-` and `_`, a letter first")
    })
}

fn revoke(what: &str, place: &CaPlace, context: &Context) -> Done {
    let mut ca = CaFolder::open(&place.dir)?;
    let authority = ca.authority(text(password::root_given(place)?.as_ref()))?;
    let count = ca.revoke(what)?;
    let crl = ca.next_crl(&authority)?;
    context.out.note(&format!("{OK} {count} certificates of {what} revoked"));
    told_crl(&crl, &ca.join("crl.pem"), count, context);
    Ok(ExitCode::SUCCESS)
}

fn crl(place: &CaPlace, out: Option<&Path>, context: &Context) -> Done {
    let mut ca = CaFolder::open(&place.dir)?;
    let authority = ca.authority(text(password::root_given(place)?.as_ref()))?;
    let crl = ca.next_crl(&authority)?;
    if let Some(out) = out {
        save_crl(out, &crl)?;
    }
    told_crl(&crl, &ca.join("crl.pem"), 0, context);
    Ok(ExitCode::SUCCESS)
}

fn told_crl(crl: &Crl, path: &Path, fresh: usize, context: &Context) {
    let serials: Vec<_> = crl.serials.iter().map(ToString::to_string).collect();
    let line = format!(
        "{OK} list {} with {} certificates in {}",
        crl.number,
        serials.len(),
        path.display()
    );
    let document = json!({
        "schema": "loopchain.crl.v1", "number": crl.number, "revoked_now": fresh,
        "serials": serials, "file": path,
    });
    context.out.either(&document, [line]);
}

fn state(one: &Issued, now: u64) -> &'static str {
    match one.revoked_us {
        Some(_) => "revoked",
        None if one.not_after_us < now => "expired",
        None => "valid",
    }
}

fn list(dir: &Path, context: &Context) -> Done {
    let ca = CaFolder::open(dir)?;
    let now = now_us();
    let issued = &ca.index.issued;
    let rows = issued.iter().map(|one| {
        vec![
            one.name.clone(),
            one.role.clone(),
            one.key_use.clone(),
            one.serial.clone(),
            rfc3339(one.not_after_us),
            state(one, now).to_owned(),
        ]
    });
    let documents: Vec<_> = issued
        .iter()
        .map(|one| {
            json!({
                "name": one.name, "role": one.role, "use": one.key_use, "serial": one.serial,
                "not_after": rfc3339(one.not_after_us), "state": state(one, now),
                "revoked": one.revoked_us.map(rfc3339),
            })
        })
        .collect();
    let document = json!({
        "schema": "loopchain.ca-list.v1", "organisation": ca.root()?.organisation(),
        "crl_number": ca.index.crl_number, "certificates": documents,
    });
    let head = ["NAME", "ROLE", "USE", "SERIAL", "NOT AFTER", "STATE"];
    context.out.either(&document, table(&head, rows.collect()));
    Ok(ExitCode::SUCCESS)
}
