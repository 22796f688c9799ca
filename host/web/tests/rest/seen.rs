//! Whose view of the node a request is answered with: everybody's, or its signer's.

use crate::fake::{Node, ask, get, peer_with};
use crate::gate::signed;
use crate::live::Live;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Reads of a channel that its policy may refuse.
const READS: [&str; 8] = [
    "/blocks",
    "/blocks/1",
    "/blocks/1/certificate",
    "/transactions",
    "/events",
    "/epochs",
    "/genesis",
    "/evidence",
];

/// The made-up node shows its signers a channel that it shows nobody else.
#[tokio::test]
async fn a_signed_request_is_answered_as_its_signer_sees_the_node_and_the_next_one_is_not() {
    let live = Arc::new(Live::new(1, 8));
    live.is_open.store(false, Ordering::Relaxed);
    let pages = peer_with(Arc::new(Node { live: Some(live), ..Node::default() }));
    for read in READS {
        let path = format!("/api/v2/channels/channel1{read}");
        let refused = get(&pages, &path).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["code"]),
            (403, &"LC4103".into()),
            "{path}"
        );
        let answer = ask(&pages, signed(1, &path)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("cache-control")),
            (200, "private, no-store")
        );
        assert_eq!(get(&pages, &path).await.status, 403, "{path} behind a signed one");
    }
    // A signature is about one channel, in v2: nothing else is answered to it.
    for path in ["/api/v1/blocks?channel=channel1", "/api/v2/channels", "/api/v2/network", "/docs"]
    {
        assert_eq!(ask(&pages, signed(1, path)).await.status, 400, "{path}");
    }
    assert_eq!(ask(&pages, signed(1, "/api/v2/channels/channel1/nothing")).await.status, 404);
}
