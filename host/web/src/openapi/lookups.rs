//! What v2 answers to those who look for transactions, keys of the state, or other peers, as tables;
//! [`super::schemas`] has the others.

use super::schemas::Table;

pub(super) const TABLES: &[Table] = &[
    (
        "Transactions",
        "final transactions, newest first",
        &[&[
            ("schema", "'loopchain.txs.v1'", ""),
            ("channel", "channel", ""),
            ("transactions", "[@FoundTransaction]", ""),
            ("next_cursor", "cursor?", "asks for the next page; null once all was looked at"),
        ]],
    ),
    (
        "FoundTransaction",
        "a final transaction",
        &[&[
            ("hash", "hash", ""),
            ("height", "u64", "of its block"),
            ("index", "u32", "in its block"),
            ("block_hash", "hash", ""),
            ("time_us", "u64", "of its block, microseconds since 1970"),
            ("time", "time", "the same for people"),
            ("score", "score", ""),
            ("method", "text", ""),
            ("signer", "hash", "SHA-256 of the certificate"),
            ("signer_name", "text?", "ORG/NAME"),
            ("status", "'ok'|'fault'|'trap'|'refused'|'crash'", "how it ended"),
            ("code", "u32", "number of a fault or refusal"),
            ("size", "u32", "bytes of its envelope"),
        ]],
    ),
    (
        "BulkLine",
        "what became of one of many transactions",
        &[&[
            ("index", "u32", "its place in the request, from 0"),
            ("hash?", "hash", "once it was read and taken"),
            ("state", "'pending'|'final'|'rejected'", ""),
            ("height?", "u64", "of the block it is final in"),
            ("error?", "@BulkRefusal", "why it was rejected"),
        ]],
    ),
    (
        "BulkRefusal",
        "why one of many transactions was not taken",
        &[&[
            ("code", "code", ""),
            ("message", "text", ""),
            ("help", "[text]", "what to do"),
            ("retryable", "bool", "whether the same transaction may be taken later"),
        ]],
    ),
    (
        "StateKey",
        "a key of the state after a block",
        &[&[
            ("schema", "'loopchain.state.v1'", ""),
            ("channel", "channel", ""),
            ("score", "score", ""),
            ("key", "hex", ""),
            ("value", "hex?", "null when the key is not there"),
            ("decoded", "any", "the value, where it is canonical CBOR"),
            ("height", "u64", "of the block"),
            ("block_hash", "hash", ""),
            ("state_root", "hash", "after that block"),
            ("proof", "@StateProof?", "when it was asked for"),
        ]],
    ),
    (
        "StateProof",
        "the way from a key to the root of the state",
        &[&[
            ("scores", "[@ScoreRoot]", "every SCORE that has state, by name"),
            ("siblings", "[hash]", "beside the way, from the root of the SCORE downwards"),
            ("bucket", "[@StateLeaf]", "where the way ends"),
        ]],
    ),
    (
        "ScoreRoot",
        "the root of a SCORE's state",
        &[&[("score", "score", ""), ("root", "hash", "")]],
    ),
    ("StateLeaf", "a key", &[&[("key_hash", "hash", ""), ("value_hash", "hash", "")]]),
    (
        "Network",
        "a peer, its channels, and who votes on them",
        &[&[
            ("schema", "'loopchain.network.v1'", ""),
            ("node", "text", "ORG/NAME"),
            ("version", "text", ""),
            ("default_channel", "channel", "of v1 requests that name none"),
            ("organisations", "[text]", ""),
            ("peers", "u64", "validators of its channels"),
            ("channels", "[@NetworkChannel]", ""),
        ]],
    ),
    (
        "NetworkChannel",
        "a channel, in short",
        &[&[
            ("channel", "channel", ""),
            ("genesis", "hash", ""),
            ("height", "u64", ""),
            ("has_quorum", "bool", "whether those this peer is connected with can decide"),
        ]],
    ),
    (
        "Peers",
        "validators as this peer sees them",
        &[&[
            ("schema", "'loopchain.peers.v1'", ""),
            ("node", "text", "ORG/NAME"),
            ("peers", "[@SeenPeer]", "by name"),
        ]],
    ),
    (
        "SeenPeer",
        "a validator",
        &[&[
            ("name", "text", "ORG/NAME"),
            ("organisation", "text", ""),
            ("self", "bool", ""),
            ("connected", "bool", "whether there is an open session with it"),
            ("channels", "[@SeenChannel]", ""),
        ]],
    ),
    (
        "SeenChannel",
        "what a validator is in a channel",
        &[&[("channel", "channel", ""), ("weight", "u64", ""), ("leader", "bool", "now")]],
    ),
];
