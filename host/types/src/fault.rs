//! Errors by what the caller must do, and the numbered codes people meet.
//!
//! A [`Code`] is the same in REST, on the command line and in logs. A [`FaultClass`] tells the
//! actor of a channel how to react; nothing ever decides by the text of an error.

use std::fmt;

/// How to react to an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultClass {
    /// Tell the sender.
    Reject,
    /// The peer broke a rule: close, back off.
    Penalise,
    /// Later, with a bound; never a durable write.
    Retry,
    /// A channel's segment, database or an invariant: that channel is halted, others go on.
    HaltChannel,
    /// The sign log: nothing is signed on any channel until restart, reads go on.
    StopSigning,
    /// Configuration or identity: the node cannot run.
    StopNode,
}

macro_rules! codes {
    ($(#[doc = $title:literal] $name:ident = $number:literal, $http:literal, $exit:literal, $retry:literal, $help:literal;)*) => {
        /// A numbered error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Code { $(#[doc = $title] $name = $number,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What it is, in one sentence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title.trim(),)* }
            }

            /// Status of an HTTP answer.
            #[must_use]
            pub const fn http(self) -> u16 {
                match self { $(Self::$name => $http,)* }
            }

            /// Exit code of the command line.
            #[must_use]
            pub const fn exit(self) -> u8 {
                match self { $(Self::$name => $exit,)* }
            }

            /// Whether the same request may succeed later.
            #[must_use]
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$name => $retry,)* }
            }

            /// What to do about it.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$name => $help,)* }
            }
        }
    };
}

codes! {
    /// A command line is not written as the command takes it.
    UsageWrong = 1001, 400, 2, false, "`loopchain --help` shows how it is written";
    /// A configuration file cannot be read.
    ConfigUnreadable = 1101, 500, 2, false, "check the path and the permissions of the file";
    /// A configuration file is not valid TOML.
    ConfigSyntax = 1102, 500, 2, false, "correct the line shown";
    /// A configuration file has a key that does not exist.
    ConfigUnknownKey = 1104, 500, 2, false, "remove the key or correct its name";
    /// A configuration value is of another type or out of range.
    ConfigBadValue = 1105, 500, 2, false, "use a value of the kind that is named";
    /// A channel's groups or weights make no safe channel.
    ConfigUnsafe = 1106, 500, 2, false, "change the weights as the message says";
    /// Another network runs on the same data folder.
    AlreadyRunning = 1301, 409, 2, false, "`loopchain ps` shows it, `loopchain down` stops it, `--data DIR --base-port B` starts a second one";
    /// A port is taken.
    PortTaken = 1302, 500, 2, false, "stop what listens there, or choose another `--base-port`";
    /// No local network runs on the data folder.
    NotRunning = 1303, 503, 5, true, "`loopchain up` starts one; `--data DIR` names another";
    /// A build that the command needs failed.
    BuildFailed = 1304, 500, 1, false, "read the lines of the compiler above";

    /// A process of a local network did not start.
    StartFailed = 1305, 503, 1, true, "the log named in the message tells why";
    /// A measurement that missed what it was required to reach.
    GoalMissed = 1306, 500, 7, false, "run it again on a quiet machine; the report says what was measured";

    /// A transaction is not in the canonical encoding.
    TxMalformed = 2101, 400, 4, false, "encode it as docs/spec/wire.md says";
    /// A transaction is over the size limit.
    TxTooLarge = 2102, 413, 4, false, "send less than the limit in one transaction";
    /// A signature does not verify.
    SignatureWrong = 2103, 403, 4, false, "sign the exact bytes with the key of the named certificate";
    /// A transaction's expiry lies in the past.
    TxExpired = 2104, 409, 4, false, "sign it again with a later expiry";
    /// A transaction was already taken.
    TxDuplicate = 2105, 409, 4, false, "ask for its result by its hash";
    /// The channel has no such SCORE.
    ScoreUnknown = 2106, 404, 4, false, "the channel's SCOREs are listed at /api/v2/channels/NAME/scores";
    /// Arguments do not fit the method.
    ArgumentsWrong = 2107, 400, 2, false, "use the parameters that the message names";
    /// The SCORE has no such method.
    MethodUnknown = 2108, 404, 4, false, "use one of the methods that the message names";
    /// A transaction is for another channel or network.
    WrongChannel = 2109, 409, 4, false, "sign the genesis hash of this channel";
    /// A transaction's expiry lies too far ahead.
    ExpiryTooFar = 2110, 400, 4, false, "use an expiry at most 15 minutes ahead of block time";
    /// The SCORE answered with one of its faults.
    ScoreFault = 2111, 409, 4, false, "the message is the SCORE's own";
    /// The call was stopped.
    ScoreTrap = 2112, 409, 4, false, "correct the SCORE, or call it with less";
    /// The SCORE's process died in the call.
    ScoreCrash = 2113, 409, 4, false, "correct the SCORE";
    /// A system transaction breaks a rule of the channel.
    SystemRefused = 2114, 409, 4, false, "read the message; nothing was changed";
    /// The steps of the block were used up before the call.
    BlockStepsUsed = 2115, 409, 4, true, "sign it again and send it: a later block has room";
    /// A query was not answered in time; nothing is known of its result.
    QueryTimeout = 2116, 503, 6, true, "ask again, or ask another peer; ask the SCORE for less";
    /// Two statements prove nothing against their signer.
    EvidenceWorthless = 2117, 409, 4, false, "read the message; nothing was recorded";
    /// The chain holds this against the signer already, or enough of its epoch.
    EvidenceKnown = 2118, 409, 4, false, "`loopchain audit evidence` shows what the chain holds";
    /// The SCORE takes no transactions now: the channel froze it, or it crashed too often.
    ScoreFrozen = 2120, 409, 4, false, "queries still answer; `loopchain score show NAME` tells why, `loopchain score unfreeze NAME` proposes to let it go on";

    /// A new version did not take the state over in a rehearsal.
    RehearsalFailed = 2411, 409, 7, false, "correct `migrate` of the new version, or go forward to one that reads the state as it is";
    /// Nothing of this can be executed again by itself.
    ReplayImpossible = 2412, 409, 2, false, "read the message: it names what can be replayed";
    /// A kept block could not be executed again on this machine.
    ReplayNoResult = 2413, 500, 1, true, "read the message; a slow machine or a missing layer of the sandbox is no fault of the block";

    /// A peer or server cannot be reached.
    Unreachable = 3101, 503, 5, true, "check that it runs and that the address is right";
    /// A peer speaks another protocol version.
    ProtocolMismatch = 3107, 503, 5, false, "run the same release on both";
    /// Too little weight is present to decide.
    NoQuorum = 3201, 503, 5, true, "start the missing validators; reads still work";
    /// The pool is full.
    PoolFull = 3202, 429, 5, true, "wait for Retry-After, then send again";
    /// One signer fills its share of the pool.
    SignerQuota = 3203, 429, 5, true, "wait until some of its transactions are final";
    /// A transaction was taken but is not final yet.
    NotFinalYet = 3204, 202, 6, true, "`loopchain tx get HASH` tells when it is";
    /// This node has no such channel.
    ChannelUnknown = 3205, 404, 3, false, "the channels are listed at /api/v2/channels";
    /// The channel has stopped on this node.
    ChannelHalted = 3206, 503, 5, false, "`loopchain status` tells why";
    /// This node is catching up.
    Syncing = 3207, 503, 5, true, "wait, or ask another peer";

    /// A validator signed two statements that cannot both be honest.
    EvidenceFound = 3301, 409, 5, false, "`loopchain audit evidence` shows both statements; ask the organisation of that validator";
    /// This node's own result of a block was not the agreed one.
    Diverged = 3303, 500, 5, false, "the record names the first transaction and key that differ: compare hardware, kernel and version with a peer that agrees, and tell the author of the SCORE";
    /// A Final proof does not prove its block.
    ProofWrong = 3302, 409, 7, false, "do not rely on the block: ask another peer for the proof, and check that the genesis is that of your channel";

    /// A receipt is not written as one, or part of it is missing.
    ReceiptMalformed = 3311, 400, 7, false, "do not rely on it: ask a peer for the receipt again";
    /// A receipt or a store is of a channel that is not the trusted one.
    ReceiptUntrusted = 3312, 409, 7, false, "compare the genesis hash or the roots with those that you have from the channel's members, not from whoever gave you the receipt";
    /// The transaction of a receipt was not signed by the certificate that it names.
    ReceiptSignature = 3313, 409, 7, false, "do not rely on it: the transaction, its hash or its signature was changed";
    /// The certificate in a receipt is not the signer's, or was none of the channel when the block was made.
    ReceiptCertificate = 3314, 409, 7, false, "do not rely on it: ask a peer for the receipt again";
    /// The Merkle path of a receipt does not lead from its transaction to its block.
    ReceiptNotIncluded = 3315, 409, 7, false, "do not rely on it: the transaction is not in that block at that place";
    /// The result in a receipt is not the one that the block has for its transaction.
    ReceiptResult = 3316, 409, 7, false, "do not rely on it: the result or its Merkle path was changed";
    /// The chain of epochs in a receipt does not lead from the genesis to its block.
    ReceiptEpochs = 3317, 409, 7, false, "do not rely on it: the validators that signed the block are not shown to be those of the channel";
    /// A proof does not show the value of a key of the state.
    StateProofWrong = 3318, 409, 7, false, "do not rely on the value: ask another peer, and take the state root from a Final proof that was verified";

    /// A block does not follow the one before it, or is not what its Merkle roots say.
    ChainBroken = 3321, 409, 7, false, "do not rely on this peer's blocks from here on: audit another peer's, and ask whoever runs this one";

    /// A record of a peer's trail of audited reads is not what the peer signed.
    TrailBroken = 3322, 409, 7, false, "do not rely on this trail: somebody changed it; ask whoever runs the peer, and its channel";
    /// Records of a peer's trail are missing, or others than those whose root is on the chain.
    TrailMissing = 3323, 409, 7, false, "do not rely on this trail: the chain holds the root of another one; ask whoever runs the peer, and its channel";

    /// The signer's certificate is not in the channel's membership.
    SignerUnknown = 4101, 403, 4, false, "register the certificate on the channel first";
    /// The signer's certificate is not valid at block time.
    CertificateExpired = 4102, 403, 4, false, "renew the certificate";
    /// The signer's role may not do this.
    RoleRefused = 4103, 403, 4, false, "use an identity whose role the channel's policy names";
    /// A certificate does not chain to an organisation of the channel.
    CertificateUntrusted = 4104, 403, 4, false, "use a certificate issued by a member organisation";
    /// A certificate was revoked by its organisation.
    CertificateRevoked = 4105, 403, 4, false, "ask your organisation for a new certificate: a revoked one never comes back";
    /// A certificate is limited to other channels.
    CertificateScopeWrong = 4106, 403, 4, false, "ask for a certificate whose scope names this channel (`loopchain ca sign --for-channel NAME`)";
    /// The radiostation refused a peer.
    JoinRefused = 4107, 403, 4, false, "ask an organisation of the channel to add your root";
    /// A dev CA on an address that others can reach.
    DevCaExposed = 4110, 500, 2, false, "listen on 127.0.0.1, or use certificates of your own CA";
    /// A setting that only a network with a dev CA may have.
    DevCaOnly = 4113, 500, 2, false, "leave the setting named at its default outside of development";
    /// A certificate's first moment lies ahead.
    CertificateTooEarly = 4114, 403, 4, false, "wait until it begins, or correct the clock of the machine that issued it";
    /// A certificate is of another role than was wanted.
    CertificateRoleWrong = 4115, 403, 4, false, "ask for a certificate in the role that is named";
    /// The name in a certificate is missing, malformed or another one.
    CertificateNameWrong = 4116, 403, 4, false, "its one URI must be `loopchain://ORG/ROLE/NAME` and agree with its profile";
    /// The key of a certificate is of the wrong kind, or not the one beside it.
    CertificateKeyWrong = 4117, 403, 4, false, "signing keys are Ed25519, TLS keys and roots ECDSA P-256: `loopchain cert request` makes both";
    /// A certificate is for another use.
    CertificateUsageWrong = 4118, 403, 4, false, "use `sign.crt` for signing and `tls.crt` for sessions";
    /// A certificate names a root as its issuer, and that root did not sign it or is not valid itself.
    CertificateChainBroken = 4119, 403, 4, false, "ask the organisation for the certificate again; when its root ran out, for one under the new root";
    /// Bytes that are no certificate of this product.
    CertificateMalformed = 4120, 403, 4, false, "use a certificate that `loopchain ca sign` issued";
    /// A revocation list is not to be believed, or older than one that is known.
    CrlRefused = 4121, 409, 4, false, "ask the organisation for its newest list (`loopchain ca crl`)";
    /// An invitation or a request for a certificate is not to be believed.
    InvitationWrong = 4122, 403, 4, false, "ask the organisation for a new invitation (`loopchain ca invite`)";
    /// A key is encrypted, and no password opens it.
    PasswordWrong = 4123, 403, 2, false, "give `--password-file FILE`, or set LOOPCHAIN_KEY_PASSWORD (an authority's: LOOPCHAIN_CA_PASSWORD)";
    /// A key file can be read by others.
    KeyFileExposed = 4111, 500, 2, false, "chmod 600 the file";
    /// No such identity in the key folder.
    IdentityUnknown = 4112, 404, 2, false, "`--identity NAME` must name a key in the network's data folder";
    /// A certificate of this node itself has run out; it goes on voting with its key.
    OwnCertificateExpired = 4203, 503, 7, false, "`loopchain cert renew`, then `loopchain cert register` on each channel; no restart is needed";
    /// An auditor tried to submit.
    AuditorSubmits = 4301, 403, 4, false, "use a client identity";
    /// An auditor has no grant that is in force.
    GrantMissing = 4302, 403, 4, false, "ask the members of the channel for a grant (`auditors` or `grant` of channels.toml, `loopchain channel apply`)";
    /// A signed request is too old, or of a time that lies ahead.
    ReadStale = 4303, 403, 4, true, "sign it again: a signed request is good for a minute; compare the clocks of both machines";
    /// A signed request was answered before.
    ReadRepeated = 4304, 409, 4, false, "sign every request by itself, with another nonce";

    /// The disk has almost no room left.
    DiskLow = 5102, 503, 7, true, "`loopchain doctor` tells which volume; make room or grow it";
    /// The database ends before the tip marker.
    StoreBehindMarker = 5203, 503, 7, false, "the block files and peers rebuild it; the sign log is whole";
    /// The sign log failed: signing has stopped.
    SigningStopped = 5204, 503, 5, false, "check the disk, then restart the peer; nothing is signed until then";
    /// A channel's files failed: it is halted.
    StoreFailed = 5205, 503, 5, false, "check the disk, then restart the peer; other channels go on";
    /// Files on disk are of another version or damaged.
    StoreDamaged = 5206, 500, 7, false, "restore the folder, or remove it and let the peer sync again";

    /// A peer cannot write its trail of audited reads; it answers none until then.
    TrailFailed = 5207, 503, 5, false, "check the disk and the `trail` folder of the channel, then restart the peer, or ask another one";

    /// A block is older than the history that a peer keeps.
    HistoryGone = 5301, 410, 3, false, "ask a peer that keeps more (`history_blocks` of the channel), or choose a younger block";
    /// A peer's store has too much to do, or changes faster than it can be read or copied.
    StoreBusy = 5302, 503, 5, true, "try again, or ask another peer; while a store is copied its peer may be stopped";
    /// More was written since a block than a proof of its state goes back over.
    ProofTooFar = 5303, 409, 3, false, "choose a younger block, or ask several peers for the value without its proof and compare";

    /// A consensus rule was refused.
    RuleRefused = 6101, 409, 4, false, "build it against this host's plugin-api";
    /// A SCORE was refused.
    ScoreRefused = 6102, 409, 4, false, "`loopchain score check FILE` lists every finding";
    /// The sandbox is not complete on this machine.
    SandboxIncomplete = 6103, 500, 2, false, "use a kernel with Landlock and seccomp, or `sandbox = \"basic\"` on a dev network";
    /// An artefact of an active SCORE is not here.
    ArtefactMissing = 6301, 503, 5, true, "drop the file into the plugins folder; peers are asked for it too";
    /// A SCORE was installed, and the channel does not run it yet.
    ScoreNotActive = 6302, 503, 6, true, "`loopchain score show NAME` tells what it waits for";

    /// A body is not valid JSON.
    JsonMalformed = 7101, 400, 2, false, "send valid JSON";
    /// A body of another content type.
    ContentType = 7102, 415, 2, false, "send Content-Type: application/json";
    /// No such path or thing.
    NotFound = 7104, 404, 3, false, "check the path and the hash";
    /// The path has no such method.
    MethodNotAllowed = 7105, 405, 2, false, "use the method the answer's Allow header names";
    /// A body is over the limit.
    BodyTooLarge = 7113, 413, 4, false, "send less than the limit named";
    /// Too many requests.
    TooManyRequests = 7129, 429, 5, true, "wait for Retry-After";
    /// A request parameter is wrong.
    ParameterWrong = 7106, 400, 2, false, "use the form the message names";
    /// As many streams are open as a peer keeps.
    StreamsFull = 7130, 503, 5, true, "wait for Retry-After, or ask another peer: every id goes on there";
    /// A route of the old edition that is gone.
    Gone = 7410, 410, 2, false, "use what the message names instead";

    /// A fault of the program itself.
    Internal = 9001, 500, 1, true, "report it with the request id; nothing was half done";
}

impl Code {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The code with this number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LC{}", self.number())
    }
}

/// Why something was refused: a code and one line with the facts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Rejection {
    /// Its number.
    pub code: Code,
    /// What, where, with the facts.
    pub message: String,
}

impl Rejection {
    /// A refusal.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_in_the_range_of_their_kind() {
        let mut numbers: Vec<_> = Code::ALL.iter().map(|c| c.number()).collect();
        numbers.sort_unstable();
        let count = numbers.len();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
        assert!(numbers.iter().all(|n| (1000..10_000).contains(n)));
    }

    #[test]
    fn every_code_says_what_to_do() {
        for code in Code::ALL {
            assert!(code.help().len() > 10, "{code}");
            assert_eq!(Code::from_number(code.number()), Some(*code));
        }
    }
}
