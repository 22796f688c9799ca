//! Known-bad variants of the rule, to test that the tests find them. Compiled only with the
//! feature `planted-bugs`, chosen by the parameter `planted_bug`; never in a shipped plugin.

/// One planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A certificate needs one unit of weight less.
    QuorumMinusOne,
    /// A signer counts as often as it says a thing.
    CountTwice,
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
    /// Fast commit: support what one unit of weight less voted for.
    SupportLow,
    /// Fast commit: supports count for a fast final.
    FastCountsSupport,
    /// Fast commit: give up when t_cert is over, as in the core rule.
    CoreSkipWithFast,
    /// Fast commit: commit although something else was said first.
    CommitAfterOther,
    /// Groups: any one member speaks for its group.
    OneSpeaks,
    /// Groups: the delegate or a majority votes, whichever comes first.
    DelegateOrMajority,
    /// Groups: a view has two delegates.
    TwoDelegates,
    /// Groups: a delegate's Commit, or flag, is its group's.
    DelegateCommits,
    /// Epochs: a vote commits the root of the epoch, which has no registers.
    FlagRoot,
    /// Epochs: blocks with transactions go on after a sealing block.
    TransactionsAfterSeal,
    /// Epochs: it goes on once a sealing block is final.
    SpeaksAfterEnd,
    /// Epochs: no closing block is ever proposed.
    NeverCloses,
    /// Coming back: an answer to an earlier question counts.
    StaleRejoin,
    /// Coming back: an answer counts without its signature.
    UnsignedRejoin,
    /// Coming back: nothing is closed.
    RejoinAtOnce,
    /// Who skipped a view votes for an optimistic proposal of the next one before its leader does.
    OptAfterSkip,
    /// A vote does not wait until the payload is durable.
    PayloadAfterVote,
    /// Certificates are not written down.
    ForgetCertificates,
    /// No block without transactions is ever proposed.
    NeverEmpty,
}

/// The configuration in which a bug shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Everywhere.
    Core,
    /// With fast commit.
    Fast,
    /// With groups that count as one.
    Groups,
    /// With delegates, against a leader who shows them one block and their groups another.
    Split,
    /// With fast commit, against a leader who shows one half another block than the other.
    FastSplit,
    /// With fast commit, while one node hears everyone and the others nobody.
    FastWall,
    /// Where an epoch ends.
    Epochs,
    /// Where a node comes back without its log.
    Rejoin,
    /// In the schedule that was found against the text which had it as a rule.
    Found,
}

impl Bug {
    /// Every bug with the name it has in a parameter.
    pub const ALL: [(&'static str, Self); 31] = [
        ("quorum-minus-one", Self::QuorumMinusOne),
        ("count-twice", Self::CountTwice),
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
        ("support-low", Self::SupportLow),
        ("fast-counts-support", Self::FastCountsSupport),
        ("core-skip-with-fast", Self::CoreSkipWithFast),
        ("commit-after-other", Self::CommitAfterOther),
        ("one-speaks", Self::OneSpeaks),
        ("delegate-or-majority", Self::DelegateOrMajority),
        ("two-delegates", Self::TwoDelegates),
        ("delegate-commits", Self::DelegateCommits),
        ("flag-root", Self::FlagRoot),
        ("transactions-after-seal", Self::TransactionsAfterSeal),
        ("speaks-after-end", Self::SpeaksAfterEnd),
        ("never-closes", Self::NeverCloses),
        ("stale-rejoin", Self::StaleRejoin),
        ("unsigned-rejoin", Self::UnsignedRejoin),
        ("rejoin-at-once", Self::RejoinAtOnce),
        ("opt-after-skip", Self::OptAfterSkip),
        ("payload-after-vote", Self::PayloadAfterVote),
        ("forget-certificates", Self::ForgetCertificates),
        ("never-empty", Self::NeverEmpty),
    ];

    /// Where to look for it.
    #[must_use]
    pub const fn shows(self) -> Shows {
        match self {
            Self::FastCountsSupport | Self::CommitAfterOther => Shows::Fast,
            Self::SupportLow => Shows::FastSplit,
            Self::CoreSkipWithFast => Shows::FastWall,
            Self::OneSpeaks | Self::DelegateCommits => Shows::Groups,
            Self::DelegateOrMajority | Self::TwoDelegates => Shows::Split,
            Self::FlagRoot
            | Self::TransactionsAfterSeal
            | Self::SpeaksAfterEnd
            | Self::NeverCloses => Shows::Epochs,
            Self::StaleRejoin | Self::UnsignedRejoin | Self::RejoinAtOnce => Shows::Rejoin,
            Self::OptAfterSkip
            | Self::PayloadAfterVote
            | Self::ForgetCertificates
            | Self::NeverEmpty => Shows::Found,
            _ => Shows::Core,
        }
    }

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
