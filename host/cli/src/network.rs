//! The data folder of a local network: which files are where, and who its members are.
//!
//! ```text
//! DATA/network.json      name, ports, members            DATA/pki/ca/{root.crt,root.key}
//! DATA/loopchain.toml    profile `local`                 DATA/keys/NAME.{key,crt}   people
//! DATA/channels/NAME.{genesis,json}                      DATA/plugins/   the drop-in folder
//! DATA/peers/peerN/{peer.toml,pki,data}                  DATA/{radiostation,log-collector}/
//! DATA/logs/NAME.log     DATA/up.pid (held locked)       DATA/run.json   what runs now
//! ```
//! In: a folder. Out: typed views of its files. Not here: making them (`cmd/up`).

use crate::args::Global;
use crate::failure::Failure;
use host_types::fault::Code;
use host_types::genesis::NetworkGenesis;
use host_types::hash::Hash32;
use host_types::height::BlockTime;
use host_types::ids::NetworkId;
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a local network lives when nothing else is said.
pub(crate) const DATA_DEFAULT: &str = "./.loopchain";
/// Port of the first peer when nothing else is said.
pub(crate) const BASE_PORT_DEFAULT: u16 = 7100;
/// REST listens so far above the peers' port.
const REST_ABOVE: u16 = 1900;
/// Metrics and health listen so far above the peers' port.
const OPS_ABOVE: u16 = 1950;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MemberRole {
    /// The directory.
    Radiostation,
    /// A validating peer.
    Peer,
}

/// A process of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// `peer0`, `radiostation`.
    pub name: String,
    /// Its organisation.
    pub org: String,
    /// What it is.
    pub role: MemberRole,
    /// Port for peers.
    pub port: u16,
    /// Its home, relative to the data folder.
    pub home: PathBuf,
    /// Its signing key, hex; empty for the radiostation, which signs nothing.
    pub public_key: String,
}

impl Member {
    /// Where peers dial it.
    pub(crate) fn rpc(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `host:port` of its REST interface.
    pub(crate) fn rest(&self) -> String {
        format!("127.0.0.1:{}", self.port + REST_ABOVE)
    }

    /// `host:port` of metrics and health.
    pub(crate) fn ops(&self) -> String {
        format!("127.0.0.1:{}", self.port + OPS_ABOVE)
    }

    /// URL of its REST interface.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.rest())
    }
}

/// An organisation and its root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrganisationRoot {
    /// Its name.
    pub name: String,
    /// SHA-256 of its root certificate, hex.
    pub root: String,
}

/// `network.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NetworkFile {
    /// Names this form.
    pub schema: String,
    /// For people; part of the network's id.
    pub name: String,
    /// When it was made, microseconds since 1970; part of the network's id.
    pub created_us: u64,
    /// Organisations; part of the network's id.
    pub organisations: Vec<OrganisationRoot>,
    /// Port of the first peer.
    pub base_port: u16,
    /// Its processes: the radiostation, then the peers.
    pub members: Vec<Member>,
}

impl NetworkFile {
    /// Peers in order.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.role == MemberRole::Peer)
    }

    /// Organisations and root fingerprints as a genesis carries them.
    pub(crate) fn roots(&self) -> Result<Vec<(String, Hash32)>, Failure> {
        let roots = self.organisations.iter().map(|organisation| {
            let root = Hash32::from_hex(&organisation.root)?;
            Some((organisation.name.clone(), root))
        });
        let roots: Option<_> = roots.collect();
        roots.ok_or_else(|| Failure::new(Code::StoreDamaged, "network.json: a root is no digest"))
    }

    /// The network's id.
    pub(crate) fn id(&self) -> Result<NetworkId, Failure> {
        let created = BlockTime::new(self.created_us);
        Ok(NetworkGenesis { name: self.name.clone(), roots: self.roots()?, created }.id())
    }

    /// Ports for a base: peers B, B+100, …; RadioStation B+2.
    pub(crate) fn set_base_port(&mut self, base: u16) {
        self.base_port = base;
        let mut next = base;
        for member in &mut self.members {
            match member.role {
                MemberRole::Radiostation => member.port = base + 2,
                MemberRole::Peer => {
                    member.port = next;
                    next += 100;
                }
            }
        }
    }
}

/// One running process, in `run.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunningProcess {
    /// Its member's name.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// How often it was started again.
    pub restarts: u32,
}

/// `run.json`: what `up` runs now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunFile {
    /// Names this form.
    pub schema: String,
    /// The `up` itself.
    pub pid: u32,
    /// When it was started, microseconds since 1970.
    pub started_us: u64,
    /// Whether the network answers.
    pub is_ready: bool,
    /// Its children.
    pub processes: Vec<RunningProcess>,
}

/// The folder of a network.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder(PathBuf);

/// The lock of the `up` that runs on a data folder; freed when it ends, however it ends.
#[derive(Debug)]
pub(crate) struct UpLock(File);

impl DataFolder {
    /// The folder as given, without looking for one.
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder that a command means: as given, else the nearest `.loopchain` upwards, else
    /// `./.loopchain`.
    pub(crate) fn of(global: &Global) -> Self {
        if let Some(data) = &global.data {
            return Self(data.clone());
        }
        let here = std::env::current_dir().unwrap_or_default();
        let default = PathBuf::from(DATA_DEFAULT);
        if default.join("network.json").exists() {
            return Self(default);
        }
        let above = here.ancestors().map(|folder| folder.join(".loopchain"));
        Self(above.into_iter().find(|d| d.join("network.json").exists()).unwrap_or(default))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file or folder in it.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// The log of a process.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.0.join("logs").join(format!("{name}.log"))
    }

    /// The network in it; `None` when there is none yet.
    pub(crate) fn network(&self) -> Result<Option<NetworkFile>, Failure> {
        read_json(&self.join("network.json"))
    }

    /// The network in it.
    pub(crate) fn require_network(&self) -> Result<NetworkFile, Failure> {
        self.network()?.ok_or_else(|| {
            let message = format!("there is no local network in {}", self.0.display());
            Failure::new(Code::NotRunning, message)
        })
    }

    /// What runs now; `None` when nothing does.
    pub(crate) fn running(&self) -> Result<Option<RunFile>, Failure> {
        if !self.is_locked() {
            return Ok(None);
        }
        read_json(&self.join("run.json"))
    }

    fn is_locked(&self) -> bool {
        let Ok(file) = File::open(self.join("up.pid")) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Becomes the one `up` of this folder.
    ///
    /// # Errors
    /// `LC1301` when another one runs.
    pub(crate) fn lock(&self) -> Result<UpLock, Failure> {
        let path = self.join("up.pid");
        let open = File::options().create(true).truncate(false).write(true).read(true).open(&path);
        let file = open.map_err(|error| Failure::file(&path, &error))?;
        // `ps` holds the lock for a moment when it looks; only an `up` holds it longer.
        let looked_at = std::time::Duration::from_millis(50);
        let locked = file.try_lock().or_else(|_| {
            std::thread::sleep(looked_at);
            file.try_lock()
        });
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(self.already_running()),
            Err(TryLockError::Error(error)) => return Err(Failure::file(&path, &error)),
        }
        let mut lock = UpLock(file);
        let pid = format!("{}\n", std::process::id());
        let written = lock.0.set_len(0).and_then(|()| lock.0.write_all(pid.as_bytes()));
        written.map_err(|error| Failure::file(&path, &error))?;
        Ok(lock)
    }

    fn already_running(&self) -> Failure {
        let run: Option<RunFile> = read_json(&self.join("run.json")).ok().flatten();
        let message = match run {
            Some(run) => {
                let ago = crate::time::ago(run.started_us);
                format!("this network is already running (pid {}, started {ago})", run.pid)
            }
            None => "this network is already running".to_owned(),
        };
        let base = self.network().ok().flatten().map_or(BASE_PORT_DEFAULT, |n| n.base_port);
        Failure::new(Code::AlreadyRunning, message).with_help(format!(
            "`loopchain ps` shows it, `loopchain down` stops it, `--data DIR --base-port {}` \
             starts a second one",
            base.saturating_add(1000)
        ))
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, Failure> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(path, &error)),
    };
    let value = serde_json::from_slice(&text);
    value.map(Some).map_err(|error| {
        Failure::new(Code::StoreDamaged, format!("{} is damaged: {error}", path.display()))
    })
}

/// Writes a file so that readers see the old one or the new one, never a part.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.new"));
    let done = std::fs::write(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path));
    done.map_err(|error| Failure::file(path, &error))
}

/// Writes a JSON file for people and programs.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    write_whole(path, format!("{text}\n").as_bytes())
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| Failure::file(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> NetworkFile {
        let member = |name: &str, role| Member {
            name: name.to_owned(),
            org: "bank-a".to_owned(),
            role,
            port: 0,
            home: PathBuf::new(),
            public_key: String::new(),
        };
        let members = vec![
            member("radiostation", MemberRole::Radiostation),
            member("peer0", MemberRole::Peer),
            member("peer1", MemberRole::Peer),
            member("peer2", MemberRole::Peer),
        ];
        NetworkFile {
            schema: "loopchain.network.v1".to_owned(),
            name: "local".to_owned(),
            created_us: 1,
            organisations: Vec::new(),
            base_port: 0,
            members,
        }
    }

    #[test]
    fn ports_follow_the_base_as_the_old_edition_had_them() {
        let mut network = network();
        network.set_base_port(7100);
        let addresses: Vec<_> = network.members.iter().map(|m| (m.port, m.rest())).collect();
        let rest = |port: u16| format!("127.0.0.1:{port}");
        assert_eq!(
            addresses,
            [(7102, rest(9002)), (7100, rest(9000)), (7200, rest(9100)), (7300, rest(9200))]
        );
        assert_eq!(network.members[1].ops(), "127.0.0.1:9050");
    }

    #[test]
    fn a_second_up_on_the_same_folder_is_refused_with_the_first_ones_pid() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::at(folder.path());
        let first = data.lock().unwrap();
        let run = RunFile { pid: 4121, started_us: crate::time::now_us(), ..RunFile::default() };
        write_json(&data.join("run.json"), &run).unwrap();
        let refused = data.lock().unwrap_err();
        assert_eq!(refused.code(), Code::AlreadyRunning);
        assert!(refused.message().contains("(pid 4121, started 0 s ago)"), "{refused:?}");
        assert!(refused.to_text().contains("--base-port 8100` starts a second one"));
        assert_eq!(data.running().unwrap(), Some(run));
        drop(first);
        assert_eq!(data.running().unwrap(), None);
        data.lock().unwrap();
    }
}
