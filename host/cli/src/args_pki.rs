//! The command line of `ca`, `cert` and `peer init`.

use clap::{Args, Subcommand};
use host_identity::Role;
use host_node::config::Span;
use std::path::PathBuf;
use std::time::Duration;

fn role(text: &str) -> Result<Role, String> {
    let all: Vec<_> = Role::ALL.iter().map(|role| role.word()).collect();
    Role::parse(text).ok_or_else(|| format!("roles are {}", all.join(", ")))
}

fn time_span(text: &str) -> Result<Duration, String> {
    let span = Span::parse(text).ok_or("write a time span such as 24h, 30min or 7d")?;
    Ok(Duration::from_micros(span.0))
}

/// Where an authority is, and the password of its root key.
#[derive(Clone, Debug, Args)]
pub struct CaPlace {
    /// Folder of the authority.
    #[arg(long, value_name = "DIR", default_value = "pki/ca")]
    pub dir: PathBuf,
    /// File with the password of the root key; without, LOOPCHAIN_CA_PASSWORD, or a question on a
    /// terminal.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// How new keys are kept.
#[derive(Clone, Debug, Args)]
pub struct Secrecy {
    /// File with the password of the keys; without, LOOPCHAIN_KEY_PASSWORD, or a question on a
    /// terminal.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Keep the keys unencrypted, for their owner only (mode 0600).
    #[arg(long, conflicts_with = "password_file")]
    pub no_password: bool,
}

/// `ca`
#[derive(Debug, Subcommand)]
pub enum CaCommand {
    /// Make the root of an organisation.
    Init {
        /// The organisation.
        org: String,
        /// Where.
        #[command(flatten)]
        place: CaPlace,
        /// Keep the root key unencrypted: for tests.
        #[arg(long, conflicts_with = "password_file")]
        no_password: bool,
    },
    /// Take over a root that exists.
    Import(CaImport),
    /// Say which network the organisation belongs to: invitations and certificates carry it.
    Network(CaNetwork),
    /// Invite somebody: one line that `peer init --join` and `cert request --join` take.
    Invite(CaInvite),
    /// Issue the certificates that a file of requests asks for.
    Sign(CaSign),
    /// Take back the certificates of a name, or one by its serial; signs a new list.
    Revoke {
        /// `NAME`, `ORG/NAME`, or a serial number.
        what: String,
        /// Where.
        #[command(flatten)]
        place: CaPlace,
    },
    /// Sign a new revocation list; its number is one more than the last one's.
    Crl {
        /// Where.
        #[command(flatten)]
        place: CaPlace,
        /// Where to put it besides `crl.pem` of the authority.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// What was issued.
    List {
        /// Folder of the authority.
        #[arg(long, value_name = "DIR", default_value = "pki/ca")]
        dir: PathBuf,
    },
}

/// `ca import`
#[derive(Debug, Args)]
pub struct CaImport {
    /// Root certificate, PEM: ECDSA P-256, self-signed, its organisation in the subject.
    #[arg(long, value_name = "FILE")]
    pub root: PathBuf,
    /// Its key, PKCS#8 PEM.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// File with the password that the key has now.
    #[arg(long, value_name = "FILE")]
    pub key_password_file: Option<PathBuf>,
    /// Where to.
    #[command(flatten)]
    pub place: CaPlace,
    /// Keep the root key unencrypted: for tests.
    #[arg(long, conflicts_with = "password_file")]
    pub no_password: bool,
}

/// `ca network`
#[derive(Debug, Args)]
pub struct CaNetwork {
    /// Folder of the authority.
    #[arg(long, value_name = "DIR", default_value = "pki/ca")]
    pub dir: PathBuf,
    /// The file that another organisation wrote with this command.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "root", "radiostation", "target"])]
    pub import: Option<PathBuf>,
    /// Name of a new network; part of its id.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Root certificate of another organisation; repeatable. Compare its fingerprint with theirs
    /// over a second way.
    #[arg(long, value_name = "FILE")]
    pub root: Vec<PathBuf>,
    /// Who runs the RadioStation.
    #[arg(long, value_name = "ORG/NAME")]
    pub radiostation: Option<String>,
    /// Where a RadioStation listens; repeatable. ORG/NAME@HOST:PORT when it has a name of its own.
    #[arg(long, value_name = "[ORG/NAME@]HOST:PORT")]
    pub target: Vec<String>,
}

/// `ca invite`
#[derive(Debug, Args)]
pub struct CaInvite {
    /// In which role.
    #[arg(long, value_parser = role)]
    pub role: Role,
    /// As whom, inside the organisation.
    #[arg(long)]
    pub name: String,
    /// Limit the certificate to this channel; repeatable.
    #[arg(long = "for-channel", value_name = "NAME")]
    pub channels: Vec<String>,
    /// For how long the line is good.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = time_span)]
    pub expires: Duration,
    /// Folder of the authority.
    #[arg(long, value_name = "DIR", default_value = "pki/ca")]
    pub dir: PathBuf,
}

/// `ca sign`
#[derive(Debug, Args)]
pub struct CaSign {
    /// The requests: what `cert request` or `peer init` wrote, or PKCS#10 of another tool.
    pub request: PathBuf,
    /// In which role; may be left out for who was invited.
    #[arg(long, value_parser = role)]
    pub role: Option<Role>,
    /// Limit the signing certificate to this channel; repeatable.
    #[arg(long = "for-channel", value_name = "NAME")]
    pub channels: Vec<String>,
    /// Days until the certificates run out.
    #[arg(long, value_name = "N", default_value_t = host_identity::authority::LEAF_DAYS)]
    pub days: u32,
    /// Where to put them; beside the requests without.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Where the authority is.
    #[command(flatten)]
    pub place: CaPlace,
}

/// `cert`
#[derive(Debug, Subcommand)]
pub enum CertCommand {
    /// Make keys here, and the requests that an authority signs.
    Request(CertRequest),
    /// What certificates say.
    Show {
        /// A certificate, or a bundle of them.
        file: PathBuf,
    },
    /// Everything that is wrong with certificates; exit code 7 when anything is.
    Check(CertCheck),
    /// Check that the keys and certificates of a folder belong together; exit code 7 when they do
    /// not.
    Verify {
        /// The folder.
        #[arg(default_value = "pki")]
        dir: PathBuf,
        /// The password of the keys.
        #[command(flatten)]
        secrecy: Secrecy,
    },
    /// Put the certificates that an authority sent back beside the keys they are for.
    Install {
        /// What came back.
        file: PathBuf,
        /// Folder with the keys.
        #[arg(long, value_name = "DIR", default_value = "pki")]
        dir: PathBuf,
        /// Fingerprint of the organisation's root, which it told over a second way; not needed when
        /// the folder has roots.
        #[arg(long, value_name = "SHA256:HEX")]
        fingerprint: Option<String>,
        /// The password of the keys.
        #[command(flatten)]
        secrecy: Secrecy,
    },
    /// Make the certificate of `--identity` a member of the channel; its key signs for itself.
    Register,
    /// Take certificates back on the channel. With the keys of a local network: proposed, approved
    /// and in force when this returns.
    Revoke {
        /// The revocation list, as `ca revoke` wrote it.
        file: PathBuf,
        /// Only propose it, as the one named by `--identity`: others approve with `channel vote`.
        #[arg(long)]
        propose: bool,
    },
    /// Ask for new certificates under the same keys; put those that came into place.
    Renew(CertRenew),
}

/// `cert request`
#[derive(Debug, Args)]
pub struct CertRequest {
    /// The line of an invitation: it says name, organisation and role.
    #[arg(long, value_name = "LINE", conflicts_with_all = ["name", "org", "role"])]
    pub join: Option<String>,
    /// Who, inside the organisation.
    #[arg(long, required_unless_present = "join")]
    pub name: Option<String>,
    /// The organisation.
    #[arg(long, required_unless_present = "join")]
    pub org: Option<String>,
    /// In which role.
    #[arg(long, value_parser = role, required_unless_present = "join")]
    pub role: Option<Role>,
    /// DNS name or address of the TLS certificate, for clients that look at it; repeatable.
    #[arg(long, value_name = "HOST")]
    pub host: Vec<String>,
    /// Folder for keys and requests.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How the keys are kept.
    #[command(flatten)]
    pub secrecy: Secrecy,
}

/// `cert check`
#[derive(Debug, Args)]
pub struct CertCheck {
    /// A certificate, or a bundle of them.
    pub file: PathBuf,
    /// The root that must have issued it; repeatable.
    #[arg(long, value_name = "FILE")]
    pub root: Vec<PathBuf>,
    /// The organisation's revocation list; needs `--root`.
    #[arg(long, value_name = "FILE", requires = "root")]
    pub crl: Option<PathBuf>,
    /// At this time instead of now: RFC 3339 in UTC, or microseconds since 1970.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// The role it must have.
    #[arg(long, value_parser = role)]
    pub role: Option<Role>,
    /// The name it must have.
    #[arg(long, value_name = "ORG/NAME")]
    pub name: Option<String>,
    /// A channel it must be good for.
    #[arg(long = "for-channel", value_name = "NAME")]
    pub for_channel: Option<String>,
    /// It must be for signing.
    #[arg(long, conflicts_with = "tls")]
    pub signing: bool,
    /// It must be for TLS.
    #[arg(long)]
    pub tls: bool,
}

/// `cert renew`
#[derive(Debug, Args)]
pub struct CertRenew {
    /// Folder with keys and certificates.
    #[arg(long, value_name = "DIR", default_value = "pki")]
    pub dir: PathBuf,
    /// What the authority sent back: it takes the place of the old certificates.
    #[arg(long, value_name = "FILE")]
    pub certificates: Option<PathBuf>,
    /// DNS name or address of the TLS certificate; repeatable.
    #[arg(long, value_name = "HOST")]
    pub host: Vec<String>,
    /// The password of the keys.
    #[command(flatten)]
    pub secrecy: Secrecy,
}

/// `peer init`
#[derive(Debug, Args)]
pub struct PeerInit {
    /// What every node takes.
    #[command(flatten)]
    pub node: NodeInit,
    /// A consensus rule that comes with loopchain, into the plugin folder of the home; repeatable.
    #[arg(long = "rule", value_name = "ID")]
    pub rules: Vec<String>,
    /// A SCORE that comes with loopchain, likewise; repeatable.
    #[arg(long = "score", value_name = "NAME")]
    pub scores: Vec<String>,
}

/// `peer init`, `radiostation init`
#[derive(Debug, Args)]
pub struct NodeInit {
    /// Its home folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub home: PathBuf,
    /// The line of an invitation.
    #[arg(long, value_name = "LINE", conflicts_with_all = ["name", "org", "role"])]
    pub join: Option<String>,
    /// The network, as `ca network` wrote it.
    #[arg(long, value_name = "FILE")]
    pub network: Option<PathBuf>,
    /// Who, inside the organisation.
    #[arg(long)]
    pub name: Option<String>,
    /// The organisation.
    #[arg(long)]
    pub org: Option<String>,
    /// In which role [default: validator, radiostation].
    #[arg(long, value_parser = role)]
    pub role: Option<Role>,
    /// Second step: what the authority sent back.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["join", "network", "name", "org", "role"])]
    pub certificates: Option<PathBuf>,
    /// Where it listens for peers; REST is 1900 above, operations 1950 [default: 127.0.0.1:7100, of a
    /// RadioStation 127.0.0.1:7102].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<std::net::SocketAddr>,
    /// How the keys are kept.
    #[command(flatten)]
    pub secrecy: Secrecy,
}
