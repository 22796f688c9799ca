//! Two organisations, each with its own authority, from empty folders to homes that load: every
//! step as a command line.

use super::{Done, run};
use crate::args::Cli;
use crate::output::Out;
use host_identity::{Role, keyfile};
use host_node::config::{Overrides, PeerConfig};
use host_types::fault::Code;
use std::path::PathBuf;
use std::process::ExitCode;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (name, text) in [("ca", "a password of bank-a\n"), ("peer", "a password of peer0\n")] {
            let path = place.path(&format!("{name}.password"));
            host_identity::keyfile::write_whole(&path, text.as_bytes(), 0o600).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a line; words that begin with `@` are paths in this place.
    fn run(&self, line: &str) -> Done {
        let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).to_str().unwrap().to_owned(),
            None => word.to_owned(),
        });
        let cli = Cli::read(["loopchain".to_owned()].into_iter().chain(words));
        let cli = cli.unwrap_or_else(|error| panic!("{line}: {error}"));
        run(cli.command, cli.global, Out::machine())
    }

    fn ok(&self, line: &str) {
        let done = self.run(line).unwrap_or_else(|failure| panic!("{line}: {}", failure.to_text()));
        assert_eq!(done, ExitCode::SUCCESS, "{line}");
    }

    fn refused(&self, line: &str) -> Code {
        match self.run(line) {
            Err(failure) => failure.code(),
            Ok(code) => panic!("{line}: {code:?}"),
        }
    }

    fn found_wrong(&self, line: &str) {
        let done = self.run(line).unwrap_or_else(|failure| panic!("{line}: {}", failure.to_text()));
        assert_eq!(done, ExitCode::from(crate::failure::EXIT_FOUND), "{line}");
    }

    /// The newest open invitation of an authority.
    fn invitation(&self, ca: &str) -> String {
        let text = std::fs::read_to_string(self.path(ca).join("invitations.json")).unwrap();
        let open: serde_json::Value = serde_json::from_str(&text).unwrap();
        open.as_array().unwrap().last().unwrap()["line"].as_str().unwrap().to_owned()
    }

    /// Both authorities, and the network that both know.
    fn consortium(&self) {
        self.ok("ca init bank-a --dir @a --password-file @ca.password");
        self.ok("ca init bank-b --dir @b --no-password");
        self.ok("ca network --dir @a --name test --root @b/root.crt \
             --radiostation bank-a/radiostation --target 127.0.0.1:7102");
        self.ok("ca network --dir @b --import @a/network.toml");
    }
}

#[test]
fn an_invited_peer_ends_with_a_home_that_loads() {
    let place = Place::new();
    place.consortium();
    place.ok("ca invite --role validator --name peer0 --dir @a");
    let line = place.invitation("a");
    place.ok(&format!("peer init --home @home --join {line} --password-file @peer.password"));
    place.ok("ca sign @home/pki/request.pem --dir @a --password-file @ca.password --out @back.pem");
    let again = "ca sign @home/pki/request.pem --dir @a --password-file @ca.password";
    assert_eq!(place.refused(again), Code::InvitationWrong, "an invitation is good once");
    place.ok("peer init --home @home --certificates @back.pem --password-file @peer.password");
    place.ok("cert verify @home/pki --password-file @peer.password");

    let config = PeerConfig::load(&place.path("home"), &Overrides::default()).unwrap();
    assert_eq!(config.node_name().unwrap().as_str(), "bank-a/peer0");
    assert_eq!(config.network.roots().unwrap().len(), 2);
    assert_eq!(config.radiostation.targets, ["127.0.0.1:7102"]);
    let password = Some("a password of peer0");
    let key = keyfile::load_either(&config.signing.key, password).unwrap();
    let der = keyfile::load_certificate(&config.signing.certificate).unwrap();
    let certificate = host_identity::Certificate::parse(&der).unwrap();
    assert_eq!(certificate.signing_key(), Some(&key.public()));
    assert_eq!(certificate.role, Role::Validator);
    assert!(keyfile::load_pkcs8(&config.tls.key, None).is_err(), "it is encrypted");
    let trusted = std::fs::read_dir(place.path("home/pki/ca")).unwrap().count();
    assert_eq!(trusted, 2, "the roots of both organisations");
}

#[test]
fn without_a_line_files_are_carried() {
    let place = Place::new();
    place.consortium();
    place.ok(
        "peer init --home @home --network @b/network.toml --org bank-b --name peer1 --no-password",
    );
    assert_eq!(place.refused("ca sign @home/pki/request.pem --dir @b"), Code::UsageWrong);
    let other = "ca sign @home/pki/request.pem --dir @b --role admin";
    assert_eq!(place.refused(other), Code::CertificateRoleWrong);
    let foreign =
        "ca sign @home/pki/request.pem --dir @a --role validator --password-file @ca.password";
    assert_eq!(place.refused(foreign), Code::CertificateNameWrong);
    place.ok("ca sign @home/pki/request.pem --dir @b --role validator --out @back.pem");
    place.ok("peer init --home @home --certificates @back.pem");
    place.ok("cert verify @home/pki");
    place.ok("cert check @back.pem --root @b/root.crt --role validator --name bank-b/peer1");
    place.found_wrong("cert check @back.pem --root @a/root.crt");
    place.found_wrong("cert check @back.pem --at 2020-01-01T00:00:00Z");
    place.found_wrong("cert check @back.pem --role client");
}

#[test]
fn roots_that_were_not_agreed_on_are_not_believed() {
    let place = Place::new();
    place.consortium();
    place.ok(
        "peer init --home @home --network @b/network.toml --org bank-b --name peer1 --no-password",
    );
    place.ok("ca init bank-b --dir @evil --no-password");
    place.ok("ca sign @home/pki/request.pem --dir @evil --role validator --out @back.pem");
    let refused = place.refused("peer init --home @home --certificates @back.pem");
    assert_eq!(refused, Code::CertificateUntrusted);
    assert!(!place.path("home/pki/sign.crt").exists());
}

#[test]
fn a_renewed_certificate_keeps_its_keys_and_a_revoked_one_is_on_the_list() {
    let place = Place::new();
    place.ok("ca init bank-b --dir @b --no-password");
    place.ok("cert request --name alice --org bank-b --role client --out @alice --no-password");
    place.ok("ca sign @alice/request.pem --dir @b --role client --for-channel trade --out @1.pem");
    let unseen = "cert install @1.pem --dir @alice";
    assert_eq!(place.refused(unseen), Code::CertificateUntrusted);
    let root = crate::network_facts::load_root(&place.path("b/root.crt")).unwrap();
    let other = host_types::Hash32::sha256(b"another root");
    let with =
        |fingerprint| format!("cert install @1.pem --dir @alice --fingerprint {fingerprint}");
    assert_eq!(place.refused(&with(other)), Code::CertificateUntrusted);
    place.ok(&with(root.fingerprint()));
    place.ok("cert check @1.pem --for-channel trade");
    place.found_wrong("cert check @1.pem --for-channel notes --signing");
    place.ok("cert renew --dir @alice");
    place.ok("ca sign @alice/request.pem --dir @b --role client --out @2.pem");
    place.ok("cert renew --dir @alice --certificates @2.pem");
    place.ok("cert verify @alice");
    place.ok("ca revoke alice --dir @b");
    place.found_wrong("cert check @2.pem --root @b/root.crt --crl @b/crl.pem");
    place.ok("ca list --dir @b");
    place.ok("ca crl --dir @b --out @crl.pem");
    assert_eq!(place.refused("ca revoke bob --dir @b"), Code::NotFound);
}

#[test]
fn a_root_key_opens_with_its_password_and_moves_with_it() {
    let place = Place::new();
    place.ok("ca init bank-a --dir @a --password-file @ca.password");
    let wrong = "ca crl --dir @a --password-file @peer.password";
    assert_eq!(place.refused(wrong), Code::PasswordWrong);
    place.ok("ca import --root @a/root.crt --key @a/root.key --key-password-file @ca.password \
         --dir @moved --password-file @peer.password");
    place.ok("ca crl --dir @moved --password-file @peer.password");
    place.ok("ca init bank-b --dir @b --no-password");
    let mixed = "ca import --root @a/root.crt --key @b/root.key --dir @mixed --no-password";
    assert_eq!(place.refused(mixed), Code::CertificateKeyWrong);
    let again = "ca init bank-a --dir @a --no-password";
    assert_eq!(place.refused(again), Code::ConfigBadValue);
}

#[test]
fn a_line_that_ran_out_or_is_another_ones_gives_nothing() {
    let place = Place::new();
    place.ok("ca init bank-b --dir @b --no-password");
    place.ok("ca invite --role client --name alice --dir @b --expires 0ms");
    let late = place.invitation("b");
    let line = format!("cert request --join {late} --out @alice --no-password");
    assert_eq!(place.refused(&line), Code::InvitationWrong);
    assert_eq!(place.refused("cert request --join lcjoin1.AAAA --out @x"), Code::InvitationWrong);
    place.ok("ca invite --role client --name alice --dir @b");
    let line = place.invitation("b");
    place.ok("ca invite --role client --name bob --dir @b");
    place.ok(&format!("cert request --join {line} --out @alice --no-password"));
    let request = std::fs::read_to_string(place.path("alice/request.pem")).unwrap();
    place.ok("cert request --name alice --org bank-b --role client --out @thief --no-password");
    let theirs = std::fs::read_to_string(place.path("thief/request.pem")).unwrap();
    let proof = request.find("-----BEGIN LOOPCHAIN").unwrap();
    std::fs::write(place.path("mixed.pem"), format!("{theirs}{}", &request[proof..])).unwrap();
    assert_eq!(place.refused("ca sign @mixed.pem --dir @b"), Code::InvitationWrong);
    place.ok("ca sign @alice/request.pem --dir @b");
}

#[test]
fn the_two_certificates_of_a_member_are_of_one_name() {
    let place = Place::new();
    place.ok("ca init bank-a --dir @ca --no-password");
    for name in ["alice", "bob"] {
        place.ok(&format!(
            "cert request --name {name} --org bank-a --role client --out @{name} --no-password"
        ));
        place.ok(&format!("ca sign @{name}/request.pem --role client --dir @ca"));
    }
    let blocks = |name: &str| {
        let path = place.path(&format!("{name}/request.bundle.pem"));
        let text = std::fs::read_to_string(path).unwrap();
        let end = "-----END CERTIFICATE-----\n";
        text.split_inclusive(end).map(str::to_owned).collect::<Vec<_>>()
    };
    let (alice, bob) = (blocks("alice"), blocks("bob"));
    std::fs::write(place.path("mixed.pem"), format!("{}{}", alice[0], bob[1])).unwrap();
    let root = host_identity::keyfile::load_certificate(&place.path("ca/root.crt")).unwrap();
    let fingerprint = host_types::Hash32::sha256(&root);
    let line = format!("cert install @mixed.pem --dir @alice --fingerprint SHA256:{fingerprint}");
    assert_eq!(place.refused(&line), Code::CertificateNameWrong);
}
