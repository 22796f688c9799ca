//! `testnet init`: home folders of a network on several machines.
//!
//! In: how many peers and organisations, channels, addresses. Out: one folder in which every
//! organisation has a real authority and every node a home that `peer run` and `radiostation run` start
//! from, once it is where its address is. Everything is made by what `ca`, `peer init` and `channel
//! genesis` are made of: whoever does it by hand, on the machines of four owners, gets the same.
//! Deliberately not here: dev networks (`up`), copying anything anywhere.
//!
//! ```text
//! OUT/network.toml  OUT/channels.toml     the same for everybody
//! OUT/ORG/ca        the authority         OUT/ORG/operator   keys of a person, role admin
//! OUT/ORG/peerN     home of a peer        OUT/ORG/radiostation  of the first organisation
//! ```

use super::ca_sign::{Granted, issue_file};
use super::channel_genesis::{Members, ask_rules};
use super::peer_init::{Home, Process, ask, take};
use super::{Context, Done, up};
use crate::args_network::TestnetInit;
use crate::ca_folder::CaFolder;
use crate::failure::Failure;
use crate::key_folder::{self, Asker};
use crate::network::{make_folder, write_whole};
use crate::network_facts::NetworkDescription;
use crate::output::{OK, WARN, table};
use crate::password;
use crate::time::now_us;
use host_identity::authority::{LEAF_DAYS, ROOT_DAYS};
use host_identity::{Authority, Certificate, Role, Root, Validity};
use host_node::config::{ChannelsFile, Planned};
use host_types::fault::Code;
use host_types::hash::Hash32;
use host_types::height::BlockTime;
use host_types::ids::NodeName;
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// From one peer of a machine to the next.
const PORTS_APART: u16 = 100;
/// The RadioStation listens so far above the first peer.
const RADIOSTATION_ABOVE: u16 = 2;
/// The highest port of peers: REST and operations lie above it.
const PORT_MAX: u32 = 63_000;
/// Name of the RadioStation in its organisation, which is the first.
const RADIOSTATION: &str = "radiostation";
/// Name of the person of each organisation.
const OPERATOR: &str = "operator";

/// Runs it.
pub(crate) fn init(args: &TestnetInit, context: &Context) -> Done {
    let plan = Plan::of(args)?;
    is_empty(&args.out)?;
    let password = password::new_keys(&args.secrecy)?;
    let password = password.as_ref().map(|password| password.as_str());
    make_folder(&args.out)?;
    let mut made = Made::authorities(&plan, password)?;
    let mut certificates = Vec::new();
    for node in &plan.nodes {
        certificates.extend(made.home(node, password)?);
    }
    for org in &plan.organisations {
        certificates.push(made.operator(org, password)?);
    }
    plugins(&plan, context)?;
    let planned = channels(&plan, &made.network, certificates)?;
    for one in &planned {
        for node in &plan.nodes {
            let is_for = node.process == Process::RadioStation
                || one.genesis.validators.all().iter().any(|v| v.name == node.name);
            if is_for {
                up::store_genesis(&node.home.join("channels"), &one.genesis)?;
            }
        }
        for warning in &one.warnings {
            context.out.note(&format!("{WARN} {warning}"));
        }
    }
    if password.is_none() {
        context.out.note(&format!("{WARN} root keys and node keys are NOT encrypted"));
    }
    told(&plan, &made.network, &planned, context)?;
    Ok(ExitCode::SUCCESS)
}

/// Nothing is ever written beside something else.
fn is_empty(out: &Path) -> Result<(), Failure> {
    match std::fs::read_dir(out) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => {
                let message = format!("{} is not empty", out.display());
                Err(Failure::new(Code::ConfigBadValue, message)
                    .with_help("name a folder that is empty or not there with `--out DIR`"))
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::file(out, &error)),
    }
}

/// One process that is to be.
#[derive(Debug)]
struct Node {
    process: Process,
    name: NodeName,
    home: PathBuf,
    listen: SocketAddr,
}

/// Who is to be, and where.
#[derive(Debug)]
struct Plan<'a> {
    args: &'a TestnetInit,
    organisations: Vec<String>,
    /// The RadioStation, then the peers.
    nodes: Vec<Node>,
}

impl<'a> Plan<'a> {
    fn of(args: &'a TestnetInit) -> Result<Self, Failure> {
        let bad = |message: String| Failure::new(Code::ConfigBadValue, message);
        if args.orgs > args.peers {
            let message = format!("{} peers for {} organisations", args.peers, args.orgs);
            return Err(bad(message).with_help("each organisation has a peer at least"));
        }
        if let Some(host) = args.hosts.iter().find(|host| host.is_unspecified()) {
            let message = format!("{host} is no address that others could dial");
            return Err(bad(message).with_help("give the address of each machine with `--hosts`"));
        }
        let organisations: Vec<_> = (0..args.orgs).map(organisation).collect();
        let mut plan = Self { args, organisations, nodes: Vec::new() };
        let station = (&plan.organisations[0], RADIOSTATION.to_owned());
        let port = args.base_port + RADIOSTATION_ABOVE;
        plan.nodes.push(plan.node(Process::RadioStation, station, args.hosts[0], port)?);
        let orgs = plan.organisations.clone();
        let hosts: Vec<_> = args.hosts.iter().copied().cycle().take(args.peers.into()).collect();
        for (i, (host, org)) in hosts.iter().zip(orgs.iter().cycle()).enumerate() {
            let before = hosts.iter().take(i).filter(|other| *other == host).count();
            let before = u32::try_from(before).unwrap_or(u32::MAX);
            let port = before.saturating_mul(PORTS_APART.into()) + u32::from(args.base_port);
            let port = u16::try_from(port).ok().filter(|port| u32::from(*port) <= PORT_MAX);
            let port = port.ok_or_else(|| {
                bad(format!("the ports of the peers of {host} end above {PORT_MAX}"))
                    .with_help("give more `--hosts`, or a lower `--base-port`")
            })?;
            let node = plan.node(Process::Peer, (org, format!("peer{i}")), *host, port)?;
            plan.nodes.push(node);
        }
        Ok(plan)
    }

    fn node(
        &self,
        process: Process,
        (org, short): (&String, String),
        host: IpAddr,
        port: u16,
    ) -> Result<Node, Failure> {
        let home = self.args.out.join(org).join(&short);
        let listen = SocketAddr::new(host, port);
        Ok(Node { process, name: node_name(org, &short)?, home, listen })
    }

    fn peers(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.process == Process::Peer)
    }
}

/// The names that `up` gives, and numbers after them.
fn organisation(number: u16) -> String {
    let known = up::ORGANISATIONS.get(usize::from(number));
    known.map_or_else(|| format!("org{number}"), |name| (*name).to_owned())
}

fn node_name(org: &str, short: &str) -> Result<NodeName, Failure> {
    NodeName::new(&format!("{org}/{short}"))
        .ok_or_else(|| Failure::new(Code::Internal, format!("{org}/{short} is no name")))
}

/// The authorities, and the network that they make.
struct Made<'a> {
    plan: &'a Plan<'a>,
    network: NetworkDescription,
    authorities: Vec<(CaFolder, Authority)>,
}

impl<'a> Made<'a> {
    fn authorities(plan: &'a Plan<'a>, password: Option<&str>) -> Result<Self, Failure> {
        let mut authorities = Vec::new();
        for org in &plan.organisations {
            let authority = Authority::new(org, Validity::days_from_now(ROOT_DAYS))?;
            let folder = plan.args.out.join(org).join("ca");
            authorities.push((CaFolder::create(&folder, &authority, password)?, authority));
        }
        let roots: Vec<Root> = authorities.iter().map(|(_, one)| one.root().clone()).collect();
        let name =
            plan.args.out.file_name().map_or("testnet".into(), |name| name.to_string_lossy());
        let mut network = NetworkDescription::new(&name, now_us(), &roots)?;
        let station = &plan.nodes[0];
        station.name.as_str().clone_into(&mut network.radiostation);
        network.targets = vec![station.listen.to_string()];
        for (folder, _) in &authorities {
            network.save(&folder.join("network.toml"))?;
        }
        network.save(&plan.args.out.join("network.toml"))?;
        Ok(Self { plan, network, authorities })
    }

    fn sign(&mut self, asker: &Asker, requests: &Path) -> Result<PathBuf, Failure> {
        let org = asker.name.organisation();
        let found = self.authorities.iter_mut().find(|(_, one)| one.root().organisation() == org);
        let (folder, authority) =
            found.ok_or_else(|| Failure::new(Code::Internal, format!("{org} has no authority")))?;
        let granted = Granted { role: asker.role, scope: None, days: LEAF_DAYS };
        issue_file((folder, authority), requests, &granted)
    }

    /// The home of a node; its signing certificate when it may sign on a channel.
    fn home(
        &mut self,
        node: &Node,
        password: Option<&str>,
    ) -> Result<Option<Certificate>, Failure> {
        let role = match node.process {
            Process::Peer => Role::Validator,
            Process::RadioStation => Role::RadioStation,
        };
        let hosts = vec![node.listen.ip().to_string()];
        let asker = Asker { name: node.name.clone(), role, hosts, invitation: None };
        let home = Home { process: node.process, path: &node.home, listen: node.listen };
        let requests = ask(&home, &asker, &self.network.facts()?, password)?;
        let bundle = self.sign(&asker, &requests)?;
        let certificate = take(node.process, &node.home, &bundle, password)?;
        Ok((node.process == Process::Peer).then_some(certificate))
    }

    /// A person of an organisation, who may submit and decide where a policy says `admin`.
    fn operator(&mut self, org: &str, password: Option<&str>) -> Result<Certificate, Failure> {
        let folder = self.plan.args.out.join(org).join(OPERATOR);
        let name = node_name(org, OPERATOR)?;
        let asker = Asker { name, role: Role::Admin, hosts: Vec::new(), invitation: None };
        let requests = key_folder::request(&folder, &asker, password)?;
        let received = key_folder::received(&self.sign(&asker, &requests)?)?;
        key_folder::install(&folder, &received, &self.network.roots()?, password)?;
        Ok(received.certificates[0].clone())
    }
}

/// The rule and the SCOREs of every peer.
fn plugins(plan: &Plan<'_>, context: &Context) -> Result<(), Failure> {
    let args = plan.args;
    let needed = up::Needed { rules: vec![args.rule.clone()], scores: args.scores.clone() };
    let progress = context.out.progress("building");
    for peer in plan.peers() {
        let folder = peer.home.join("plugins");
        up::install_plugins(&folder, &needed, &mut |line| progress.tell(line))?;
    }
    progress.finish("rules and SCOREs put there");
    Ok(())
}

/// channels.toml, and what its channels begin with.
fn channels(
    plan: &Plan<'_>,
    network: &NetworkDescription,
    certificates: Vec<Certificate>,
) -> Result<Vec<Planned>, Failure> {
    let args = plan.args;
    let Some(first) = plan.peers().next() else { return Ok(Vec::new()) };
    let plugins = first.home.join("plugins");
    let library = plugins.join(plugin_api_loader::make::file_name(&args.rule));
    let bytes = std::fs::read(&library).map_err(|_| {
        let message = format!("rule `{}` does not come with loopchain", args.rule);
        Failure::new(Code::RuleRefused, message)
    })?;
    let digest = Hash32::sha256(&bytes);
    let mut roots = Vec::new();
    for root in network.roots()? {
        roots.push(format!("{} = \"SHA256:{}\"", root.organisation(), root.fingerprint()));
    }
    let mut text = "# Written by `loopchain testnet init`.\n".to_owned();
    for channel in &args.channels {
        text.push_str(&format!(
            "\n[channel.{channel}]\nrule = {}\nrule_sha256 = [\"{digest}\"]\n\
             organisations = {{ {} }}\n",
            json!(args.rule),
            roots.join(", ")
        ));
    }
    let path = args.out.join("channels.toml");
    let file = ChannelsFile::parse(&path, text.clone())?;
    let members = Members::new(network, certificates)?;
    let created = BlockTime::new(now_us());
    let planned = file.channels.keys().map(|channel| members.plan(&file, channel, created));
    let planned = planned.collect::<Result<Vec<_>, _>>()?;
    ask_rules(&file, &planned, &plugins, &args.out)?;
    write_whole(&path, text.as_bytes())?;
    Ok(planned)
}

fn told(
    plan: &Plan<'_>,
    network: &NetworkDescription,
    planned: &[Planned],
    context: &Context,
) -> Result<(), Failure> {
    let facts = network.facts()?;
    let mut nodes: Vec<Value> = Vec::new();
    let mut rows = Vec::new();
    for node in &plan.nodes {
        let (word, home) = (node.process.word(), node.home.display().to_string());
        let command = format!("loopchain {word} run --home {home}");
        nodes.push(json!({"name": node.name.as_str(), "process": word, "home": home,
                          "rpc": node.listen.to_string(),
                          "rest": format!("http://{}", node.rest()), "run": command}));
        rows.push(vec![node.name.to_string(), node.listen.to_string(), command]);
    }
    let channels: Vec<_> = planned
        .iter()
        .map(|one| {
            json!({"channel": one.genesis.channel.as_str(),
                   "genesis": one.genesis.hash().to_string(),
                   "validators": one.genesis.validators.all().len(),
                   "tolerates": one.tolerance.bounds.faulty_max.to_string()})
        })
        .collect();
    let out = plan.args.out.display();
    let document = json!({
        "schema": "loopchain.testnet-init.v1", "dir": plan.args.out, "network": facts.id.to_string(),
        "organisations": plan.organisations, "nodes": nodes, "channels": channels,
    });
    let names: Vec<_> = plan.args.channels.iter().map(ToString::to_string).collect();
    let mut lines = vec![
        format!("{OK} network {} ({}) in {out}", network.name, facts.id),
        format!(
            "  {} organisations, {} peers, channels {}",
            plan.organisations.len(),
            plan.args.peers,
            names.join(", ")
        ),
    ];
    lines
        .extend(table(&["NODE", "LISTENS", "RUN"], rows).into_iter().map(|row| format!("  {row}")));
    lines.push(format!(
        "  each home to its machine; every {out}/ORG/ca to a machine that serves nobody"
    ));
    context.out.either(&document, lines);
    Ok(())
}

impl Node {
    fn rest(&self) -> SocketAddr {
        SocketAddr::new(self.listen.ip(), self.listen.port() + super::peer_init::REST_ABOVE)
    }
}
