//! What an auditor types: the check of a peer's whole store, a report for somebody else, and what
//! happens to one that was changed.

use crate::sample;
use serde_json::json;
use tests::Network;

#[test]
fn a_store_is_audited_and_a_report_of_it_is_refused_once_it_was_changed() {
    let network = Network::up(sample());
    for _ in 0..3 {
        let sent = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
        assert_eq!(sent.code, 0, "{sent:?}");
    }
    let height = network.height(0, "demo").unwrap();
    let told = network.cli_json(&["audit", "verify", "--deep"]);
    assert_eq!((&told["findings"], &told["proofs"]), (&json!([]), &told["blocks"]), "{told}");
    assert!(told["height"].as_u64() >= Some(height), "{told}");
    assert_eq!((&told["deep"]["from"], &told["deep"]["to"]), (&json!(1), &told["height"]));
    let least = &told["least"][0];
    assert_eq!((&least["quorum"], &least["total_weight"]), (&json!(3), &json!(4)), "{told}");

    let folder = network.folder().join("report");
    let out = folder.to_str().unwrap();
    let made = network.cli(&[
        "audit",
        "report",
        "--out",
        out,
        "--identity",
        "auditor",
        "--from",
        "2020-01-01",
        "--to",
        "2100-01-01",
    ]);
    assert_eq!(made.code, 0, "{made:?}");
    let check = || network.cli(&["audit", "check", out]);
    let said = check();
    assert!(said.code == 0 && said.stdout.contains("receipts hold"), "{said:?}");

    let table = folder.join("report.csv");
    let text = std::fs::read_to_string(&table).unwrap();
    let changed = text.replacen("transfer", "transfir", 1);
    assert_ne!(text, changed, "there is something to change");
    std::fs::write(&table, changed).unwrap();
    let said = check();
    assert_eq!((said.code, said.error().as_str()), (7, "LC3311"), "{said:?}");
}
