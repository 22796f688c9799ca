//! The commands of documents that take several machines, typed on each of them.
//!
//! In: documents with `console on NAME` blocks, a table that gives each machine its address. Out: a failure that
//! names the line whose command does something else than is shown. Each machine is a network namespace with
//! an interface and an address of its own, all on one bridge; a folder is its disk. Where the system makes
//! no bridge, all of them share one namespace and its addresses, and the test says so.

use crate::namespace;
use crate::terminal::Terminal;
use score_native_link::build::source_tree;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;
use tests::network::build_scores;
use tests_tidy::{Tree, console};

/// Names the document, in the namespace.
const DOCUMENT: &str = "TEST_OF_MACHINES";
/// The name that this program knows the test by.
const TEST: &str = "machines::every_command_of_several_machines_does_what_it_shows";
/// For one document.
const DOCUMENT_WITHIN: Duration = Duration::from_secs(480);
/// What is said where the machines are none.
const FALLBACK: &str = "FALLBACK: this system makes no bridge, so all machines of";

static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::read(&source_tree().unwrap()).unwrap());

#[test]
fn every_command_of_several_machines_does_what_it_shows() {
    if let Ok(document) = std::env::var(DOCUMENT) {
        return inside(&document, TREE.text(&document).unwrap());
    }
    namespace::needs(&["bash", "nsenter", "awk"]);
    build_scores();
    let documents = TREE.ending(".md").filter(|(path, _)| console::is_executed(path));
    let documents: Vec<_> = documents
        .filter(|(_, text)| console::is_about_machines(text))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(documents, ["docs/guide/four-organisations.md"]);
    for document in documents {
        let said = namespace::run_again_with_rights(TEST, (DOCUMENT, document), DOCUMENT_WITHIN);
        for line in said.lines().filter(|line| line.starts_with(FALLBACK)) {
            writeln!(std::io::stderr(), "{line}").ok();
        }
    }
}

fn inside(document: &str, text: &str) {
    let place = tempfile::Builder::new().prefix("loopchain-machines-").tempdir().unwrap();
    let bin = place.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::create_dir(place.path().join("carried")).unwrap();
    symlink(env!("CARGO_BIN_EXE_loopchain-under-test"), bin.join("loopchain")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let is_bridged = ip("link add br0 type bridge") && ip("link set br0 up");
    if !is_bridged {
        writeln!(std::io::stderr(), "{FALLBACK} {document} share one network namespace").ok();
    }
    let mut machines = BTreeMap::new();
    for (number, (name, address)) in table(text).into_iter().enumerate() {
        let folder = place.path().join(&name);
        std::fs::create_dir(&folder).unwrap();
        let holder = is_bridged.then(|| attach(number, &address));
        if holder.is_none() {
            assert!(ip(&format!("address add {address}/32 dev lo")));
        }
        let shell = holder.as_ref().map_or_else(|| Command::new("bash"), |one| entered(one.0.id()));
        let terminal = Terminal::open(shell, &folder, &[("PATH", &path)]);
        machines.insert(name, (terminal, holder, folder));
    }
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for block in console::console_blocks(text) {
            for name in block.machines().unwrap_or_default() {
                let (terminal, ..) = machines.get_mut(name).expect("the table names every machine");
                block.commands.iter().for_each(|command| terminal.follow(command));
            }
        }
    }));
    if let Err(why) = done {
        machines.values().for_each(|(_, _, folder)| print_logs(folder));
        std::panic::resume_unwind(why);
    }
}

/// Machines and addresses: the rows `| NAME | ADDRESS | ... |`.
fn table(text: &str) -> Vec<(String, String)> {
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let (name, address) = (cells.next()?, cells.next()?);
        address.parse::<std::net::Ipv4Addr>().ok()?;
        Some((name.to_owned(), address.to_owned()))
    });
    rows.collect()
}

/// A process whose network namespace is a machine.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn ip(line: &str) -> bool {
    let mut command = Command::new("ip");
    command.args(line.split_whitespace()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A namespace with one interface on the bridge.
fn attach(number: usize, address: &str) -> Holder {
    let mut command = Command::new("unshare");
    // It says a word once it is in its namespace, and then waits for ever.
    command.args(["--net", "sh", "-c", "echo up; exec sleep infinity"]).stdout(Stdio::piped());
    let mut holder = Holder(command.spawn().unwrap());
    let mut word = [0; 3];
    std::io::Read::read_exact(holder.0.stdout.as_mut().unwrap(), &mut word).unwrap();
    let pid = holder.0.id();
    assert!(ip(&format!("link add veth{number} type veth peer name eth0 netns {pid}")));
    assert!(ip(&format!("link set veth{number} master br0 up")));
    for line in
        ["link set lo up", &format!("address add {address}/24 dev eth0"), "link set eth0 up"]
    {
        let mut command = Command::new("nsenter");
        command.args(["--target", &pid.to_string(), "--net", "ip"]).args(line.split_whitespace());
        assert!(command.status().unwrap().success(), "{line}");
    }
    holder
}

/// A bash in the namespace of a process, without the right to change it.
fn entered(pid: u32) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", &pid.to_string(), "--net"]);
    command.args(["setpriv", "--ambient-caps=-all", "--inh-caps=-all", "bash"]);
    command
}

fn print_logs(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == "log") {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(20)..].join("\n");
            writeln!(std::io::stderr(), "{}:\n{last}", path.display()).ok();
        }
    }
}
