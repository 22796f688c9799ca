//! The files of a new local network: dev CA, keys, certificates, home folders.
//!
//! In: how many peers, which base port. Out: `network.json` and everything it names. A network is
//! made in a folder of its own and moved into place, so that an interrupted `up` leaves no half.

use crate::beside_members::{COLLECTOR_ORGANISATION, HelperRole};
use crate::failure::Failure;
use crate::network::{
    DataFolder, Member, MemberRole, NetworkFile, OrganisationRoot, make_folder, write_json,
    write_whole,
};
use crate::time::now_us;
use host_identity::authority::ROOT_DAYS;
use host_identity::{Authority, Certificate, Role, SigningKey, TlsIdentity, Validity, keyfile};
use host_node::config::GenesisInputs;
use host_types::fault::Code;
use host_types::hash::to_hex;
use host_types::height::BlockTime;
use host_types::ids::NodeName;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Organisations of a dev network; peer i belongs to number i modulo 4.
pub(crate) const ORGANISATIONS: [&str; 4] = ["bank-a", "bank-b", "exchange", "registrar"];
/// People of a dev network: name, organisation, role.
const PEOPLE: [(&str, &str, Role); 4] = [
    ("alice", "bank-a", Role::Client),
    ("bob", "bank-a", Role::Client),
    ("carol", "bank-a", Role::Client),
    ("auditor", "registrar", Role::Auditor),
];
/// The organisation that runs the radiostation.
const RADIOSTATION_ORGANISATION: &str = "bank-a";
/// Name of the log collector. Its certificate is a client's: it opens no session between nodes.
const LOG_COLLECTOR: (&str, &str) = (COLLECTOR_ORGANISATION, HelperRole::LogCollector.name());
/// Certificates of a dev network live as long as its root, less a day.
const LEAF_DAYS: u32 = ROOT_DAYS - 1;
/// Where a network is made before it is moved into place.
const STAGING: &str = ".creating";

/// What was asked for on the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// `--peers`
    pub peers: Option<u16>,
    /// `--base-port`
    pub base_port: Option<u16>,
    /// `--certificates-last`
    pub certificates_last: Option<Duration>,
}

/// The dev CA, and how long what it issues lasts.
struct Issuer {
    authority: Authority,
    validity: Validity,
}

/// The network of a data folder, made when there is none; true when it is new.
pub(crate) fn network(data: &DataFolder, wanted: Wanted) -> Result<(NetworkFile, bool), Failure> {
    if let Some(mut network) = data.network()? {
        adjust(data, &mut network, wanted)?;
        return Ok((network, false));
    }
    let staging = DataFolder::at(data.join(STAGING));
    if staging.path().exists() {
        std::fs::remove_dir_all(staging.path())
            .map_err(|error| Failure::file(staging.path(), &error))?;
    }
    let peers = wanted.peers.unwrap_or(4);
    let base = wanted.base_port.unwrap_or(crate::network::BASE_PORT_DEFAULT);
    let network = create(&staging, peers, base, wanted.certificates_last)?;
    for name in ["pki", "keys", "peers", "radiostation", "log-collector", "proxy", "network.json"] {
        let (from, to) = (staging.join(name), data.join(name));
        std::fs::rename(&from, &to).map_err(|error| Failure::file(&to, &error))?;
    }
    std::fs::remove_dir(staging.path()).map_err(|error| Failure::file(staging.path(), &error))?;
    Ok((network, true))
}

/// A network that exists keeps its peers; its ports may move.
fn adjust(data: &DataFolder, network: &mut NetworkFile, wanted: Wanted) -> Result<(), Failure> {
    let count = network.peers().count();
    if let Some(peers) = wanted.peers.filter(|peers| usize::from(*peers) != count) {
        let message = format!(
            "the network in {} has {count} peers, not {peers}: its channels name them",
            data.path().display()
        );
        return Err(Failure::new(Code::ConfigBadValue, message)
            .with_help("leave `--peers` out, or start another network with `--data DIR`"));
    }
    if let Some(base) = wanted.base_port.filter(|base| *base != network.base_port) {
        network.set_base_port(base);
        write_settings(data, network)?;
        write_json(&data.join("network.json"), network)?;
    }
    Ok(())
}

fn create(
    data: &DataFolder,
    peers: u16,
    base_port: u16,
    last: Option<Duration>,
) -> Result<NetworkFile, Failure> {
    for folder in ["pki/ca", "keys"] {
        make_folder(&data.join(folder))?;
    }
    let authority = Authority::new_dev("loopchain dev root")?;
    authority.save(&data.join("pki/ca"), None)?;
    let root = authority.root().fingerprint().to_hex();
    let mut validity = Validity::days_from_now(LEAF_DAYS);
    if let Some(last) = last {
        let last = u64::try_from(last.as_micros()).unwrap_or(u64::MAX);
        validity.not_after = BlockTime::new(now_us().saturating_add(last));
    }
    let issuer = Issuer { authority, validity };
    let organisation =
        |name: &&str| OrganisationRoot { name: (*name).to_owned(), root: root.clone() };
    let mut network = NetworkFile {
        schema: "loopchain.network.v1".to_owned(),
        name: "local".to_owned(),
        created_us: now_us(),
        organisations: ORGANISATIONS.iter().map(organisation).collect(),
        base_port,
        members: vec![radiostation(data, &issuer)?],
    };
    for (i, org) in (0..peers).zip(ORGANISATIONS.iter().cycle()) {
        network.members.push(peer(data, &issuer, org, &format!("peer{i}"))?);
    }
    network.set_base_port(base_port);
    let (org, name) = LOG_COLLECTOR;
    transport(&issuer, &node_name(org, name)?, Role::Client, &data.join("log-collector/pki"))?;
    for (name, org, role) in PEOPLE {
        signer(&issuer, &node_name(org, name)?, role, &data.join("keys"), name)?;
    }
    write_settings(data, &network)?;
    write_json(&data.join("network.json"), &network)?;
    Ok(network)
}

fn node_name(org: &str, name: &str) -> Result<NodeName, Failure> {
    NodeName::new(&format!("{org}/{name}"))
        .ok_or_else(|| Failure::new(Code::Internal, format!("{org}/{name} is no name")))
}

/// A key and its certificate as `FOLDER/FILE.key` and `.crt`.
fn signer(
    issuer: &Issuer,
    name: &NodeName,
    role: Role,
    folder: &Path,
    file: &str,
) -> Result<SigningKey, Failure> {
    let key = SigningKey::generate()?;
    let certificate =
        issuer.authority.issue_signing(name, role, None, &key.public(), issuer.validity)?;
    keyfile::save(&folder.join(format!("{file}.key")), &key)?;
    keyfile::save_certificate(&folder.join(format!("{file}.crt")), &certificate.der)?;
    Ok(key)
}

/// The transport identity of a process and the root it trusts.
fn transport(issuer: &Issuer, name: &NodeName, role: Role, pki: &Path) -> Result<(), Failure> {
    make_folder(&pki.join("ca"))?;
    keyfile::save_certificate(&pki.join("ca/root.crt"), issuer.authority.root().der())?;
    let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let identity: TlsIdentity = issuer.authority.issue_tls(name, role, &hosts, issuer.validity)?;
    Ok(identity.save(pki)?)
}

fn radiostation(data: &DataFolder, issuer: &Issuer) -> Result<Member, Failure> {
    let home = PathBuf::from("radiostation");
    let name = node_name(RADIOSTATION_ORGANISATION, "radiostation")?;
    transport(issuer, &name, Role::RadioStation, &data.join(&home).join("pki"))?;
    Ok(Member {
        name: name.short().to_owned(),
        org: name.organisation().to_owned(),
        role: MemberRole::Radiostation,
        port: 0,
        home,
        public_key: String::new(),
    })
}

fn peer(data: &DataFolder, issuer: &Issuer, org: &str, short: &str) -> Result<Member, Failure> {
    let home = Path::new("peers").join(short);
    let pki = data.join(&home).join("pki");
    let name = node_name(org, short)?;
    transport(issuer, &name, Role::Validator, &pki)?;
    let key = signer(issuer, &name, Role::Validator, &pki, "sign")?;
    let gateway = node_name(org, &format!("gateway-{short}"))?;
    signer(issuer, &gateway, Role::Client, &pki, "gateway")?;
    Ok(Member {
        name: short.to_owned(),
        org: org.to_owned(),
        role: MemberRole::Peer,
        port: 0,
        home,
        public_key: to_hex(&key.public()),
    })
}

/// `peer.toml` and `radiostation.toml` of every member.
fn write_settings(data: &DataFolder, network: &NetworkFile) -> Result<(), Failure> {
    let id = network.id()?;
    let mut roots = String::new();
    for organisation in &network.organisations {
        roots.push_str(&format!("{} = \"SHA256:{}\"\n", organisation.name, organisation.root));
    }
    let directory = network.members.iter().find(|m| m.role == MemberRole::Radiostation);
    let directory = directory.map(Member::rpc).unwrap_or_default();
    for member in &network.members {
        let (name, org) = (&member.name, &member.org);
        let common = format!(
            "# Written by `loopchain up`. Your changes stay until another --base-port is asked for.\n\
             name = \"{name}\"\norg = \"{org}\"\n\n[network]\nid = \"{id}\"\n\n\
             [network.organisations]\n{roots}\n[rpc]\nlisten = \"{}\"\n\n[rest]\nlisten = \"{}\"\n\n\
             [ops]\nlisten = \"{}\"\n\n",
            member.rpc(),
            member.rest(),
            member.ops()
        );
        let (file, rest) = match member.role {
            MemberRole::Radiostation => {
                ("radiostation.toml", "[channels]\ndir = \"../channels\"\n".to_owned())
            }
            MemberRole::Peer => (
                "peer.toml",
                format!(
                    "[radiostation]\ntargets = [\"{directory}\"]\n\n[channels]\n\
                     dir = \"../../channels\"\n\n[plugins]\ndir = \"../../plugins\"\n\n[gateway]\n\
                     certificate = \"pki/gateway.crt\"\nkey = \"pki/gateway.key\"\n\n[log]\n\
                     collector_name = \"{}/{}\"\n",
                    LOG_COLLECTOR.0, LOG_COLLECTOR.1
                ),
            ),
        };
        let path = data.join(&member.home).join(file);
        write_whole(&path, format!("{common}{rest}").as_bytes())?;
    }
    super::proxy_and_collector::write_proxy(data, network)?;
    write_log_collector(
        data,
        network.base_port,
        &format!("id = \"{id}\"\n\n[network.organisations]\n{roots}"),
    )
}

/// `log-collector.toml`, in networks that have its keys: those of an older build have none.
fn write_log_collector(data: &DataFolder, base_port: u16, about: &str) -> Result<(), Failure> {
    let home = data.join("log-collector");
    if !home.exists() {
        return Ok(());
    }
    let (org, name) = LOG_COLLECTOR;
    let listen = HelperRole::LogCollector.at(base_port);
    let listen = listen.map(|helper| format!("listen = \"{}\"\n", helper.address()));
    let listen = listen.unwrap_or_default();
    let text = format!(
        "# Written by `loopchain up`. Your changes stay until another --base-port is asked for.\n\
         name = \"{name}\"\norg = \"{org}\"\n{listen}\n[network]\n{about}"
    );
    write_whole(&home.join("log-collector.toml"), text.as_bytes())
}

/// What a channel of this network is made from.
pub(crate) fn genesis_inputs(
    data: &DataFolder,
    network: &NetworkFile,
) -> Result<GenesisInputs, Failure> {
    // The root comes first: members are checked against the fingerprints that the genesis names.
    let mut certificates = vec![keyfile::load_certificate(&data.join("pki/ca/root.crt"))?];
    let mut validators = Vec::new();
    for peer in network.peers() {
        let pki = data.join(&peer.home).join("pki");
        let der = keyfile::load_certificate(&pki.join("sign.crt"))?;
        let certificate = Certificate::parse(&der)
            .map_err(|error| Failure::new(error.code(), format!("{}: {error}", peer.name)))?;
        if let Some(key) = certificate.signing_key() {
            validators.push((certificate.name.clone(), *key));
        }
        certificates.push(der);
        certificates.push(keyfile::load_certificate(&pki.join("gateway.crt"))?);
    }
    for certificate in crate::identity::certificates(data) {
        certificates.push(certificate.der);
    }
    Ok(GenesisInputs {
        network: network.id()?,
        created: BlockTime::new(now_us()),
        roots: network.roots()?,
        certificates,
        validators,
    })
}

/// Profile `local`.
pub(crate) fn write_profile(
    data: &DataFolder,
    network: &NetworkFile,
    channel: &str,
) -> Result<(), Failure> {
    let endpoint = network.peers().next().map(Member::url).unwrap_or_default();
    let text = format!(
        "# Written by `loopchain up`.\ndefault = \"local\"\n\n[profile.local]\n\
         endpoint = \"{endpoint}\"\nchannel = \"{channel}\"\nidentity = \"alice\"\n"
    );
    write_whole(&data.join("loopchain.toml"), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;
    use host_node::config::{Overrides, PeerConfig, RadioStationConfig};

    const WANTED: Wanted =
        Wanted { peers: Some(5), base_port: Some(17_100), certificates_last: None };

    #[test]
    fn a_new_network_has_homes_that_load_and_keys_that_sign() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::at(folder.path());
        let (made, is_new) = network(&data, WANTED).unwrap();
        assert!(is_new);
        let names: Vec<_> = made.peers().map(|p| format!("{}/{}", p.org, p.name)).collect();
        assert_eq!(
            names,
            ["bank-a/peer0", "bank-b/peer1", "exchange/peer2", "registrar/peer3", "bank-a/peer4"]
        );
        for peer in made.peers() {
            let config = PeerConfig::load(&data.join(&peer.home), &Overrides::default()).unwrap();
            assert_eq!(config.rpc.listen.to_string(), peer.rpc());
            assert_eq!(config.network.network_id().unwrap(), made.id().unwrap());
            assert_eq!(config.network.roots().unwrap(), made.roots().unwrap());
            let signer = Identity::load(&config.signing.key).unwrap();
            assert_eq!(to_hex(&signer.key.public()), peer.public_key);
            let gateway = Identity::load(&config.gateway.unwrap().key).unwrap();
            assert_eq!(gateway.certificate.role, Role::Client);
            TlsIdentity::load(config.tls.key.parent().unwrap()).unwrap();
        }
        let home = data.join("radiostation");
        let config = RadioStationConfig::load(&home, &Overrides::default()).unwrap();
        assert_eq!(config.rest.listen.port(), 19_002);
        let inputs = genesis_inputs(&data, &made).unwrap();
        assert_eq!((inputs.validators.len(), inputs.certificates.len()), (5, 15));
        assert_eq!(Identity::find(&data, "alice").unwrap().certificate.name.short(), "alice");
    }

    #[test]
    fn a_network_that_exists_keeps_its_peers_and_may_move_its_ports() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::at(folder.path());
        let (first, _) = network(&data, WANTED).unwrap();
        let same = network(&data, Wanted { peers: None, base_port: None, certificates_last: None })
            .unwrap();
        assert_eq!(same, (first.clone(), false));
        let moved = Wanted { peers: None, base_port: Some(18_100), certificates_last: None };
        let (moved, _) = network(&data, moved).unwrap();
        assert_eq!(moved.id().unwrap(), first.id().unwrap());
        let home = data.join("peers/peer1");
        let config = PeerConfig::load(&home, &Overrides::default()).unwrap();
        assert_eq!(config.rpc.listen.port(), 18_200);
        let refused =
            network(&data, Wanted { peers: Some(4), base_port: None, certificates_last: None })
                .unwrap_err();
        assert_eq!(refused.code(), Code::ConfigBadValue);
    }
}
