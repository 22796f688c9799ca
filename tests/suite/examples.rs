//! The examples that are networks: `examples/two-channels/run.sh` does what it says.

use score_native_link::build::source_tree;
use std::process::{Command, Stdio};
use tests::network::{build_scores, clean};
use tests::ports::BasePort;

#[test]
fn two_channels_pay_apart() {
    build_scores();
    let port = BasePort::take();
    let mut script = Command::new("bash");
    clean(&mut script);
    script.arg(source_tree().unwrap().join("examples/two-channels/run.sh")).stdin(Stdio::null());
    script.env("LOOPCHAIN", env!("CARGO_BIN_EXE_loopchain-under-test"));
    script.env("BASE_PORT", port.number.to_string());
    let said = script.output().unwrap();
    let printed = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{said:?}");
    assert!(
        printed.ends_with("two channels: paid on one, nothing moved on the other\n"),
        "{printed}"
    );
}
