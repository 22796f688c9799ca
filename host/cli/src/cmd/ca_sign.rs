//! `ca sign`: from requests to certificates.
//!
//! Who asks is in the requests, and each proves that it has the private key. Which role it gets is
//! said by the operator, or was said when it was invited. Nothing is signed for a name that the
//! requests do not agree on.

use super::{Context, Done, ca::text};
use crate::args_pki::CaSign;
use crate::ca_folder::CaFolder;
use crate::failure::Failure;
use crate::output::OK;
use crate::password;
use crate::time::rfc3339;
use host_identity::bundle::{self, Block};
use host_identity::{Authority, Certificate, KeyUse, Request, Role, Validity, keyfile};
use host_types::fault::Code;
use host_types::ids::ChannelName;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Days a certificate may be asked for: ten years, as long as a root.
const DAYS_MAX: u32 = host_identity::authority::ROOT_DAYS;

/// What a file asks for.
struct Asked {
    requests: Vec<Request>,
    proof: Option<Vec<u8>>,
}

/// Runs it.
pub(super) fn sign(args: &CaSign, context: &Context) -> Done {
    if !(1..=DAYS_MAX).contains(&args.days) {
        let message = format!("{} days: a certificate lives 1 to {DAYS_MAX}", args.days);
        return Err(Failure::new(Code::ConfigBadValue, message));
    }
    let asked = read(&args.request)?;
    let mut ca = CaFolder::open(&args.place.dir)?;
    let (role, channels) = granted(&ca, &asked, args, context)?;
    let scope = scope(&channels)?;
    let authority = ca.authority(text(password::root_given(&args.place)?.as_ref()))?;
    let out = args.out.clone().unwrap_or_else(|| args.request.with_extension("bundle.pem"));
    let granted = Granted { role, scope, days: args.days };
    let issued = issue((&mut ca, &authority), &asked, &granted, &out)?;
    if asked.proof.is_some() {
        ca.close_invitations(&asked.requests[0].name)?;
    }
    told(&issued, &out, context);
    Ok(ExitCode::SUCCESS)
}

/// What somebody gets who asks.
pub(super) struct Granted {
    /// In this role.
    pub role: Role,
    /// For these channels; none for all.
    pub scope: Option<BTreeSet<ChannelName>>,
    /// For so many days.
    pub days: u32,
}

/// Issues what a file of requests asks for, and writes what is sent back.
pub(super) fn issue_file(
    ca: (&mut CaFolder, &Authority),
    requests: &Path,
    granted: &Granted,
) -> Result<PathBuf, Failure> {
    let out = requests.with_extension("bundle.pem");
    issue(ca, &read(requests)?, granted, &out)?;
    Ok(out)
}

fn issue(
    (ca, authority): (&mut CaFolder, &Authority),
    asked: &Asked,
    granted: &Granted,
    out: &Path,
) -> Result<Vec<Certificate>, Failure> {
    let validity = Validity::days_from_now(granted.days);
    let mut issued = Vec::new();
    for request in &asked.requests {
        issued.push(authority.issue(request, granted.role, granted.scope.as_ref(), validity)?);
    }
    if let Some(first) = issued.iter().find(|one| one.not_after > authority.root().not_after()) {
        let message = format!("the root runs out before the certificates of {} would", first.name);
        return Err(Failure::new(Code::CertificateChainBroken, message)
            .with_help("ask for fewer `--days`, or make a new root"));
    }
    ca.record(&issued)?;
    write(out, ca, &issued)?;
    Ok(issued)
}

fn read(path: &Path) -> Result<Asked, Failure> {
    let wrong = |message: String| Failure::new(Code::CertificateMalformed, message);
    let (mut requests, mut proof) = (Vec::new(), None);
    for block in bundle::load(path)? {
        match block.label.as_str() {
            bundle::REQUEST => requests.push(Request::parse(&block.der).map_err(|error| {
                Failure::new(error.code(), format!("{}: {error}", path.display()))
            })?),
            bundle::INVITATION => proof = Some(block.der),
            other => return Err(wrong(format!("{} holds a {other}", path.display()))),
        }
    }
    let uses: BTreeSet<KeyUse> = requests.iter().map(|request| request.key_use).collect();
    let Some(first) = requests.first().filter(|_| uses.len() == requests.len()) else {
        return Err(wrong(format!("{} holds not one request of each kind", path.display())));
    };
    if requests.iter().any(|one| (&one.name, one.role) != (&first.name, first.role)) {
        let message = format!("the requests in {} are of different names", path.display());
        return Err(Failure::new(Code::CertificateNameWrong, message));
    }
    Ok(Asked { requests, proof })
}

fn granted(
    ca: &CaFolder,
    asked: &Asked,
    args: &CaSign,
    context: &Context,
) -> Result<(Role, Vec<String>), Failure> {
    let first = &asked.requests[0];
    let (role, channels) = match &asked.proof {
        Some(proof) => {
            let digests: Vec<_> = asked.requests.iter().map(|request| request.digest).collect();
            let (role, mut channels) = ca.invited(&first.name, &digests, proof)?;
            channels.extend(scope_words(&args.channels, context));
            (role, channels)
        }
        None => {
            let role = args.role.ok_or_else(|| {
                let message = format!("{} was not invited, so nothing says its role", first.name);
                Failure::new(Code::UsageWrong, message)
                    .with_help(format!("it would like `--role {}`", first.role))
            })?;
            (role, scope_words(&args.channels, context))
        }
    };
    match args.role.unwrap_or(role) {
        wanted if wanted != role || first.role != role => {
            let message = format!(
                "{} asks to be {}, and would be {}",
                first.name,
                first.role,
                if wanted == role { role } else { wanted }
            );
            Err(Failure::new(Code::CertificateRoleWrong, message)
                .with_help("let it ask again in the role that it is to have"))
        }
        _ => Ok((role, channels)),
    }
}

/// Channels of `--for-channel`, and the one of a typed `--channel`: it limits too. LOOPCHAIN_CHANNEL says
/// which channel commands mean, and limits no certificate.
pub(super) fn scope_words(channels: &[String], context: &Context) -> Vec<String> {
    let typed = context.global.channel.iter().filter(|_| context.global.is_channel_typed);
    channels.iter().chain(typed).cloned().collect()
}

/// Channels as a scope; none for all.
pub(super) fn scope(words: &[String]) -> Result<Option<BTreeSet<ChannelName>>, Failure> {
    let names = words.iter().map(|word| {
        ChannelName::new(word).ok_or_else(|| {
            Failure::new(Code::ConfigBadValue, format!("`{word}` is no name of a channel"))
        })
    });
    let names: BTreeSet<_> = names.collect::<Result<_, _>>()?;
    Ok((!names.is_empty()).then_some(names))
}

/// The certificates and every root that their holder needs.
fn write(out: &Path, ca: &CaFolder, issued: &[Certificate]) -> Result<(), Failure> {
    let mut blocks: Vec<_> = issued
        .iter()
        .map(|certificate| Block::new(bundle::CERTIFICATE, certificate.der.as_slice()))
        .collect();
    let roots = match ca.network()? {
        Some(network) => network.roots()?,
        None => vec![ca.root()?],
    };
    blocks.extend(roots.iter().map(|root| Block::new(bundle::CERTIFICATE, root.der())));
    Ok(keyfile::write_whole(out, bundle::write(&blocks)?.as_bytes(), 0o644)?)
}

fn told(issued: &[Certificate], out: &Path, context: &Context) {
    let documents: Vec<_> = issued.iter().map(super::cert_check::document).collect();
    let lines = issued.iter().map(|one| {
        let scope = super::cert_check::scope_text(one);
        let until = rfc3339(one.not_after.get());
        format!(
            "{OK} {} ({}, channels {scope}) serial {}, until {until}",
            one.name, one.role, one.serial
        )
    });
    let lines = lines.chain([format!("  send {} back", out.display())]);
    let document =
        json!({"schema": "loopchain.ca-sign.v1", "certificates": documents, "file": out});
    context.out.either(&document, lines);
}
