//! An application of a few lines: it connects to several peers, pays, waits until that is final, and checks
//! the receipt against a genesis hash that it knows from elsewhere.
//!
//! In: where keys and rules lie, what is trusted, peers. Out: one line, or the first thing that went wrong.

use host_client::receipt::{Trust, verify};
use host_client::{Client, ClientError, Identity, Settings};
use host_rules::RuleShelf;
use host_types::{Code, GenesisHash};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Pays one token to `to` from alice's account and tells what was proved.
///
/// # Errors
/// What a peer refused, or the part of the receipt that does not hold.
pub async fn pay(
    data: &Path,
    trusted: GenesisHash,
    peers: &[&str],
    to: &str,
) -> Result<String, ClientError> {
    // Connect: which peer answers is the client's business.
    let client = Client::new(Settings::new(peers.iter().copied(), "demo")?)?;
    let alice = Identity::load(&data.join("keys/alice.key"), None)?;

    // Send and wait.
    let call = client.call("token", "transfer", &json!({"to": to, "amount": 1})).await?;
    let signed = call.sign(&alice)?;
    let (_, done) = client.submit_and_wait(&signed, Duration::from_secs(30)).await?;
    if done.state != "final" {
        let why = done.error.map_or(done.state, |error| error.message);
        return Err(ClientError::new(Code::NotFinalYet, why));
    }

    // Verify: no peer is believed. The rule's file says what a proof means.
    let receipt = client.receipt(&signed.id.to_string()).await?.to_string();
    let receipt = host_web::receipt::read(receipt.as_bytes())?;
    if receipt.transaction.id() != signed.id {
        return Err(ClientError::new(Code::ReceiptSignature, "a receipt of another transaction"));
    }
    let copies = std::env::temp_dir().join(format!("rest-client-{}", std::process::id()));
    let shelf = RuleShelf::open(&data.join("plugins"), &copies)?;
    let shown = verify(&receipt, &Trust::Genesis(trusted), &|rule| shelf.find(rule))?;
    std::fs::remove_dir_all(&copies).ok();
    Ok(format!(
        "{} paid {to} in block {}, final with {} of {}",
        shown.signer, receipt.proof.header.height, shown.proven.weight, shown.proven.total
    ))
}
