//! An organisation with its own authority, by the commands that its people run: from an empty folder
//! to a peer that runs with certificates of that authority and encrypted keys, and renews them.

use host_identity::{Certificate, keyfile};
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
    keyfile::write_whole(&folder.join("password"), PASSWORD.as_bytes(), 0o600).unwrap();
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

/// What an operator may write whose authority is reachable: here it is a folder.
const RENEW: &str = "set -e\n\
    \"$PROGRAM\" cert renew --dir pki --host 127.0.0.1 --no-password\n\
    \"$PROGRAM\" ca sign pki/request.pem --role validator --dir ../ca --days 90\n\
    \"$PROGRAM\" cert renew --dir pki --certificates pki/request.bundle.pem --no-password\n";

/// Certificates by use: their state in `status`, and when they run out as the metric tells it.
fn certificates(port: &BasePort) -> Option<Vec<(String, u64)>> {
    let url = format!("http://127.0.0.1:{}/api/v2/channels", port.rest(0));
    let told = http::exchange("GET", &url, &[], None).ok()?.json();
    let url = format!("http://127.0.0.1:{}/metrics", port.rest(0) + 50);
    let answer = http::exchange("GET", &url, &[], None).ok()?;
    let all = told["node"]["certificates"].as_array()?.iter().map(|one| {
        let name = "loopchain_certificate_expiry_timestamp_seconds";
        let line = format!("{name}{{use=\"{}\"}} ", one["use"].as_str()?);
        let seconds =
            answer.body.lines().find_map(|found| found.strip_prefix(&line))?.parse().ok()?;
        assert_eq!(one["not_after_us"].as_u64()? / 1_000_000, seconds);
        Some((one["state"].as_str()?.to_owned(), seconds))
    });
    all.collect()
}

#[test]
fn a_peer_whose_certificates_end_soon_has_its_command_renew_them() {
    let (place, port) = (tempfile::tempdir().unwrap(), BasePort::take());
    let folder = place.path();
    ok(folder, "ca init bank-a --dir ca --no-password");
    ok(folder, "ca network --dir ca --name alone");
    let asked = format!(
        "peer init --home home --network ca/network.toml --org bank-a --name peer0 \
         --listen 127.0.0.1:{} --no-password",
        port.number
    );
    ok(folder, &asked);
    ok(folder, "ca sign home/pki/request.pem --role validator --dir ca --days 20 --out back.pem");
    ok(folder, "peer init --home home --certificates back.pem --no-password");
    let before = end_of_signing(folder);

    let mut settings = std::fs::read_to_string(folder.join("home/peer.toml")).unwrap();
    settings.push_str("\n[renewal]\ncommand = [\"sh\", \"renew.sh\"]\n");
    std::fs::write(folder.join("home/peer.toml"), settings).unwrap();
    std::fs::write(folder.join("home/renew.sh"), RENEW).unwrap();
    let mut command = process::tied(Path::new(PROGRAM));
    clean(&mut command);
    command.args(["peer", "run", "--home", "home"]).current_dir(folder).env("PROGRAM", PROGRAM);
    let mut peer = process::start(command);
    let told = eventually(READY_WITHIN, "both certificates are renewed", || {
        let told = certificates(&port)?;
        told.iter().all(|(state, _)| state == "valid").then_some(told)
    });
    assert_eq!(told.len(), 2);
    for (_, seconds) in told {
        assert!(seconds > before + 60 * 86_400, "{seconds} is after {before}");
    }
    process::signal("INT", &[peer.id()]);
    assert!(process::ended(&mut peer, READY_WITHIN).unwrap().success());
}

/// When the signing certificate of the home runs out, seconds since 1970.
fn end_of_signing(folder: &Path) -> u64 {
    let der = keyfile::load_certificate(&folder.join("home/pki/sign.crt")).unwrap();
    Certificate::parse(&der).unwrap().not_after.get() / 1_000_000
}
