//! The requests that v1 takes, of peers and of radiostations. It tells in the body how a request ended,
//! so its schemas take anything: what does not fit is answered, not refused.

use super::operation::{Answer, JSON, Method, Operation, Parameter};
use super::schemas::Table;
use host_types::Code;

const CHANNEL: Parameter = ("channel", "text", "name of a channel; the default one when not said");
const HASH: Parameter = ("hash", "text", "64 hex digits");

macro_rules! ok {
    ($kind:literal) => {
        &[Answer { status: 200, description: "answered", bodies: &[(JSON, $kind)], headers: &[] }]
    };
}

const GET: Operation = Operation {
    method: Method::Get,
    path: "",
    id: "",
    tag: "v1",
    summary: "",
    query: &[CHANNEL],
    headers: &[],
    body: &[],
    answers: &[],
    codes: &[],
    also: &[],
};

/// Of a peer.
pub(super) const PEER: &[Operation] = &[
    Operation {
        path: "/api/v1/status/peer",
        id: "v1PeerStatus",
        summary: "State of the peer on a channel",
        answers: ok!("@V1PeerStatus"),
        ..GET
    },
    Operation {
        path: "/api/v1/status/score",
        id: "v1ScoreStatus",
        summary: "The SCORE of a channel",
        answers: ok!("@V1ScoreStatus"),
        ..GET
    },
    Operation {
        method: Method::Post,
        path: "/api/v1/query",
        id: "v1Query",
        summary: "Ask the SCORE of a channel",
        query: &[],
        body: &[(JSON, "any")],
        answers: ok!("@V1Response"),
        codes: &[Code::JsonMalformed],
        ..GET
    },
    Operation {
        method: Method::Post,
        path: "/api/v1/transactions",
        id: "v1SendTransaction",
        summary: "Have a transaction signed by the peer and sent",
        query: &[],
        body: &[(JSON, "any")],
        answers: ok!("@V1Sent"),
        codes: &[Code::JsonMalformed],
        ..GET
    },
    Operation {
        path: "/api/v1/transactions",
        id: "v1GetTransaction",
        summary: "A final transaction",
        query: &[HASH, CHANNEL],
        answers: ok!("@V1Transaction|@V1Message"),
        ..GET
    },
    Operation {
        path: "/api/v1/transactions/result",
        id: "v1GetResult",
        summary: "How a transaction ended",
        query: &[HASH, CHANNEL],
        answers: ok!("@V1Response"),
        ..GET
    },
    Operation {
        path: "/api/v1/blocks",
        id: "v1GetBlock",
        summary: "The last block, or that of a hash",
        query: &[HASH, CHANNEL],
        answers: ok!("@V1LastBlock|@V1Block|@V1Message"),
        ..GET
    },
];

/// Of a radiostation.
pub(super) const RADIOSTATION: &[Operation] = &[
    Operation {
        path: "/api/v1/peer/list",
        id: "v1ListPeers",
        summary: "The peers of a channel",
        answers: ok!("@V1PeerList|@V1Message"),
        ..GET
    },
    Operation {
        path: "/api/v1/peer/leader",
        id: "v1Leader",
        summary: "The leader of a channel",
        answers: ok!("@V1Leader|@V1Message"),
        ..GET
    },
    Operation {
        path: "/api/v1/peer/status",
        id: "v1StatusOfPeer",
        summary: "The state of a peer",
        query: &[("peer_id", "text", "its id"), ("group_id", "text", "its id again"), CHANNEL],
        answers: ok!("@V1PeerStatus|@V1Message"),
        ..GET
    },
    Operation {
        path: "/api/v1/peer/status-list",
        id: "v1StatusList",
        summary: "The state of all peers of a channel",
        answers: ok!("@V1StatusList|@V1Message"),
        ..GET
    },
    Operation {
        path: "/api/v1/peer/{other}",
        id: "v1PeerOther",
        summary: "There is nothing else about peers",
        query: &[],
        answers: ok!("@V1Message"),
        ..GET
    },
    Operation {
        path: "/api/v1/conf",
        id: "v1Settings",
        summary: "All settings, or one; secrets are `***`",
        query: &[("name", "text", "of one setting")],
        answers: ok!("@V1Setting|@V1Settings|@V1Message"),
        ..GET
    },
    Operation {
        method: Method::Post,
        path: "/api/v1/conf",
        id: "v1SettingsGone",
        summary: "Gone: edit radiostation.toml",
        query: &[],
        codes: &[Code::Gone],
        ..GET
    },
    Operation {
        path: "/api/v1/cert/list/ca",
        id: "v1RootCertificate",
        summary: "The root certificate",
        query: &[],
        answers: ok!("@V1Certificate|@V1Message"),
        ..GET
    },
    Operation {
        path: "/api/v1/cert/list/peer",
        id: "v1PeerCertificates",
        summary: "The certificates of peers",
        query: &[],
        answers: ok!("@V1Certificates"),
        ..GET
    },
    Operation {
        path: "/api/v1/cert/issue/{other}",
        id: "v1IssueGone",
        summary: "Gone: each organisation's authority issues certificates",
        query: &[],
        codes: &[Code::Gone],
        ..GET
    },
    Operation {
        path: "/api/v1/cert/{*other}",
        id: "v1CertificateOther",
        summary: "There is nothing else about certificates",
        query: &[],
        answers: ok!("@V1Message"),
        ..GET
    },
];

/// What v1 answers of a peer.
pub(super) const PEER_TABLES: &[Table] = &[
    ("V1Refusal", "refused before it was looked at", &[&[("message", "text", "")]]),
    (
        "V1Message",
        "why there is no answer",
        &[&[("response_code", "integer", ""), ("message", "text", "")]],
    ),
    (
        "V1PeerStatus",
        "state of a peer",
        &[&[
            ("made_block_count?", "u64", "blocks with transactions that it proposed"),
            ("status", "text", ""),
            ("peer_type", "'0'|'1'|'2'", "1: leads; 2: unknown channel"),
            ("audience_count", "text", ""),
            ("consensus", "text", "the channel's rule"),
            ("peer_id", "uuid", ""),
            ("block_height", "u64", ""),
            ("total_tx", "u64", ""),
            ("peer_target", "text", "HOST:PORT"),
            ("leader_complaint", "u8", "1 while views end without blocks"),
        ]],
    ),
    (
        "V1ScoreStatus",
        "the SCORE of a channel; empty when there is none that runs",
        &[&[
            ("id?", "text", ""),
            ("version?", "text", "SHA-256 of the artefact"),
            ("all_version?", "[hash]", ""),
            ("status?", "integer", "0, or -1 without a SCORE"),
        ]],
    ),
    (
        "V1Response",
        "what it says",
        &[&[("response_code", "text", "`0`, or what went wrong"), ("response", "any", "")]],
    ),
    (
        "V1Sent",
        "what became of it",
        &[&[
            ("response_code", "text", "`0`, or why it was not sent"),
            ("tx_hash", "text", "64 hex digits, or nothing"),
            ("more_info", "text", ""),
        ]],
    ),
    (
        "V1Transaction",
        "a transaction",
        &[&[
            (
                "response_code",
                "integer|text",
                "text with `response_code = \"string\"` under `[rest]`",
            ),
            ("data", "any", "what was sent"),
            ("meta", "@V1Meta|text", ""),
            ("more_info", "text", ""),
            ("signature", "base64", ""),
            ("public_key", "base64", ""),
        ]],
    ),
    (
        "V1Meta",
        "about a transaction",
        &[&[
            ("peer_id", "text", "of its signer"),
            ("score_id", "text", ""),
            ("score_version", "text", ""),
            ("channel_name", "channel", ""),
        ]],
    ),
    (
        "V1LastBlock",
        "the last block",
        &[&[
            ("response_code", "integer", ""),
            ("block_hash", "hash", ""),
            ("block_data_json", "@V1BlockData", ""),
        ]],
    ),
    (
        "V1Block",
        "a block",
        &[&[
            ("block_hash", "hash", ""),
            ("block_data_json", "@V1BlockData", ""),
            ("tx_data_json", "[@V1BlockTransaction]|text", "an empty text when there is none"),
        ]],
    ),
    (
        "V1BlockData",
        "a block; every value is text",
        &[&[
            ("prev_block_hash", "text", ""),
            ("merkle_tree_root_hash", "text", ""),
            ("time_stamp", "microseconds", ""),
            ("height", "digits", ""),
            ("peer_id", "text", "of its proposer"),
        ]],
    ),
    (
        "V1BlockTransaction",
        "a transaction of a block",
        &[&[
            ("tx_hash", "hash", ""),
            ("timestamp", "u64", "microseconds since 1970"),
            ("data_string", "text", "what was sent"),
            ("peer_id", "text", "of its signer"),
        ]],
    ),
];

const RECORD: &[super::schemas::Field] = &[
    ("order", "u32", ""),
    ("peer_id", "uuid", ""),
    ("group_id", "uuid", ""),
    ("target", "text", "HOST:PORT"),
    ("cert", "base64", "of the public key"),
    ("status_update_time", "text", ""),
    ("status", "u8", "1: connected, 2: not"),
];

/// What v1 answers of a radiostation.
pub(super) const RADIOSTATION_TABLES: &[Table] = &[
    ("V1Refusal", "refused before it was looked at", &[&[("message", "text", "")]]),
    (
        "V1Message",
        "why there is no answer",
        &[&[("response_code", "integer", ""), ("message", "text", "")]],
    ),
    ("V1PeerList", "peers", &[&[("response_code", "integer", ""), ("data", "@V1Peers", "")]]),
    (
        "V1Peers",
        "peers",
        &[&[
            ("registered_peer_count", "u32", ""),
            ("connected_peer_count", "u32", ""),
            ("registered_peer_list", "[@V1Peer]", ""),
            ("connected_peer_list", "[@V1Peer]", ""),
        ]],
    ),
    ("V1Peer", "a peer", &[RECORD, &[("peer_type", "u8", "1: leads")]]),
    (
        "V1Leader",
        "the leader",
        &[&[("response_code", "integer", ""), ("data", "@V1LeaderData", "")]],
    ),
    ("V1LeaderData", "the leader", &[RECORD]),
    (
        "V1PeerStatus",
        "state of a peer",
        &[&[
            ("made_block_count?", "u64", "blocks with transactions that it proposed"),
            ("status", "text", ""),
            ("peer_type", "'0'|'1'|'2'", "1: leads"),
            ("audience_count", "text", ""),
            ("consensus", "text", "the channel's rule"),
            ("peer_id", "uuid", ""),
            ("block_height", "u64", ""),
            ("total_tx", "u64", ""),
            ("peer_target", "text", "HOST:PORT"),
            ("leader_complaint", "u8", "1 while views end without blocks"),
            ("order?", "u32", "in lists"),
        ]],
    ),
    ("V1StatusList", "states", &[&[("response_code", "integer", ""), ("data", "@V1Statuses", "")]]),
    (
        "V1Statuses",
        "states",
        &[&[
            ("registered_peer_count", "u32", ""),
            ("connected_peer_count", "u32", ""),
            ("peer_status_list", "[@V1PeerStatus]", ""),
        ]],
    ),
    (
        "V1Setting",
        "a setting",
        &[&[("response_code", "integer", ""), ("data", "@V1SettingData", "")]],
    ),
    (
        "V1Settings",
        "settings",
        &[&[("response_code", "integer", ""), ("data", "[@V1SettingData]", "")]],
    ),
    (
        "V1SettingData",
        "a setting",
        &[&[
            ("name", "text", ""),
            ("value", "text", ""),
            ("type", "u8", "0 text, 1 integer, 2 float, 3 boolean, 4 dictionary"),
        ]],
    ),
    (
        "V1Certificate",
        "a certificate",
        &[&[("response_code", "integer", ""), ("data", "@V1CertificateData", "")]],
    ),
    (
        "V1Certificates",
        "certificates",
        &[&[("response_code", "integer", ""), ("data", "[@V1CertificateData]", "")]],
    ),
    (
        "V1CertificateData",
        "a certificate",
        &[&[
            ("cert_type", "u8", "0: a root, 1: of a peer"),
            ("subject", "text", ""),
            ("issuer", "text", ""),
            ("*serial_number", "integer", "the key really begins with an asterisk"),
            ("not_after", "text", ""),
            ("cert_pem", "text", ""),
        ]],
    ),
];
