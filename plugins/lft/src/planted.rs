//! Known-bad variants of the rule, to test that the tests find them. Compiled only with the
//! feature `planted-bugs`, chosen by the parameter `planted_bug`; never in a shipped plugin.

/// One planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A certificate needs one unit of weight less.
    QuorumMinusOne,
    /// Skip although the view is committed.
    SkipAfterCommit,
    /// Commit although the view was skipped.
    CommitAfterSkip,
    /// Flag a vote although the parent's view was skipped.
    FlagAfterSkip,
    /// Vote for a second proposal of a view.
    VoteTwice,
    /// Accept a parent without the null certificates in between.
    NoNullNeeded,
    /// Start with an empty log.
    ForgetLog,
    /// Do not check certificates of others.
    TrustCertificates,
    /// Vote for a block on any parent, certified or not.
    AnyParent,
    /// Never send a Commit alone and never flag a vote.
    NeverCommit,
    /// Never repeat anything.
    NoRepair,
}

impl Bug {
    /// Every bug with the name it has in a parameter.
    pub const ALL: [(&'static str, Self); 11] = [
        ("quorum-minus-one", Self::QuorumMinusOne),
        ("skip-after-commit", Self::SkipAfterCommit),
        ("commit-after-skip", Self::CommitAfterSkip),
        ("flag-after-skip", Self::FlagAfterSkip),
        ("vote-twice", Self::VoteTwice),
        ("no-null-needed", Self::NoNullNeeded),
        ("forget-log", Self::ForgetLog),
        ("trust-certificates", Self::TrustCertificates),
        ("any-parent", Self::AnyParent),
        ("never-commit", Self::NeverCommit),
        ("no-repair", Self::NoRepair),
    ];

    /// Finds a bug by name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn named(name: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, bug)| *bug)
            .ok_or_else(|| format!("there is no planted bug {name:?}"))
    }
}
