//! Known-bad variants of a whole node, to test that the tests find them.
//!
//! In: a name. Out: a [`Bug`] and where it sits: in this package's model of the node's outer parts, in
//! `host/core` or in the rule; the latter two need the feature `planted-bugs`. Deliberately not here:
//! the other planted bugs of the rule (`plugins/lft/src/planted.rs`), which have tests of their own.

/// One planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A restart finds the sign log empty.
    ForgetSignLog,
    /// A certificate needs one unit of weight less than it should.
    LowQuorum,
    /// A block is taken although its header names another result of its parent, or no fit parent.
    SkipParentCheck,
    /// Clients hear `final` before the batch is durable.
    AckBeforeFsync,
    /// Statements leave before the sign log is synced.
    SendBeforeFsync,
    /// A transaction that is final is taken again.
    AcceptDuplicate,
    /// A SCORE sees the node's clock instead of the block's time.
    UnsignedTime,
    /// A signer counts as often as it speaks.
    CountTwice,
    /// Any one member speaks for its group.
    GroupOverlap,
    /// Certificates of others are not checked.
    StaleCertificate,
    /// A restart forgets which transactions are final, and clients send again.
    ReplayAfterRestart,
    /// A final block is stored whatever its result is here.
    NoResultCompare,
    /// A restart applies what was kept above the head once more.
    ApplyTwice,
}

/// Where a bug sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// In this package: what `host/node` does around the stages.
    Node,
    /// In `host/core`.
    Core,
    /// In the rule, under this name.
    Rule(&'static str),
}

impl Bug {
    /// Every bug with its name.
    pub const ALL: [(&'static str, Self); 13] = [
        ("forget-sign-log", Self::ForgetSignLog),
        ("low-quorum", Self::LowQuorum),
        ("skip-parent-check", Self::SkipParentCheck),
        ("ack-before-fsync", Self::AckBeforeFsync),
        ("send-before-fsync", Self::SendBeforeFsync),
        ("accept-duplicate", Self::AcceptDuplicate),
        ("unsigned-time", Self::UnsignedTime),
        ("count-twice", Self::CountTwice),
        ("group-overlap", Self::GroupOverlap),
        ("stale-certificate", Self::StaleCertificate),
        ("replay-after-restart", Self::ReplayAfterRestart),
        ("no-result-compare", Self::NoResultCompare),
        ("apply-twice", Self::ApplyTwice),
    ];

    /// Where it sits.
    #[must_use]
    pub const fn seat(self) -> Seat {
        match self {
            Self::LowQuorum => Seat::Rule("quorum-minus-one"),
            Self::CountTwice => Seat::Rule("count-twice"),
            Self::GroupOverlap => Seat::Rule("one-speaks"),
            Self::StaleCertificate => Seat::Rule("trust-certificates"),
            // Rule and stages check the parent, each for itself: the bug is in both.
            Self::SkipParentCheck => Seat::Rule("any-parent"),
            Self::AcceptDuplicate | Self::NoResultCompare => Seat::Core,
            Self::ForgetSignLog
            | Self::AckBeforeFsync
            | Self::SendBeforeFsync
            | Self::UnsignedTime
            | Self::ReplayAfterRestart
            | Self::ApplyTwice => Seat::Node,
        }
    }

    /// The bug of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, bug)| *bug)
    }
}
