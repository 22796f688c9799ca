//! Whoever is audited gets whole answers only; a stream is refused, and its connection stays one of requests.

use crate::live::Live;
use crate::stream_client::served;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_types::read_request::{ReadRequest, SignedRead};
use host_types::{BlockTime, CertificateId, Encode, GenesisHash, Hash32};
use host_web::ServerLimits;
use host_web::stream::limits::StreamLimits;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The header of an auditor, who is the only one to sign on `channel2`.
fn signed(target: &str) -> String {
    let request = ReadRequest {
        genesis: GenesisHash::new(Hash32::new([1; 32])),
        method: "GET".into(),
        target: target.into(),
        body: Hash32::sha256(b""),
        signer: CertificateId::new(Hash32::new([1; 32])),
        nonce: 0,
        expiry: BlockTime::new(1),
    };
    STANDARD.encode(SignedRead { request, signature: [0; 64] }.to_bytes())
}

#[tokio::test]
async fn after_a_refused_web_socket_two_framings_of_one_body_are_refused_still() {
    let served = served(Live::new(1, 8), StreamLimits::default(), ServerLimits::default()).await;
    let mut connection = TcpStream::connect(served.address).await.unwrap();
    let target = "/api/v2/channels/channel2/events/ws";
    let upgrade = format!(
        "GET {target} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Loopchain-Read: {}\r\n\r\n",
        signed(target)
    );
    let hidden = "0\r\n\r\nGET /api/v2/channels HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let ambiguous = format!(
        "POST /api/v2/channels/channel1/scores/notary/query HTTP/1.1\r\nHost: a\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n\
         {hidden}",
        hidden.len()
    );
    connection.write_all(upgrade.as_bytes()).await.unwrap();
    let mut some = [0; 4096];
    let length = timeout(PATIENCE, connection.read(&mut some)).await.unwrap().unwrap();
    let refused = String::from_utf8_lossy(&some[..length]).into_owned();
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("LC7106"), "{refused}");
    connection.write_all(ambiguous.as_bytes()).await.unwrap();
    let mut rest = String::new();
    timeout(PATIENCE, connection.read_to_string(&mut rest)).await.unwrap().unwrap();
    assert!(rest.starts_with("HTTP/1.1 400"), "{rest}");
    assert_eq!(rest.matches("HTTP/1.1").count(), 1, "{rest}");
}
