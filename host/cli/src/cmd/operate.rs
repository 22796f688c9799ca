//! Calls to a running process of one's own, over its admin socket.
//!
//! In: where the socket is, a call. Out: the answer, or the refusal as a failure with its code.
//! Deliberately not here: what the calls mean (`host_node::{peer, radiostation}`).

use super::runtime;
use crate::failure::Failure;
use host_node::admin::{LINE_BYTES_MAX, connect};
use host_types::fault::Code;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One call; at most `within`, which a channel with long questions under way may need.
pub(crate) fn call(socket: &Path, call: &Value, within: Duration) -> Result<Value, Failure> {
    let line = format!("{call}\n");
    if line.len() as u64 > LINE_BYTES_MAX {
        let message = format!("the call is longer than {LINE_BYTES_MAX} bytes");
        return Err(Failure::new(Code::ParameterWrong, message));
    }
    let talk = async {
        let mut stream = connect(socket).await?;
        stream.write_all(line.as_bytes()).await?;
        stream.shutdown().await?;
        let mut reply = String::new();
        stream.take(LINE_BYTES_MAX).read_to_string(&mut reply).await?;
        Ok::<_, std::io::Error>(reply)
    };
    let shown = socket.display();
    let reply = runtime()?.block_on(async { tokio::time::timeout(within, talk).await });
    let reply = match reply {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => {
            let failure = Failure::new(Code::Unreachable, format!("{shown}: {error}"));
            return Err(failure.with_help(
                "`--home DIR` names the home of a process that runs, and only its own user reaches it",
            ));
        }
        Err(_) => {
            let message = format!("{shown} does not answer in {} s", within.as_secs());
            return Err(Failure::new(Code::Unreachable, message));
        }
    };
    let mut reply: Value = serde_json::from_str(&reply)
        .map_err(|error| Failure::new(Code::Internal, format!("{shown} said: {error}")))?;
    if let Some(error) = reply.get("error") {
        let word = error["code"].as_str().unwrap_or_default();
        let code = Code::ALL.iter().find(|code| code.to_string() == word);
        let message = error["message"].as_str().unwrap_or_default();
        return Err(Failure::new(code.copied().unwrap_or(Code::Internal), message));
    }
    Ok(reply["ok"].take())
}
