//! The certificate of a RadioStation is renewed while it runs, by the commands that its operator types: it is
//! taken without a restart, sessions go on, and peers that come later open theirs.

use crate::homes::{Homes, PEERS, STATION};
use std::collections::BTreeSet;
use std::time::Duration;
use tests::{eventually, http};

/// Debug processes on a machine that is compiling besides.
const WITHIN: Duration = Duration::from_secs(60);
/// `ESTABLISHED` in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";

/// When its certificate runs out as its metric tells, seconds since 1970.
fn end(homes: &Homes) -> Option<u64> {
    let url = format!("http://127.0.0.1:{}/metrics", homes.station_port() + 1_950);
    let answer = http::exchange("GET", &url, &[], None).ok()?;
    let name = "loopchain_certificate_expiry_timestamp_seconds{use=\"tls\"} ";
    answer.body.lines().find_map(|line| line.strip_prefix(name))?.parse().ok()
}

/// Ports from which its sessions come.
fn sessions(homes: &Homes) -> BTreeSet<u16> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
    let session = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
        let is_ours = port(local)? == homes.station_port() && state == ESTABLISHED;
        is_ours.then(|| port(remote))?
    };
    table.lines().filter_map(session).collect()
}

/// Since when each peer is connected, microseconds; none while one is not.
fn since(homes: &Homes) -> Option<Vec<u64>> {
    let url = format!("http://127.0.0.1:{}/api/v2/peers", homes.station_port() + 1_900);
    let page = http::exchange("GET", &url, &[], None).ok()?.json();
    let peers = page["peers"].as_array()?;
    let connected =
        peers.iter().map(|one| (one["connected"] == true).then(|| one["since_us"].as_u64())?);
    connected.collect()
}

#[test]
fn a_renewed_certificate_is_taken_while_it_runs_and_sessions_go_on() {
    let mut homes = Homes::make();
    homes.start(STATION);
    PEERS[..3].iter().for_each(|name| homes.start(name));
    homes.is_whole(&[0, 1, 2]);
    let connected =
        eventually(WITHIN, "it has three peers", || since(&homes).filter(|all| all.len() == 3));
    let before = end(&homes).unwrap();
    let held = sessions(&homes);
    assert!(held.len() >= 3, "one of each peer: {held:?}");

    let pki = format!("net/{STATION}/pki");
    homes.ok(&format!("cert renew --dir {pki} --host 127.0.0.1 --no-password"));
    homes.ok(&format!(
        "ca sign {pki}/request.pem --role radiostation --dir net/bank-a/ca --days 300"
    ));
    homes.ok(&format!(
        "cert renew --dir {pki} --certificates {pki}/request.bundle.pem --no-password"
    ));
    let after = eventually(WITHIN, "the renewed one counts", || {
        end(&homes).filter(|after| *after > before)
    });
    assert!(after > before + 60 * 86_400, "{after} is after {before}");
    eventually(WITHIN, "it says so", || {
        homes.log(STATION).contains("certificate.taken").then_some(())
    });

    assert!(sessions(&homes).is_superset(&held), "{held:?} went on: {:?}", sessions(&homes));
    homes.start(PEERS[3]);
    homes.is_whole(&[0, 1, 2, 3]);
    let now = eventually(WITHIN, "it has all four", || since(&homes).filter(|all| all.len() == 4));
    assert_eq!(now[..3], connected, "nobody was away meanwhile");
    assert!(sessions(&homes).is_superset(&held), "{held:?}: {:?}", sessions(&homes));
    for name in PEERS {
        let log = homes.log(name);
        let complaint = log.lines().find(|line| {
            ["radiostation.silent", "radiostation.refused"].iter().any(|event| line.contains(event))
        });
        assert_eq!(complaint, None, "{name}");
    }
}
