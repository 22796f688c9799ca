//! The requests that v2 takes.

use super::operation::{
    Answer, CBOR, CBOR_SEQ, EVENT_STREAM, JSON, Media, Method, NDJSON, Operation, Parameter,
};
use host_types::Code;

/// Refusals of what is asked of a channel.
macro_rules! codes {
    ($($more:ident),*) => {
        &[
            Code::ChannelUnknown,
            Code::RoleRefused,
            Code::ChannelHalted,
            Code::Syncing,
            Code::Internal,
            $(Code::$more),*
        ]
    };
}

const NONE: &[Media] = &[];
const LAST_EVENT_ID: Parameter =
    ("Last-Event-ID", "text", "a stream begins behind this id; pages pass over it");
const IF_NONE_MATCH: &[Parameter] =
    &[("If-None-Match", "text", "an `ETag`; 304 when it still holds")];
const ETAG: &[Parameter] = &[("ETag", "text", "of what will never change")];
const WAIT: &[Parameter] = &[("Prefer", "prefer-in", "`wait=N`: at most 60 seconds")];
const PLACE: &[Parameter] = &[
    ("Location", "text", "where the transaction is"),
    ("Preference-Applied", "text", "how long was waited"),
];
const UNCHANGED: Answer =
    Answer { status: 304, description: "the client has it", bodies: NONE, headers: ETAG };
const LIMIT: Parameter = ("limit", "page-in", "how many; 20 when not said");

const SCORE_FILTER: Parameter = ("score", "score", "only of this SCORE");
const TOPIC: Parameter = ("topic", "topic-in", "only of this name");
const FROM: Parameter = ("from", "from-in", "a height, or HEIGHT.TX.EVENT as in `next_from`");

macro_rules! ok {
    ($kind:literal) => {
        Answer { status: 200, description: "found", bodies: &[(JSON, $kind)], headers: &[] }
    };
    ($kind:literal, $headers:expr) => {
        Answer { status: 200, description: "found", bodies: &[(JSON, $kind)], headers: $headers }
    };
}

/// A request without a body that is answered with one kind.
const GET: Operation = Operation {
    method: Method::Get,
    path: "",
    id: "",
    tag: "Channels",
    summary: "",
    query: &[],
    headers: &[],
    body: NONE,
    answers: &[],
    codes: codes!(),
    also: &[],
};

/// One for each method of each route.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: "/api/v2/channels",
        id: "listChannels",
        summary: "The channels of this peer",
        answers: &[ok!("@Channels")],
        codes: &[],
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}",
        id: "getChannel",
        summary: "Height, roots, leader, quorum and state of a channel",
        answers: &[ok!("@Channel")],
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/members",
        id: "listMembers",
        summary: "Certificates that the channel knows, or those of one name",
        query: &[("name", "text", "ORG/NAME, or NAME")],
        answers: &[ok!("@Members")],
        ..GET
    },
    Operation {
        method: Method::Post,
        path: "/api/v2/channels/{channel}/transactions",
        id: "sendTransaction",
        tag: "Transactions",
        summary: "Send a signed transaction; the same bytes get the same answer again",
        headers: WAIT,
        body: &[(JSON, "@Envelope"), (CBOR, "envelope-in")],
        answers: &[
            Answer {
                status: 200,
                description: "final",
                bodies: &[(JSON, "@FinalTransaction")],
                headers: PLACE,
            },
            Answer {
                status: 202,
                description: "taken; ask at `Location`",
                bodies: &[(JSON, "@AcceptedTransaction")],
                headers: PLACE,
            },
        ],
        codes: codes!(
            JsonMalformed,
            TxMalformed,
            TxTooLarge,
            SignatureWrong,
            TxExpired,
            TxDuplicate,
            ScoreUnknown,
            WrongChannel,
            ExpiryTooFar,
            ScoreFrozen,
            NoQuorum,
            PoolFull,
            SignerQuota,
            SignerUnknown,
            CertificateUntrusted,
            CertificateExpired,
            CertificateRevoked,
            AuditorSubmits,
            SigningStopped
        ),
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/transactions",
        id: "findTransactions",
        tag: "Transactions",
        summary: "Final transactions by who signed them and what they called, newest first",
        query: &[
            ("signer", "text", "a certificate, or the address or name of a member"),
            ("score", "score", "only calls of this SCORE"),
            ("method", "topic-in", "only calls of this method of it"),
            ("from", "u64", "in this block or later ones"),
            ("to", "u64", "in this block or earlier ones"),
            ("cursor", "cursor-in", "`next_cursor` of the page before"),
            LIMIT,
        ],
        answers: &[ok!("@Transactions")],
        ..GET
    },
    Operation {
        method: Method::Post,
        path: "/api/v2/channels/{channel}/transactions/bulk",
        id: "sendTransactions",
        tag: "Transactions",
        summary: "Send many signed transactions; a line of answer each, in their order",
        body: &[
            (JSON, "@Envelope"),
            (NDJSON, "@Envelope"),
            (CBOR_SEQ, "envelopes-in"),
            (CBOR, "envelopes-in"),
        ],
        answers: &[Answer {
            status: 200,
            description: "looked at, each for itself",
            bodies: &[(NDJSON, "@BulkLine")],
            headers: &[],
        }],
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/transactions/{hash}",
        id: "getTransaction",
        tag: "Transactions",
        summary: "Where a transaction is and how it ended",
        query: &[("proof", "'true'|'false'", "whether the portable receipt is added")],
        headers: IF_NONE_MATCH,
        answers: &[
            ok!("@PendingTransaction|@FinalTransaction|@RejectedTransaction", ETAG),
            UNCHANGED,
        ],
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/transactions/{hash}/receipt",
        id: "getReceipt",
        tag: "Transactions",
        summary: "The portable receipt of a final transaction",
        headers: IF_NONE_MATCH,
        answers: &[ok!("@Receipt", ETAG), UNCHANGED],
        codes: codes!(HistoryGone),
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/transactions/{hash}/journey",
        id: "getJourney",
        tag: "Transactions",
        summary: "When this peer saw a transaction pass each stage, who voted, and why it waits",
        answers: &[ok!("@Journey")],
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/blocks",
        id: "listBlocks",
        tag: "Blocks",
        summary: "Blocks, newest first",
        query: &[("before", "u64", "only blocks below this height"), LIMIT],
        answers: &[ok!("@Blocks")],
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/blocks/{block}",
        id: "getBlock",
        tag: "Blocks",
        summary: "A block",
        headers: IF_NONE_MATCH,
        answers: &[ok!("@Block", ETAG), UNCHANGED],
        codes: codes!(HistoryGone),
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/blocks/{block}/certificate",
        id: "getBlockProof",
        tag: "Blocks",
        summary: "Why a block is final, for whoever trusts no peer",
        headers: IF_NONE_MATCH,
        answers: &[ok!("@BlockProof", ETAG), UNCHANGED],
        codes: codes!(HistoryGone),
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/state/{score}/{key}",
        id: "getState",
        tag: "State",
        summary: "A key of the state, after the last block or a former one, with its proof",
        query: &[
            ("at", "u64", "after this block; the last one when it is not named"),
            ("proof", "'true'|'false'", "whether the way to the root is added"),
        ],
        answers: &[ok!("@StateKey")],
        codes: codes!(HistoryGone, ProofTooFar, StoreBusy),
        ..GET
    },
    Operation {
        path: "/api/v2/network",
        id: "getNetwork",
        tag: "Network",
        summary: "This peer, its channels, and the organisations that vote on them",
        answers: &[ok!("@Network")],
        codes: &[],
        ..GET
    },
    Operation {
        path: "/api/v2/network/peers",
        id: "listPeers",
        tag: "Network",
        summary: "Validators of this peer's channels, and whether it is connected with them",
        answers: &[ok!("@Peers")],
        codes: &[],
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/epochs",
        id: "listEpochs",
        summary: "Validators, rule and policies of each epoch, and changes that wait",
        answers: &[ok!("@Epochs")],
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/genesis",
        id: "getGenesis",
        summary: "What the channel was made of",
        answers: &[ok!("@Genesis")],
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/events",
        id: "listEvents",
        tag: "Events",
        summary: "What final transactions announced: a page, oldest first, or a stream",
        query: &[
            SCORE_FILTER,
            TOPIC,
            FROM,
            LIMIT,
            (
                "types",
                "'score'",
                "a stream (`Accept: text/event-stream`) takes a list of `block`, `tx`, `score`",
            ),
        ],
        headers: &[LAST_EVENT_ID],
        answers: &[Answer {
            status: 200,
            description: "a page; a stream when it is asked for",
            bodies: &[(JSON, "@Events"), (EVENT_STREAM, "text")],
            headers: &[],
        }],
        codes: codes!(HistoryGone, StreamsFull),
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/events/ws",
        id: "watchEvents",
        tag: "Events",
        summary: "The stream over WebSocket",
        query: &[
            ("types", "types-in", "`score` when not said"),
            SCORE_FILTER,
            TOPIC,
            FROM,
            ("last_event_id", "place", "begin behind it"),
        ],
        headers: &[LAST_EVENT_ID],
        answers: &[Answer {
            status: 101,
            description: "a WebSocket; each message is `{\"id\", \"type\", \"data\"}`",
            bodies: NONE,
            headers: &[],
        }],
        codes: codes!(HistoryGone, StreamsFull),
        also: &[(403, Code::ParameterWrong), (426, Code::ParameterWrong)],
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/evidence",
        id: "listEvidence",
        summary: "Validators that signed two statements which cannot both be honest",
        answers: &[ok!("@EvidenceList")],
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/scores",
        id: "listScores",
        tag: "SCOREs",
        summary: "The SCOREs of a channel and their versions",
        answers: &[ok!("@Scores")],
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/scores/{score}",
        id: "getScore",
        tag: "SCOREs",
        summary: "A SCORE with its manifest",
        answers: &[ok!("@Score")],
        codes: codes!(ScoreUnknown),
        ..GET
    },
    Operation {
        path: "/api/v2/channels/{channel}/scores/{score}/versions",
        id: "listVersions",
        tag: "SCOREs",
        summary: "The versions of a SCORE, active or not, as this peer knows them",
        answers: &[ok!("@ScoreVersions")],
        codes: codes!(ScoreUnknown),
        ..GET
    },
    Operation {
        method: Method::Post,
        path: "/api/v2/channels/{channel}/scores/{score}/query",
        id: "queryScore",
        tag: "SCOREs",
        summary: "Call a SCORE without a transaction",
        body: &[(JSON, "@Question")],
        answers: &[Answer {
            status: 200,
            description: "answered",
            bodies: &[(JSON, "@QueryAnswer")],
            headers: &[],
        }],
        codes: codes!(
            JsonMalformed,
            ScoreUnknown,
            ArgumentsWrong,
            MethodUnknown,
            ScoreFault,
            ScoreTrap,
            ScoreCrash,
            QueryTimeout,
            ArtefactMissing,
            ScoreNotActive
        ),
        ..GET
    },
];
