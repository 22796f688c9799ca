//! `cert`: keys and certificates of a node or a person, where they live.

use super::ca::{full_name, text};
use super::{Context, Done, cert_check};
use crate::args_pki::{CertCommand, CertRenew, CertRequest, Secrecy};
use crate::failure::{EXIT_FOUND, Failure};
use crate::key_folder::{self, Asker};
use crate::output::{BAD, OK};
use crate::password;
use crate::sign::Call;
use host_identity::{Certificate, Invitation, keyfile};
use host_types::change::SystemCall;
use host_types::fault::Code;
use host_types::hash::Hash32;
use host_types::height::BlockTime;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn cert(command: &CertCommand, context: &Context) -> Done {
    match command {
        CertCommand::Request(args) => request(args, context),
        CertCommand::Show { file } => cert_check::show(file, context),
        CertCommand::Check(args) => cert_check::check(args, context),
        CertCommand::Verify { dir, secrecy } => verify(dir, secrecy, context),
        CertCommand::Install { file, dir, fingerprint, secrecy } => {
            install(file, dir, fingerprint.as_deref(), secrecy, context)
        }
        CertCommand::Revoke { file, propose } => {
            super::runtime()?.block_on(super::cert_revoke::revoke(file, *propose, context))
        }
        CertCommand::Register => super::runtime()?.block_on(register(context)),
        CertCommand::Renew(args) => renew(args, context),
    }
}

/// Reads an invitation that has not run out.
pub(super) fn invitation(line: &str) -> Result<Invitation, Failure> {
    let invitation = Invitation::parse(line)?;
    if invitation.expires < BlockTime::new(crate::time::now_us()) {
        let name = invitation.name;
        return Err(host_identity::invitation::InvitationError::Expired(name).into());
    }
    Ok(invitation)
}

fn asker(args: &CertRequest) -> Result<Asker, Failure> {
    let hosts = args.host.clone();
    if let Some(line) = &args.join {
        let invitation = invitation(line)?;
        let (name, role) = (invitation.name.clone(), invitation.role);
        return Ok(Asker { name, role, hosts, invitation: Some(invitation) });
    }
    let (Some(org), Some(name), Some(role)) = (&args.org, &args.name, args.role) else {
        return Err(Failure::new(Code::UsageWrong, "`--name`, `--org` and `--role` go together"));
    };
    Ok(Asker { name: full_name(org, name)?, role, hosts, invitation: None })
}

fn request(args: &CertRequest, context: &Context) -> Done {
    let asker = asker(args)?;
    let password = password::new_keys(&args.secrecy)?;
    let path = key_folder::request(&args.out, &asker, text(password.as_ref()))?;
    told(&asker, &path, password.is_some(), context);
    Ok(ExitCode::SUCCESS)
}

/// Tells where keys and requests are.
pub(super) fn told(asker: &Asker, path: &Path, is_encrypted: bool, context: &Context) {
    let how = if is_encrypted { "encrypted" } else { "NOT encrypted" };
    let org = asker.name.organisation();
    let command = if asker.invitation.is_some() {
        format!("loopchain ca sign {}", path.display())
    } else {
        format!("loopchain ca sign {} --role {}", path.display(), asker.role)
    };
    let document = json!({
        "schema": "loopchain.cert-request.v1", "name": asker.name.as_str(),
        "role": asker.role.word(), "request": path, "encrypted": is_encrypted,
    });
    let lines = [
        format!("{OK} keys of {} made here, {how}", asker.name),
        format!("  next: carry {} to {org}, who runs `{command}`", path.display()),
    ];
    context.out.either(&document, lines);
}

fn verify(dir: &Path, secrecy: &Secrecy, context: &Context) -> Done {
    let password = password::keys_given(secrecy)?;
    let found = key_folder::verify(dir, text(password.as_ref()))?;
    let documents: Vec<_> = found
        .iter()
        .map(|(file, one)| {
            json!({"file": file, "code": one.code.to_string(), "message": one.message})
        })
        .collect();
    let mut lines: Vec<_> = found
        .iter()
        .map(|(file, one)| format!("{BAD} {file}: {} {}", one.code, one.message))
        .collect();
    if found.is_empty() {
        lines.push(format!("{OK} keys and certificates in {} belong together", dir.display()));
    }
    let document = json!({"schema": "loopchain.cert-verify.v1", "problems": documents});
    context.out.either(&document, lines);
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FOUND) })
}

fn install(
    file: &Path,
    dir: &Path,
    fingerprint: Option<&str>,
    secrecy: &Secrecy,
    context: &Context,
) -> Done {
    let received = key_folder::received(file)?;
    let mut trusted = key_folder::roots(dir)?;
    if let Some(text) = fingerprint {
        let digits = text.strip_prefix("SHA256:").unwrap_or(text).replace(':', "");
        let wanted = Hash32::from_hex(&digits).ok_or_else(|| {
            Failure::new(Code::ConfigBadValue, format!("`{text}` is no fingerprint"))
                .with_help("write SHA256: and 64 hex digits")
        })?;
        trusted.extend(received.roots.iter().filter(|root| root.fingerprint() == wanted).cloned());
    }
    if trusted.is_empty() {
        let message = format!("no root in {} is one that is trusted here", file.display());
        return Err(Failure::new(Code::CertificateUntrusted, message)
            .with_help("give the fingerprint that the organisation told, with `--fingerprint`"));
    }
    let password = password::keys_given(secrecy)?;
    key_folder::install(dir, &received, &trusted, text(password.as_ref()))?;
    let new = &received.certificates[0];
    let documents: Vec<_> = received.certificates.iter().map(cert_check::document).collect();
    let document = json!({"schema": "loopchain.cert-install.v1", "certificates": documents});
    let key = dir.join("sign.key");
    let lines = [
        format!("{OK} {} ({}) signs with {}", new.name, new.role, key.display()),
        format!("  next: `loopchain cert register --identity {}` on each channel", key.display()),
    ];
    context.out.either(&document, lines);
    Ok(ExitCode::SUCCESS)
}

async fn register(context: &Context) -> Done {
    let (client, identity) = super::configure::client(context)?;
    let identity = super::voting::named(identity.as_deref(), context)?;
    let (_, channel) = client.channel().await?;
    let der = identity.certificate.der.clone();
    let call = SystemCall::Register { certificate: der };
    let signed = Call::system(channel.genesis()?, &call)?.sign(&identity)?;
    let (_, info) = client.submit_and_wait(&signed, context.global.timeout).await?;
    super::tx::outcome(&info, context.global.timeout)?;
    let document = json!({
        "schema": "loopchain.cert-register.v1", "channel": client.channel_name().as_str(),
        "certificate": cert_check::document(&identity.certificate),
    });
    let name = &identity.certificate.name;
    context
        .out
        .either(&document, [format!("{OK} {name} is a member of {}", client.channel_name())]);
    Ok(ExitCode::SUCCESS)
}

fn renew(args: &CertRenew, context: &Context) -> Done {
    let der = keyfile::load_certificate(&args.dir.join("sign.crt"))?;
    let old = Certificate::parse(&der)?;
    let password = password::keys_given(&args.secrecy)?;
    let password = text(password.as_ref());
    let Some(file) = &args.certificates else {
        let asker =
            Asker { name: old.name, role: old.role, hosts: args.host.clone(), invitation: None };
        let is_encrypted = password.is_some();
        let path = key_folder::request(&args.dir, &asker, password)?;
        told(&asker, &path, is_encrypted, context);
        return Ok(ExitCode::SUCCESS);
    };
    let received = key_folder::received(file)?;
    let new = &received.certificates[0];
    if (&new.name, new.role) != (&old.name, old.role) {
        let message = format!(
            "{} holds certificates of {} ({}), not of {} ({})",
            file.display(),
            new.name,
            new.role,
            old.name,
            old.role
        );
        return Err(Failure::new(Code::CertificateNameWrong, message));
    }
    key_folder::install(&args.dir, &received, &key_folder::roots(&args.dir)?, password)?;
    let documents: Vec<_> = received.certificates.iter().map(cert_check::document).collect();
    let document = json!({"schema": "loopchain.cert-renew.v1", "certificates": documents});
    let lines = [
        format!("{OK} {} renewed until {}", new.name, crate::time::rfc3339(new.not_after.get())),
        "  next: `loopchain cert register` on each channel".to_owned(),
    ];
    context.out.either(&document, lines);
    Ok(ExitCode::SUCCESS)
}
