//! A test of this program once more, as the first process of a network namespace of its own.
//!
//! In: the name of the test, and a variable that tells it that it is inside. Out: that it passed there.
//! Only the loopback interface is in a new namespace. It is a process namespace, too: when its first
//! process ends, however it ends, the kernel kills whatever it started.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;
use tests::process;

/// Makes the loopback interface usable and goes on as the rest of the command line.
const LOOPBACK_UP: &str = "ip link set lo up && exec \"$@\"";
/// The same without the right to do so.
const WITHOUT_RIGHTS: &str =
    "ip link set lo up && exec setpriv --ambient-caps=-all --inh-caps=-all \"$@\"";

/// Fails with what to do when a program is missing.
pub(crate) fn needs(programs: &[&str]) {
    for program in programs.iter().chain(&["ip", "setpriv", "unshare"]) {
        let mut look = Command::new("sh");
        look.args(["-c", "command -v \"$0\" >/dev/null", program]);
        assert!(
            look.status().unwrap().success(),
            "`{program}` is needed to execute the commands of documents: install it (Debian: \
             util-linux, iproute2, curl; `.ci/run` does so)"
        );
    }
}

/// Runs the test there, without the right to change the namespace.
pub(crate) fn run_again(test: &str, inside: (&str, &str), within: Duration) -> String {
    run(WITHOUT_RIGHTS, test, inside, within)
}

/// Runs the test there; it may make interfaces and namespaces in it.
pub(crate) fn run_again_with_rights(test: &str, inside: (&str, &str), within: Duration) -> String {
    run(LOOPBACK_UP, test, inside, within)
}

fn run(script: &str, test: &str, (variable, value): (&str, &str), within: Duration) -> String {
    let output = tempfile::NamedTempFile::new().unwrap();
    let mut command = process::tied(Path::new("unshare"));
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        // Not as its root: a SCORE's worker that seems to be root wants to become another user.
        command.args(["--map-current-user", "--keep-caps"]);
    }
    command.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["sh", "-c", script, "sh"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(variable, value);
    let (out, err) = (output.as_file().try_clone().unwrap(), output.as_file().try_clone().unwrap());
    command.stdout(out).stderr(err);
    let mut namespace = Namespace(process::start(command));
    let status = process::ended(&mut namespace.0, within);
    drop(namespace);
    let said = std::fs::read_to_string(output.path()).unwrap();
    let is_good = status.is_some_and(|status| status.success()) && said.contains("1 passed");
    assert!(is_good, "the commands of {value} ({status:?}, `None`: not in time):\n{said}");
    said
}

/// A first process whose end is the end of all others in its namespace.
struct Namespace(Child);

impl Drop for Namespace {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
