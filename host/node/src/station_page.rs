//! The page `GET /api/v2/peers` of a RadioStation, for those who hold no certificate.
//!
//! In: the page; an entry of it. Out: who is listed, unchecked; where clients reach a node. Deliberately not here:
//! asking for it, and whether an entry is believed (`host_rpc::directory`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_identity::Certificate;
use host_rpc::directory::{Entry, LISTED_MAX, Listed, SignedEntry};
use host_types::{BlockTime, Decode};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};

/// Who is listed, at most [`LISTED_MAX`]; what cannot be read is left out. `None` when it is no such page.
#[must_use]
pub fn listed(page: &Value) -> Option<Vec<Listed>> {
    let all = page.get("peers")?.as_array()?;
    Some(all.iter().take(LISTED_MAX).filter_map(one).collect())
}

fn one(one: &Value) -> Option<Listed> {
    let entry = STANDARD.decode(one.get("entry")?.as_str()?).ok()?;
    Some(Listed {
        order: u32::try_from(one.get("order")?.as_u64()?).ok()?,
        is_connected: one.get("connected")?.as_bool()?,
        status_since: BlockTime::new(one.get("since_us")?.as_u64()?),
        entry: SignedEntry::from_bytes(&entry).ok()?,
    })
}

/// `host:port` where clients reach a node; none when it serves none, or is no peer.
#[must_use]
pub fn rest_of(entry: &Entry) -> Option<String> {
    if !Certificate::parse(&entry.certificate).ok()?.role.is_node() {
        return None;
    }
    let rest = &entry.rest_target;
    let (host, port) = rest.rsplit_once(':')?;
    let is_anywhere = rest.parse::<SocketAddr>().is_ok_and(|at| match at.ip() {
        IpAddr::V4(ip) => ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unspecified(),
    });
    // It listens everywhere: then also where other peers dial it.
    let host = if is_anywhere { entry.rpc_target.rsplit_once(':')?.0 } else { host };
    let is_port = port.parse::<u16>().is_ok_and(|port| port != 0);
    (is_host(host) && is_port).then(|| format!("{host}:{port}"))
}

/// Whether it is a name or an address: a peer may have signed anything, and this text stands in requests, logs
/// and metrics.
fn is_host(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    !text.is_empty() && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_identity::{Authority, Role, SigningKey, Validity};
    use host_types::NodeName;
    use serde_json::json;

    fn entry(role: Role, rpc: &str, rest: &str) -> Entry {
        let authority = Authority::new("bank-a", Validity::days_from_now(9)).unwrap();
        let (name, key) = (NodeName::new("bank-a/one").unwrap(), SigningKey::from_seed([1; 32]));
        let days = Validity::days_from_now(9);
        let signed = authority.issue_signing(&name, role, None, &key.public(), days).unwrap();
        Entry {
            certificate: signed.der,
            rpc_target: rpc.to_owned(),
            rest_target: rest.to_owned(),
            channels: vec![],
            issued: BlockTime::new(1),
        }
    }

    #[test]
    fn clients_are_served_where_the_peer_says_and_by_nodes_only() {
        let at = |role, rpc, rest| rest_of(&entry(role, rpc, rest));
        let table = [
            ("10.0.0.1:7100", "10.0.0.1:9000", Some("10.0.0.1:9000")),
            ("a.example:7100", "0.0.0.0:9000", Some("a.example:9000")),
            ("[fd00::1]:7100", "[::]:9000", Some("[fd00::1]:9000")),
            ("[fd00::1]:7100", "[::]:9000", Some("[fd00::1]:9000")),
            ("10.0.0.1:7100", "", None),
            ("10.0.0.1:7100", "10.0.0.2", None),
            ("10.0.0.1:7100", "10.0.0.2:0", None),
            ("10.0.0.1:7100", "10.0.0.2:99999", None),
            ("10.0.0.1:7100", "a\"} 1\nloopchain_up{b=\"c:9000", None),
            ("10.0.0.1:7100", "a/../b:9000", None),
            ("a b:7100", "0.0.0.0:9000", None),
        ];
        for (rpc, rest, expected) in table {
            assert_eq!(at(Role::Peer, rpc, rest).as_deref(), expected, "{rest}");
        }
        assert_eq!(at(Role::Auditor, "a:1", "a:2").as_deref(), Some("a:2"));
        assert_eq!(at(Role::Client, "a:1", "a:2"), None);
    }

    #[test]
    fn what_is_no_page_lists_nobody_and_what_is_no_entry_is_left_out() {
        assert!(listed(&json!({"error": "no"})).is_none());
        let odd =
            json!({"peers": [{"order": 1, "connected": true, "since_us": 2, "entry": "AA=="}]});
        assert_eq!(listed(&odd).map(|all| all.len()), Some(0));
    }
}
