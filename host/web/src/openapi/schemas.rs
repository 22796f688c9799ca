//! What v2 answers and takes, as tables: field, kind ([`super::kind`]), meaning.
//!
//! A field whose name ends with `?` may be missing. `host/web/tests/rest/openapi.rs` compares every
//! table with what the handlers answer, in both directions.

/// A field: name, kind, meaning.
pub(super) type Field = (&'static str, &'static str, &'static str);
/// A table: name, meaning, fields.
pub(super) type Table = (&'static str, &'static str, &'static [&'static [Field]]);

const CHANNEL: &[Field] = &[
    ("channel", "channel", ""),
    ("genesis", "hash", "hash of its genesis; every transaction signs it"),
    ("rule", "text", "consensus rule"),
    ("height", "u64", "last final block"),
    ("block_hash", "hash", "of that block"),
    ("state_root", "hash", "after that block"),
    ("receipts_root", "hash", "of that block"),
    ("time_us", "u64", "of that block, microseconds since 1970"),
    ("time", "time", "the same for people"),
    ("leader", "text?", "of the present view"),
    ("epoch", "u64", ""),
    ("view", "u64", ""),
    ("mode", "'normal'|'syncing'|'rejoining'|'degraded'|'halted'", ""),
    ("mode_reason", "text?", "why it is degraded or halted"),
    ("divergences", "u64", "results of this peer that were not the agreed ones, since its start"),
    ("last_divergence", "text?", ""),
    ("sandbox", "'strict'|'basic'", "how SCOREs are confined here"),
    ("quorum", "u64", "weight that decides"),
    ("total_weight", "u64", ""),
    ("connected_weight", "u64", "weight of validators with an open session"),
    ("faulty_max", "u64", "weight that may be faulty"),
    ("transactions", "u64", "since the genesis"),
    ("pool_transactions", "u64", "waiting here"),
    ("v1_gateway", "bool", "whether v1 clients are signed for here"),
    ("validators", "[@ValidatorState]", ""),
];

const BLOCK: &[Field] = &[
    ("height", "u64", ""),
    ("hash", "hash", ""),
    ("parent_hash", "hash", ""),
    ("epoch", "u64", ""),
    ("view", "u64", ""),
    ("proposer", "text?", "none of the genesis"),
    ("time_us", "u64", "microseconds since 1970"),
    ("time", "time", "the same for people"),
    ("tx_count", "u32", ""),
    ("state_root", "hash", "after this block"),
    ("receipts_root", "hash", ""),
];

const BLOCK_REST: &[Field] = &[
    ("kind", "'normal'|'optimistic'|'closing'", ""),
    ("genesis", "hash", ""),
    ("parent_view", "u64", ""),
    ("parent_state_root", "hash", ""),
    ("parent_receipts_root", "hash", ""),
    ("tx_root", "hash", ""),
    ("validators_hash", "hash", ""),
    ("next_validators_hash", "hash?", "in the sealing block of an epoch"),
    ("carried_proof_hash", "hash", ""),
    ("header", "hex", "canonical bytes; `hash` is their hash"),
    ("proof", "@BlockProofBytes?", "none of the genesis"),
    ("transactions", "[@BlockTransaction]", ""),
];

const SCORE: &[Field] = &[
    ("name", "score", ""),
    ("version", "text", "of the active artefact"),
    ("sha256", "hash", "of the active artefact"),
    ("active_since", "u64", "height"),
    ("history", "[hash]", "artefacts that were active, newest first"),
    ("running", "bool", "whether its worker answers"),
    ("frozen", "@Frozen?", "why it takes no transactions"),
];

const VERSION: &[Field] = &[
    ("score", "text", ""),
    ("version", "text", ""),
    ("sha256", "hash", ""),
    (
        "state",
        "'installed'|'staged'|'approved'|'active'|'former'|'cancelled'|'failed'|'refused'",
        "",
    ),
    ("here", "bool", "whether this peer holds and has checked the file"),
    ("height", "u64?", "active since, or of the change"),
    ("reason", "text?", ""),
    ("change", "hash?", "the newest change about it"),
    ("approved", "[text]", "who approved that"),
    ("ready", "[text]", "validators that hold the file"),
    ("not_ready", "[text]", ""),
    ("activation_us", "u64?", "microseconds that its activation took here"),
];

const VALIDATOR: &[Field] = &[
    ("name", "text", "ORG/NAME"),
    ("public_key", "hash", "Ed25519"),
    ("weight", "u64", ""),
    ("group", "text", ""),
];

const TX: &[Field] =
    &[("schema", "'loopchain.tx.v1'", ""), ("hash", "hash", ""), ("channel", "channel", "")];

const TX_CALL: &[Field] = &[
    ("score", "score", "`system` for what the host itself does"),
    ("method", "text", ""),
    ("args", "any", "by name where the manifest tells them, else by position or as text"),
    ("signer", "hash", "SHA-256 of the certificate"),
    ("signer_name", "text?", ""),
    ("caller", "address?", ""),
    ("nonce", "digits", ""),
    ("expiry_us", "u64", "microseconds since 1970"),
    ("expiry", "time", "the same for people"),
    ("size", "u64", "bytes"),
];

const CALL_RESULT: &[Field] = &[
    ("status", "'ok'|'fault'|'trap'|'refused'|'crash'", ""),
    ("code", "u32", "of a fault"),
    ("message", "text?", "why it did not succeed"),
    ("output", "any", "what it returned; null when it did not succeed"),
    ("steps", "u64", ""),
];

const EVENT: &[Field] = &[
    ("score", "score", ""),
    ("name", "text", ""),
    ("fields", "any", "an object when the manifest tells their names, else an array"),
];

const PROOF_PART: &[Field] = &[
    ("header", "hex", "canonical bytes of the header"),
    ("state_root", "hash", ""),
    ("receipts_root", "hash", ""),
];

/// A refusal of v2.
pub(super) const PROBLEM: Table = (
    "Problem",
    "a refusal (RFC 9457)",
    &[&[
        ("type", "text", "`urn:loopchain:error:CODE`"),
        ("title", "text", ""),
        ("status", "u16", "the HTTP status"),
        ("detail", "text", "what is wrong, with the facts"),
        ("code", "code", ""),
        ("request_id", "text", "as in `X-Request-Id` and the log"),
        ("retryable", "bool", "whether the same request may succeed later"),
        ("help", "[text]", "what to do"),
    ]],
);

/// What is taken with no other field; what is answered may have more one day.
pub(super) const CLOSED: &[&str] = &["Envelope", "Question"];

/// Everything v2 answers and takes.
pub(super) const TABLES: &[Table] = &[
    PROBLEM,
    (
        "Channels",
        "every channel of this peer",
        &[&[
            ("schema", "'loopchain.channels.v1'", ""),
            ("node", "@Node", ""),
            ("default", "channel", "of v1 requests that name none"),
            ("channels", "[@ChannelState]", ""),
        ]],
    ),
    ("ChannelState", "a channel as this peer knows it", &[CHANNEL]),
    (
        "Channel",
        "one channel",
        &[
            &[("schema", "'loopchain.channel.v1'", "")],
            CHANNEL,
            &[("configuration?", "@EpochConfig", "the present epoch, where anybody may read")],
        ],
    ),
    (
        "Node",
        "the peer that answers",
        &[&[("name", "text", "ORG/NAME"), ("certificates", "[@NodeCertificate]", "")]],
    ),
    (
        "NodeCertificate",
        "a certificate of the peer",
        &[&[
            ("use", "text", ""),
            ("not_after_us", "u64", "microseconds since 1970"),
            ("state", "'valid'|'ends soon'|'expired'", ""),
        ]],
    ),
    (
        "ValidatorState",
        "a validator as seen from this peer",
        &[&[
            ("name", "text", "ORG/NAME"),
            ("weight", "u64", ""),
            ("connected", "bool", ""),
            ("leader", "bool", "of the last block"),
        ]],
    ),
    (
        "Members",
        "certificates that the channel knows",
        &[&[("schema", "'loopchain.members.v1'", ""), ("members", "[@Member]", "")]],
    ),
    (
        "Member",
        "a certificate",
        &[&[
            ("name", "text", "ORG/NAME"),
            ("role", "text", ""),
            ("address", "address", ""),
            ("certificate", "hash", "SHA-256 of it"),
            ("public_key", "hash", "Ed25519"),
        ]],
    ),
    (
        "Envelope",
        "a signed transaction",
        &[&[
            ("transaction", "base64", "its canonical CBOR"),
            ("signature", "base64", "64 bytes, Ed25519"),
        ]],
    ),
    ("PendingTransaction", "taken, not final yet", &[TX, &[("state", "'pending'", "")], TX_CALL]),
    ("AcceptedTransaction", "just taken", &[TX, &[("state", "'pending'", "")]]),
    (
        "RejectedTransaction",
        "it can never become final",
        &[TX, &[("state", "'rejected'", ""), ("error", "@Rejection", "")]],
    ),
    (
        "FinalTransaction",
        "final",
        &[
            TX,
            &[("state", "'final'", "")],
            TX_CALL,
            &[
                ("height", "u64", "of its block"),
                ("block_hash", "hash", ""),
                ("index", "u32", "in its block"),
                ("time_us", "u64", "of its block, microseconds since 1970"),
                ("time", "time", "the same for people"),
                ("receipt", "@TransactionReceipt", ""),
                ("events", "[@Event]", ""),
                ("artefact", "hash?", "SHA-256 of the SCORE that ran it, when the state tells it"),
                ("voters", "[text]", "whose signatures are in the Final proof"),
                ("proof?", "@Receipt?", "with `?proof=true`"),
            ],
        ],
    ),
    (
        "Rejection",
        "why",
        &[&[("code", "code", ""), ("message", "text", ""), ("help", "[text]", "")]],
    ),
    (
        "TransactionReceipt",
        "how it ended",
        &[CALL_RESULT, &[("events_root", "hash", ""), ("writes_digest", "hash", "")]],
    ),
    (
        "Journey",
        "the way of a transaction as peers saw it",
        &[&[
            ("schema", "'loopchain.journey.v1'", ""),
            ("hash", "hash", ""),
            ("channel", "channel", ""),
            ("state", "'pending'|'final'|'rejected'", ""),
            ("block", "@JourneyBlock?", "the block it stands in"),
            ("votes", "[@Signer]", "whose signatures are in the Final proof"),
            ("weight", "u64", "of these votes"),
            ("quorum", "u64", "weight that decides"),
            ("total_weight", "u64", "of all validators"),
            ("waiting", "@Waiting?", "of a pending one"),
            ("error", "@Rejection?", "of a rejected one"),
            ("peers", "[@JourneyPeer]", "the peer that was asked"),
        ]],
    ),
    (
        "JourneyBlock",
        "a block on its way",
        &[&[
            ("height", "u64", ""),
            ("hash", "hash", ""),
            ("final", "bool", "else it is the newest proposed one"),
            ("epoch", "u64", ""),
            ("view", "u64", ""),
            ("proposer", "text?", "ORG/NAME"),
            ("time_us", "u64", "microseconds since 1970"),
            ("time", "time", "the same for people"),
        ]],
    ),
    (
        "Waiting",
        "why a transaction is not final yet",
        &[&[
            (
                "reason",
                "'halted'|'no-quorum'|'syncing'|'score-not-active'|'score-frozen'|'proposed'|'pool'",
                "the first that holds",
            ),
            ("detail", "text", "the facts"),
            ("pool", "@PoolPlace?", "its place in the pool of this peer"),
        ]],
    ),
    (
        "PoolPlace",
        "a place in the pool",
        &[&[
            ("ahead", "u64", "transactions that came before"),
            ("waiting", "u64", "all that wait"),
            ("of_signer", "u64", "of these, its signer's"),
            ("signer_max", "u64", "so many of one signer are taken"),
        ]],
    ),
    (
        "JourneyPeer",
        "times of one peer",
        &[&[
            ("name", "text", "ORG/NAME"),
            ("remembered", "bool", "whether it remembers any of them"),
            ("stages", "@JourneyStages", ""),
        ]],
    ),
    (
        "JourneyStages",
        "when it passed each stage, by the clock of the peer",
        &[&[
            ("ingest", "@Moment?", "it came"),
            ("mempool", "@Moment?", "it was checked and put into the pool"),
            ("proposed", "@Moment?", "a block with it was whole"),
            ("voted", "@Moment?", "the peer voted for that block"),
            ("final", "@Moment?", "the block was known to be final"),
            ("committed", "@Moment?", "the block was stored"),
        ]],
    ),
    (
        "Moment",
        "a time",
        &[&[
            ("time_us", "u64", "microseconds since 1970"),
            ("time", "time", "the same for people"),
        ]],
    ),
    ("Event", "what a transaction announced", &[EVENT]),
    (
        "Events",
        "a page of events, oldest first",
        &[&[
            ("schema", "'loopchain.events.v1'", ""),
            ("channel", "channel", ""),
            ("events", "[@PlacedEvent]", ""),
            (
                "next_from",
                "place?",
                "asks for the next page; null once all blocks were looked through",
            ),
        ]],
    ),
    (
        "PlacedEvent",
        "an event and where it stands",
        &[
            &[
                ("id", "place", ""),
                ("height", "u64", ""),
                ("transaction", "hash?", "null for what the block itself said"),
            ],
            EVENT,
        ],
    ),
    (
        "Blocks",
        "a page of blocks, newest first",
        &[&[
            ("schema", "'loopchain.blocks.v1'", ""),
            ("channel", "channel", ""),
            ("blocks", "[@BlockSummary]", ""),
            ("next_before", "u64?", "asks for the next page"),
        ]],
    ),
    ("BlockSummary", "a block without its transactions", &[BLOCK]),
    (
        "Block",
        "a final block",
        &[&[("schema", "'loopchain.block.v1'", ""), ("channel", "channel", "")], BLOCK, BLOCK_REST],
    ),
    (
        "BlockProofBytes",
        "the Final proof",
        &[&[("bytes", "base64", ""), ("signers", "[@Signer]", "")]],
    ),
    ("Signer", "who signed", &[&[("name", "text", "ORG/NAME"), ("weight", "u64", "")]]),
    (
        "BlockTransaction",
        "a transaction of the block",
        &[&[
            ("hash", "hash", ""),
            ("score", "score", ""),
            ("method", "text", ""),
            ("signer", "hash", "SHA-256 of the certificate"),
            ("size", "u64", "bytes"),
        ]],
    ),
    (
        "BlockProof",
        "why a block is final, checked by `loopchain block verify`",
        &[
            &[
                ("schema", "'loopchain.block-proof.v1'", ""),
                ("channel", "channel", ""),
                ("genesis", "hash", ""),
                ("epoch", "u64", ""),
                ("height", "u64", ""),
                ("hash", "hash", ""),
            ],
            PROOF_PART,
            &[
                ("descendants", "[hex]", "headers up to the block that is proved, oldest first"),
                ("proved", "@ProvedBlock", ""),
                ("rule", "@Rule", ""),
                ("validators", "[@Validator]", ""),
                ("units", "[@Unit]", "groups that count as one"),
                ("proof", "base64", "the rule's own bytes"),
                ("signers", "[@Signer]", ""),
                ("epochs?", "[@EpochEnd]", "the ends of the epochs before, after the first one"),
            ],
        ],
    ),
    (
        "ProvedBlock",
        "the block that the proof is about",
        &[&[
            ("height", "u64", ""),
            ("hash", "hash", ""),
            ("state_root", "hash", ""),
            ("receipts_root", "hash", ""),
        ]],
    ),
    (
        "Rule",
        "a consensus rule",
        &[&[
            ("id", "text", ""),
            ("version", "u32", ""),
            ("sha256", "[hash]", "accepted builds"),
            ("parameters", "{text}", ""),
        ]],
    ),
    ("Validator", "a validator", &[VALIDATOR]),
    (
        "Unit",
        "a group that counts as one",
        &[&[
            ("group", "text", ""),
            ("mode", "text", ""),
            ("weight", "u64", ""),
            ("threshold", "u64", "inner weight that speaks for it"),
        ]],
    ),
    (
        "EpochEnd",
        "the end of an epoch",
        &[
            PROOF_PART,
            &[
                ("descendants", "[hex]", ""),
                ("proof", "base64", ""),
                ("next", "hex", "what follows"),
            ],
        ],
    ),
    (
        "Receipt",
        "the portable receipt, checked by `loopchain verify` without a network",
        &[&[
            ("schema", "'loopchain.receipt.v1'", ""),
            ("channel", "channel", ""),
            ("genesis_hash", "hash", ""),
            ("hash", "hash", "of the transaction"),
            ("height", "u64", ""),
            ("index", "u64", "in its block"),
            ("transaction", "base64", ""),
            ("signature", "base64", ""),
            ("certificate", "base64", "of the signer, DER"),
            ("result", "@ReceiptResult", ""),
            ("inclusion", "@Inclusion", "from the hash to the header's transaction root"),
            ("result_inclusion", "@Inclusion", "from the result to the receipts root"),
            ("block", "@BlockProof", ""),
            ("genesis", "base64", "what the channel was made of"),
        ]],
    ),
    (
        "ReceiptResult",
        "how it ended, as it was hashed",
        &[&[
            ("status", "'ok'|'fault'|'trap'|'refused'|'crash'", ""),
            ("code", "u32", ""),
            ("output", "hex", ""),
            ("events_root", "hash", ""),
            ("writes_digest", "hash", ""),
            ("steps", "u64", ""),
        ]],
    ),
    (
        "Inclusion",
        "a Merkle path",
        &[&[
            ("index", "u64", ""),
            ("leaves", "u64", ""),
            ("path", "[hash]", "siblings, lowest first"),
        ]],
    ),
    (
        "Epochs",
        "what the channel runs with now and next",
        &[&[
            ("schema", "'loopchain.epochs.v1'", ""),
            ("channel", "channel", ""),
            ("epoch", "u64", ""),
            ("root_height", "u64", "where it began"),
            ("excluded", "[text]", "who leads nothing in it"),
            ("present", "@EpochConfig", ""),
            ("next?", "@EpochConfig", "once it is accepted"),
            ("changes", "[@Change]", "that wait"),
            ("epochs", "[@EpochRun]", ""),
        ]],
    ),
    (
        "EpochConfig",
        "what an epoch runs with",
        &[&[
            ("epoch", "u64", ""),
            ("hash", "hash", "of `config`"),
            ("rule", "text", ""),
            ("rule_version", "u32", ""),
            ("parameters", "{text}", ""),
            ("quorum", "u64", ""),
            ("validators", "[@Validator]", ""),
            ("block_bytes", "u64", ""),
            ("block_txs", "u64", ""),
            ("steps_per_block", "u64", ""),
            ("policies", "{text|bool}", "each in one line"),
            ("grants", "{text}", "what auditors read, by name, each in one line"),
            ("config", "hex", ""),
        ]],
    ),
    (
        "EpochRun",
        "one epoch",
        &[&[
            ("epoch", "u64", ""),
            ("root_height", "u64", ""),
            ("root", "hash", "the block it began after"),
            ("validators", "u64", "how many"),
            ("excluded", "[text]", ""),
        ]],
    ),
    (
        "Change",
        "a change that waits",
        &[&[
            ("id", "hash", ""),
            ("kind", "'deploy'|'configure'|'freeze'|'unfreeze'|'revoke'", ""),
            ("status", "'open'|'accepted'", ""),
            ("proposed_at", "u64", "height"),
            ("says", "[text]", ""),
            ("approved", "[text]", "who approved it"),
            ("approved_weight", "u64", ""),
            ("policy", "text", "that decides about it"),
            ("organisations", "[text]", "that agreed, where those are counted"),
        ]],
    ),
    (
        "Genesis",
        "what the channel was made of",
        &[&[
            ("schema", "'loopchain.genesis.v1'", ""),
            ("channel", "channel", ""),
            ("hash", "hash", ""),
            ("genesis", "hex", "the bytes that `hash` is of"),
        ]],
    ),
    (
        "EvidenceList",
        "validators that signed two statements which cannot both be honest",
        &[&[
            ("schema", "'loopchain.evidence.v1'", ""),
            ("channel", "channel", ""),
            ("evidence", "[@Evidence]", ""),
        ]],
    ),
    (
        "Evidence",
        "two statements of one signer",
        &[&[
            ("number", "u64", "from 1"),
            ("signer", "text", "ORG/NAME"),
            ("public_key", "hash", "Ed25519"),
            ("epoch", "u64", ""),
            ("view", "u64", ""),
            ("class", "u8", "of the register; the rule's numbering"),
            ("recorded_in", "u64?", "block in which it stands on the chain"),
            ("statements", "[@Statement]", "two"),
        ]],
    ),
    (
        "Statement",
        "what was signed",
        &[&[("digest", "hash", "what it writes"), ("bytes", "base64", "canonical")]],
    ),
    (
        "Scores",
        "every SCORE of the channel",
        &[&[
            ("schema", "'loopchain.scores.v1'", ""),
            ("channel", "channel", ""),
            ("scores", "[@ScoreState]", ""),
            ("versions", "[@Version]", ""),
            ("refused", "[@RefusedFile]", "files of the plugin folder that are not used"),
        ]],
    ),
    ("ScoreState", "a SCORE", &[SCORE]),
    (
        "Score",
        "a SCORE with its manifest",
        &[
            &[("schema", "'loopchain.score.v1'", ""), ("channel", "channel", "")],
            SCORE,
            &[("manifest", "@Manifest?", "null when the artefact is not here")],
        ],
    ),
    (
        "Frozen",
        "why it takes no transactions",
        &[&[("since", "u64", "height"), ("by", "'crashes'|'change'", ""), ("reason", "text", "")]],
    ),
    ("Version", "a version of a SCORE", &[VERSION]),
    (
        "VersionWithManifest",
        "a version of a SCORE with its manifest",
        &[VERSION, &[("manifest", "@Manifest?", "null when the file is not here")]],
    ),
    (
        "RefusedFile",
        "a file that is not used",
        &[&[("file", "text", ""), ("code", "code", ""), ("reason", "text", "")]],
    ),
    (
        "ScoreVersions",
        "every version that this peer holds or a change names",
        &[&[
            ("schema", "'loopchain.score-versions.v1'", ""),
            ("channel", "channel", ""),
            ("peer", "text", "ORG/NAME"),
            ("height", "u64", ""),
            ("quorum", "u64", ""),
            ("score", "text", ""),
            ("versions", "[@VersionWithManifest]", ""),
        ]],
    ),
    (
        "Manifest",
        "what a SCORE says of itself",
        &[&[
            ("abi", "text", ""),
            ("name", "score", ""),
            ("version", "text", ""),
            ("sdk", "text", ""),
            ("methods", "[@Method]", ""),
            ("events", "[@EventKind]", ""),
            ("faults", "[@FaultKind]", ""),
            ("any", "@CatchAll", ""),
        ]],
    ),
    (
        "Method",
        "a method",
        &[&[
            ("name", "text", ""),
            ("kind", "text", "`invoke`, `query` or `deploy`"),
            ("args", "[@TypedName]", ""),
            ("returns", "text", "a type"),
        ]],
    ),
    ("TypedName", "an argument or field", &[&[("name", "text", ""), ("type", "text", "a type")]]),
    ("EventKind", "an event", &[&[("name", "text", ""), ("fields", "[@TypedName]", "")]]),
    (
        "FaultKind",
        "a fault",
        &[&[("code", "u32", ""), ("name", "text", ""), ("message", "text", "")]],
    ),
    ("CatchAll", "whether it takes any JSON", &[&[("invoke", "bool", ""), ("query", "bool", "")]]),
    (
        "Question",
        "a read call",
        &[&[
            ("method", "text", "of the SCORE's manifest"),
            ("args?", "object|[any]", "by name or by position, typed by the manifest"),
        ]],
    ),
    (
        "QueryAnswer",
        "what it returned, and the block it read",
        &[&[
            ("schema", "'loopchain.query.v1'", ""),
            ("channel", "channel", ""),
            ("score", "score", ""),
            ("method", "text", ""),
            ("result", "any", ""),
            ("height", "u64", ""),
            ("block_hash", "hash", ""),
            ("steps", "u64", ""),
        ]],
    ),
];
