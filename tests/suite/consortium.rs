//! An organisation with its own authority, by the commands that its people run: from an empty folder
//! to a peer that runs with certificates of that authority and encrypted keys.

use std::path::Path;
use std::time::Duration;
use tests::network::{clean, run};
use tests::ports::BasePort;
use tests::{eventually, http, process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_loopchain-under-test");
/// A debug process on a machine that is compiling besides.
const READY_WITHIN: Duration = Duration::from_secs(60);
const PASSWORD: &str = "correct horse battery";

/// Runs a command in the folder; what it printed.
fn ok(folder: &Path, line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    let said = run(Path::new(PROGRAM), folder, &words);
    assert_eq!(said.code, 0, "{line}: {said:?}");
    said.stdout
}

#[test]
fn a_peer_runs_with_the_certificates_of_its_own_organisation() {
    let (place, port) = (tempfile::tempdir().unwrap(), BasePort::take());
    let folder = place.path();
    std::fs::write(folder.join("password"), PASSWORD).unwrap();
    ok(folder, "ca init bank-a --dir ca --password-file password");
    ok(folder, "ca network --dir ca --name alone --radiostation bank-a/radiostation");
    let invitation = ok(folder, "ca invite --role validator --name peer0 --dir ca --quiet");
    let listen = format!("127.0.0.1:{}", port.number);
    ok(
        folder,
        &format!(
            "peer init --home home --join {invitation} --listen {listen} --password-file password"
        ),
    );
    ok(folder, "ca sign home/pki/request.pem --dir ca --password-file password --out back.pem");
    ok(folder, "peer init --home home --certificates back.pem --password-file password");

    let without = run(Path::new(PROGRAM), folder, &["peer", "run", "--home", "home"]);
    assert!(without.code == 2 && without.stderr.contains("LC4123"), "{without:?}");
    let mut command = process::tied(Path::new(PROGRAM));
    clean(&mut command);
    command.args(["peer", "run", "--home", "home"]).current_dir(folder);
    command.env("LOOPCHAIN_KEY_PASSWORD", PASSWORD);
    let mut peer = process::start(command);
    let url = format!("http://127.0.0.1:{}/api/v2/channels", port.rest(0));
    let told = eventually(READY_WITHIN, "the peer answers", || {
        let answer = http::exchange("GET", &url, &[], None).ok()?;
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(told["node"]["name"], "bank-a/peer0");
    for certificate in told["node"]["certificates"].as_array().unwrap() {
        assert_eq!(certificate["state"], "valid");
    }
    process::signal("INT", &[peer.id()]);
    assert!(process::ended(&mut peer, READY_WITHIN).unwrap().success());
}
