//! What is known of a peer: asked once a second while it answers, with growing pauses while it does not.
//!
//! In: a peer. Out: its channels with heights, whether they can decide and whether the peer signs for
//! v1 clients there, all from `GET /api/v2/channels`.

use super::limits::{CHANNELS_MAX, CHECK_BYTES_MAX, CHECK_EVERY, CHECK_WITHIN};
use super::upstream::{Known, Upstream};
use bytes::Bytes;
use host_rpc::backoff::Backoff;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::header::HOST;
use serde_json::Value;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;
use tokio::time::timeout;

/// Asks a peer again and again.
pub(super) async fn follow(peer: Arc<Upstream>) {
    let ip = peer.authority.parse().ok().map(|address: std::net::SocketAddr| address.ip());
    let mut backoff = Backoff::for_address(ip);
    let (random, mut count) = (RandomState::new(), 0_u64);
    loop {
        let checked = timeout(CHECK_WITHIN, check(&peer)).await;
        let checked = checked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let pause = match checked {
            Ok(channels) => {
                backoff.reset();
                peer.set_up(channels);
                CHECK_EVERY
            }
            Err(error) => {
                peer.set_down(&error);
                count += 1;
                backoff.next(random.hash_one(count) as u32)
            }
        };
        // A request that found it down wants to know at once when it is back.
        timeout(pause, peer.doubted.notified()).await.ok();
    }
}

async fn check(peer: &Upstream) -> io::Result<BTreeMap<String, Known>> {
    let mut connection = peer.connect().await?;
    let request = Request::get("/api/v2/channels")
        .header(HOST, &peer.authority)
        .body(Full::new(Bytes::new()))
        .map_err(io::Error::other)?;
    let answer = connection.send_request(request).await.map_err(io::Error::other)?;
    if !answer.status().is_success() {
        return Err(io::Error::other(format!("it answered {}", answer.status())));
    }
    let body = Limited::new(answer.into_body(), CHECK_BYTES_MAX).collect().await;
    let body: Value = serde_json::from_slice(&body.map_err(io::Error::other)?.to_bytes())?;
    peer.give_back(connection);
    let listed = body["channels"].as_array().ok_or_else(|| io::Error::other("it is no peer"))?;
    Ok(listed.iter().take(CHANNELS_MAX).filter_map(known).collect())
}

fn known(channel: &Value) -> Option<(String, Known)> {
    let number = |key: &str| channel[key].as_u64();
    // A peer that does not say what it sees is believed to see enough.
    let has_quorum = number("connected_weight")
        .zip(number("quorum"))
        .is_none_or(|(connected, quorum)| connected >= quorum);
    let known = Known {
        height: number("height")?,
        has_quorum,
        signs: channel["v1_gateway"] == true,
        is_normal: channel["mode"] == "normal",
    };
    Some((channel["channel"].as_str()?.to_owned(), known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_channel_tells_height_quorum_and_who_signs() {
        let channel = json!({"channel": "demo", "height": 7, "quorum": 3, "connected_weight": 2,
            "v1_gateway": true, "mode": "normal"});
        let expected = Known { height: 7, has_quorum: false, signs: true, is_normal: true };
        assert_eq!(known(&channel), Some(("demo".to_owned(), expected)));
        let silent = json!({"channel": "demo", "height": 7, "quorum": 3, "mode": "syncing"});
        let (_, silent) = known(&silent).unwrap();
        assert!(silent.has_quorum && !silent.signs && !silent.is_normal);
        assert_eq!(known(&json!({"channel": "demo"})), None);
    }
}
