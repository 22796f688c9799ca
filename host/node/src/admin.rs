//! The operator's own door to a running process: a Unix socket that nobody else opens.
//!
//! In: one JSON object a line, the call's word in `call`, from whoever may write to the socket (mode
//! 0600) and is, by the kernel's word, the user of this process or root. Out: one line,
//! `{"ok": ...}` or `{"error": {"code", "message"}}`; a line in the log for each call, with the caller's
//! user and process, whether it was done or refused. One call at a time, one call a connection.
//! Deliberately not here: what the calls do (`peer::admin`, `radiostation::admin`).

use async_trait::async_trait;
use host_types::{Code, Rejection};
use serde_json::{Value, json};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::UCred;
use tokio::net::{UnixListener, UnixStream};

/// Bytes of one call: the hex of a genesis with the most certificates of usual size.
pub const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long a caller may take to say what it wants.
const SAY_WITHIN: Duration = Duration::from_secs(10);
/// Pause after the system refused a new socket (out of files, for instance).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a process lets its operator do.
#[async_trait]
pub trait Admin: Send + Sync + 'static {
    /// Carries out one call.
    async fn call(&self, call: Value) -> Result<Value, Rejection>;
}

/// The refusal of a call that is none.
#[must_use]
pub fn unknown_call(error: &serde_json::Error) -> Rejection {
    Rejection::new(Code::ParameterWrong, format!("no call of this process: {error}"))
}

/// The path of a socket below its opened folder: as long as a socket's name may be, wherever the
/// folder is.
fn short(folder: &File, path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?;
    Some(PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name))
}

/// Connects to a socket, whatever the length of its path.
///
/// # Errors
/// When nothing listens there.
pub async fn connect(path: &Path) -> io::Result<UnixStream> {
    let folder = File::open(path.parent().unwrap_or_else(|| Path::new("/")))?;
    let short = short(&folder, path).ok_or(io::ErrorKind::InvalidInput)?;
    UnixStream::connect(short).await
}

/// Listens; a socket that a dead process left is replaced, and nobody ever sees one of another mode.
///
/// # Errors
/// When the folder cannot be made or written.
pub fn listen(path: &Path) -> Result<UnixListener, Rejection> {
    let bind = || {
        let parent = path.parent().unwrap_or_else(|| Path::new("/"));
        fs::create_dir_all(parent)?;
        let folder = File::open(parent)?;
        let part = path.with_extension("part");
        fs::remove_file(&part).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        let listener =
            UnixListener::bind(short(&folder, &part).ok_or(io::ErrorKind::InvalidInput)?)?;
        fs::set_permissions(&part, Permissions::from_mode(0o600))?;
        fs::rename(&part, path)?;
        Ok::<_, io::Error>(listener)
    };
    bind().map_err(|error| {
        let message = format!("ops.admin_socket {}: {error}", path.display());
        Rejection::new(Code::ConfigUnreadable, message)
    })
}

/// Serves calls until it is dropped.
pub async fn serve(listener: UnixListener, admin: Arc<dyn Admin>) {
    loop {
        match listener.accept().await {
            // One after the other: two operators do not change one thing at once.
            Ok((stream, _)) => {
                if let Err(error) = answer(stream, admin.as_ref()).await {
                    tracing::debug!("a call of the operator broke off: {error}");
                }
            }
            Err(error) => {
                tracing::warn!("no call of the operator can be taken: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, admin: &dyn Admin) -> io::Result<()> {
    let caller = stream.peer_cred()?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let mut bounded = (&mut stream).take(LINE_BYTES_MAX);
    let said = tokio::time::timeout(SAY_WITHIN, bounded.read_line(&mut line)).await;
    said.map_err(|_| io::ErrorKind::TimedOut)??;
    let result = judge(&line, &caller, admin).await;
    let reply = match result {
        Ok(value) => json!({ "ok": value }),
        Err(rejection) => {
            let code = rejection.code.to_string();
            json!({"error": {"code": code, "message": rejection.message}})
        }
    };
    let stream = stream.get_mut();
    stream.write_all(format!("{reply}\n").as_bytes()).await?;
    stream.shutdown().await
}

async fn judge(line: &str, caller: &UCred, admin: &dyn Admin) -> Result<Value, Rejection> {
    let call: Value = serde_json::from_str(line)
        .map_err(|error| Rejection::new(Code::JsonMalformed, error.to_string()))?;
    let word = call["call"].as_str().unwrap_or_default().to_owned();
    let about = ["channel", "peer"].into_iter().find_map(|name| call[name].as_str());
    let about = about.unwrap_or_default().to_owned();
    let result = if is_operator(caller.uid(), own_user()) {
        admin.call(call).await
    } else {
        let message = format!("user {} is not the user of this process", caller.uid());
        Err(Rejection::new(Code::RoleRefused, message))
    };
    let (uid, pid) = (caller.uid(), caller.pid().unwrap_or_default());
    match &result {
        Ok(_) => {
            tracing::info!(
                event = "admin.call",
                call = word,
                about,
                uid,
                pid,
                "user {uid} called {word} {about}"
            );
        }
        Err(refused) => {
            let (code, why) = (refused.code, &refused.message);
            tracing::warn!(event = "admin.refused", %code, call = word, about, uid, pid, "user {uid} called {word} {about}: {why}");
        }
    }
    result
}

const fn is_operator(caller: u32, own: u32) -> bool {
    caller == own || caller == 0
}

fn own_user() -> u32 {
    fs::metadata("/proc/self").map_or(0, |about| about.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    #[async_trait]
    impl Admin for Echo {
        async fn call(&self, call: Value) -> Result<Value, Rejection> {
            match call["call"].as_str() {
                Some("say") => Ok(call["word"].clone()),
                _ => Err(Rejection::new(Code::ParameterWrong, "what?")),
            }
        }
    }

    async fn ask(path: &Path, line: &str) -> Value {
        let mut stream = connect(path).await.unwrap();
        stream.write_all(line.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        serde_json::from_str(&reply).unwrap()
    }

    #[tokio::test]
    async fn calls_are_answered_on_a_socket_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        // Longer than the 108 bytes that a socket's name may have.
        let path = folder.path().join("n".repeat(120)).join("admin.sock");
        drop(listen(&path).unwrap());
        // What a dead process left is replaced.
        let listener = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let server = tokio::spawn(serve(listener, Arc::new(Echo)));
        let said = ask(&path, "{\"call\":\"say\",\"word\":\"here\"}\n").await;
        assert_eq!(said, json!({"ok": "here"}));
        let refused = ask(&path, "{\"call\":\"shout\"}\n").await;
        assert_eq!(refused["error"]["code"], "LC7106");
        assert_eq!(ask(&path, "no JSON\n").await["error"]["code"], "LC7101");
        server.abort();
    }

    #[test]
    fn only_the_own_user_and_root_are_operators() {
        assert!(is_operator(1000, 1000) && is_operator(0, 1000));
        assert!(!is_operator(1001, 1000) && !is_operator(1000, 0));
    }
}
