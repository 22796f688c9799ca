//! What `up` says: the lines of the guide, to the word. A part that does not exist has no line.

use super::Local;
use crate::beside_members::Helper;
use crate::client::{ChannelInfo, ScoreInfo};
use crate::network::{DATA_DEFAULT, Member, MemberRole, NetworkFile};
use crate::output::OK;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// The first two lines.
pub(crate) fn head(local_path: &Path, channels: &Path, is_new: bool) -> [String; 2] {
    let data = local_path.display();
    let state = if is_new { "new" } else { "continued" };
    let watched = format!("{} (watched)", channels.display());
    [
        format!("loopchain {} · local network in {data} ({state})", env!("CARGO_PKG_VERSION")),
        format!("  channels   {watched:<36} plugins   {data}/plugins (drop a .so here)"),
    ]
}

/// `  ✓ LABEL …`
pub(crate) fn step(label: &str, rest: &str) -> String {
    format!("  {OK} {label:<25} {rest}")
}

/// A step with its time at the right.
pub(crate) fn timed(label: &str, rest: &str, took: Duration) -> String {
    format!("  {OK} {label:<25} {rest:<46} {:.1} s", took.as_secs_f64())
}

/// The line of a process.
pub(crate) fn member(member: &Member) -> String {
    let label = match member.role {
        MemberRole::Radiostation => member.name.clone(),
        MemberRole::Peer => format!("{}  {}", member.name, member.org),
    };
    step(&label, &format!("{}   {}", member.rpc(), member.url()))
}

/// The line of a process beside the members; its address stands where theirs of the same kind do.
pub(crate) fn helper(helper: Helper) -> String {
    let (rpc, url) = (helper.rpc().unwrap_or_default(), helper.url().unwrap_or_default());
    step(helper.role.name(), format!("{rpc:<14}   {url}").trim_end())
}

/// The line of a channel.
pub(crate) fn channel(info: &ChannelInfo, scores: &[ScoreInfo]) -> String {
    let all = info.validators.len();
    let mut rest =
        format!("{} of {all} validators, tolerates {} faulty", info.connected(), info.faulty_max);
    if !scores.is_empty() {
        let names = scores.iter().map(|score| format!("{}@{}", score.name, score.version));
        rest.push_str(&format!("; SCORE {}", names.collect::<Vec<_>>().join(", ")));
    }
    step(&format!("channel {}", info.channel), &rest)
}

/// What to do next; `with_token` when the profile's channel has the sample SCORE.
pub(crate) fn foot(local: &Local, with_token: bool, with_notary: bool) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        "  You are    alice (client, bank-a)       also: bob, carol".to_owned(),
        String::new(),
    ];
    let data = local.data.path();
    let data = if data == Path::new(DATA_DEFAULT) {
        String::new()
    } else {
        format!(" --data {}", data.display())
    };
    let mut lead = "  Try        ";
    if with_token {
        lines.push(format!("{lead}loopchain tx send token transfer to=bob amount=100{data}"));
        lead = "             ";
    }
    let url = local.network.peers().next().map(Member::url).unwrap_or_default();
    if with_notary {
        lines.push(format!(
            "{lead}curl -d '{{\"data\":\"hello\"}}' -H 'Content-Type: application/json' \\"
        ));
        lines.push(format!("                  {url}/api/v1/transactions"));
    }
    lines.push(
        "  DEV KEYS: never use this network for real data.       Ctrl-C stops it · data stays"
            .to_owned(),
    );
    lines.push(String::new());
    lines
}

/// The one document of `--json`.
pub(crate) fn document(
    local: &Local,
    is_new: bool,
    (channels, helpers): (&[(ChannelInfo, Vec<ScoreInfo>)], &[Helper]),
    took: Duration,
) -> Value {
    let network: &NetworkFile = &local.network;
    let members: Vec<_> = network
        .members
        .iter()
        .map(|member| {
            json!({"name": member.name, "organisation": member.org, "rpc": member.rpc(),
                   "rest": member.url(), "operations": format!("http://{}", member.ops())})
        })
        .collect();
    let helpers: Vec<_> = helpers
        .iter()
        .map(|helper| {
            json!({"name": helper.role.name(), "organisation": helper.organisation(),
                   "rpc": helper.rpc(), "rest": helper.url(),
                   "operations": helper.ops().map(|at| format!("http://{at}"))})
        })
        .collect();
    let channels: Vec<_> = channels
        .iter()
        .map(|(info, scores)| {
            let scores = scores
                .iter()
                .map(|score| json!({"name": score.name, "version": score.version}))
                .collect::<Vec<_>>();
            json!({"name": info.channel, "rule": info.rule, "height": info.height,
                   "validators": info.validators.len(), "connected": info.connected(),
                   "faulty_max": info.faulty_max, "scores": scores})
        })
        .collect();
    json!({
        "schema": "loopchain.up.v1",
        "data": local.data.path().display().to_string(),
        "new": is_new,
        "pid": std::process::id(),
        "members": members,
        "helpers": helpers,
        "channels": channels,
        "identity": "alice",
        "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beside_members::HelperRole;
    use std::path::PathBuf;

    #[test]
    fn the_lines_stand_where_the_guide_has_them() {
        let [first, second] = head(Path::new("./.loopchain"), Path::new("./channels.toml"), true);
        assert_eq!(
            first,
            format!(
                "loopchain {} · local network in ./.loopchain (new)",
                env!("CARGO_PKG_VERSION")
            )
        );
        assert_eq!(
            second,
            "  channels   ./channels.toml (watched)            \
             plugins   ./.loopchain/plugins (drop a .so here)"
        );
        let peer = Member {
            name: "peer0".to_owned(),
            org: "bank-a".to_owned(),
            role: MemberRole::Peer,
            port: 7100,
            home: PathBuf::new(),
            public_key: String::new(),
        };
        assert_eq!(
            member(&peer),
            format!("  {OK} peer0  bank-a             127.0.0.1:7100   http://127.0.0.1:9000")
        );
        assert_eq!(
            HelperRole::ALL.map(|role| super::helper(role.at(7_100).unwrap())),
            [
                format!("  {OK} proxy                                      http://127.0.0.1:5000"),
                format!("  {OK} log-collector             127.0.0.1:24224"),
            ]
        );
        assert_eq!(
            timed("first transaction final", "", Duration::from_millis(1_900)),
            format!(
                "  {OK} first transaction final                                                  1.9 s"
            )
        );
    }

    #[test]
    fn a_channel_is_told_with_its_votes_and_scores() {
        let info = serde_json::from_value(json!({
            "channel": "demo", "genesis": "", "rule": "lft", "height": 3, "block_hash": "",
            "leader": null, "mode": "normal", "mode_reason": null, "quorum": 3,
            "total_weight": 4, "faulty_max": 1, "transactions": 0,
            "validators": [{"name": "a/b", "weight": 1, "connected": true}],
        }))
        .unwrap();
        let score = serde_json::from_value(json!({
            "name": "token", "version": "0.1.0", "sha256": "", "active_since": 2, "history": [],
        }))
        .unwrap();
        assert_eq!(
            channel(&info, &[score]),
            format!(
                "  {OK} channel demo              1 of 1 validators, tolerates 1 faulty; \
                 SCORE token@0.1.0"
            )
        );
    }
}
