//! What `audit` looks like on the command line.
//!
//! In: words. Out: what was asked for.
//! Deliberately not here: what the commands do (`cmd/audit.rs` and its folder).

use super::Trusted;
use crate::cmd::replay::place::StoreFlags;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `audit`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check a peer's whole store of a channel: links, Merkle roots, Final proofs, signatures and
    /// certificates; exit code 7 when anything is found. The peer may be running or stopped.
    Verify(AuditVerify),
    /// Validators that signed two statements which cannot both be honest.
    Evidence {
        /// One of them, by its number in the list.
        #[arg(requires = "out")]
        number: Option<u64>,
        /// Save it, with both statements.
        #[arg(long, value_name = "FILE", requires = "number")]
        out: Option<PathBuf>,
    },
    /// What a peer answered to auditors: who, what, under which grant, when.
    Trail(AuditTrail),
    /// Transactions of a period with a receipt for each, signed by `--identity`.
    Report(AuditReport),
    /// Check the report of an auditor; nobody is asked. Exit code 7 when it is refused.
    Check {
        /// The folder of the report.
        folder: PathBuf,
        /// What is trusted.
        #[command(flatten)]
        trusted: Trusted,
    },
}

/// `audit trail`
#[derive(Clone, Debug, Args)]
pub struct AuditTrail {
    /// Of this auditor only: fss/audit0, or audit0.
    #[arg(long, value_name = "NAME")]
    pub reader: Option<String>,
    /// Whose trail.
    #[command(flatten)]
    pub store: StoreFlags,
}

/// `audit verify`
#[derive(Clone, Debug, Args)]
pub struct AuditVerify {
    /// Also execute the blocks again that the peer keeps undo records of, and compare state roots.
    #[arg(long)]
    pub deep: bool,
    /// Which store.
    #[command(flatten)]
    pub source: AuditSource,
}

/// The store that an audit reads, and by what it is judged.
#[derive(Clone, Debug, Args)]
pub struct AuditSource {
    /// Whose store.
    #[command(flatten)]
    pub store: StoreFlags,
    /// Whose trail of audited reads it should have: ORG/NAME [default: with --peer that peer, else who
    /// signed it]. A trail that is gone is missed only where this is known.
    #[arg(long, value_name = "NAME")]
    pub trail_of: Option<String>,
    /// The hash of the channel's genesis [default: of the genesis in the data folder].
    #[arg(long, value_name = "HASH")]
    pub genesis: Option<String>,
    /// The folder with the channel's consensus rule [default: DATA/plugins, or that of the
    /// installation].
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
}

/// `audit report`
#[derive(Clone, Debug, Args)]
pub struct AuditReport {
    /// From this day or time on: 2026-10-01, 2026-10-01T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Up to and with this day or time.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Signed by this member only: alice@bank-a, bank-a/alice or alice.
    #[arg(long, value_name = "NAME")]
    pub signer: Option<String>,
    /// Which forms are written.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "html,csv,json")]
    pub format: Vec<ReportFormat>,
    /// The folder, which must not be there.
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// Which store.
    #[command(flatten)]
    pub source: AuditSource,
}

/// A form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For reading.
    Html,
    /// For spreadsheets.
    Csv,
    /// For programs.
    Json,
}
