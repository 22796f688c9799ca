//! `examples-rest-client DATA GENESIS TO PEER...`: see the README beside it.

use host_types::GenesisHash;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let said = match args.as_slice() {
        [data, genesis, to, peers @ ..] if !peers.is_empty() => {
            let peers: Vec<_> = peers.iter().map(String::as_str).collect();
            match GenesisHash::from_hex(genesis) {
                Some(genesis) => examples_rest_client::pay(Path::new(data), genesis, &peers, to)
                    .await
                    .map_err(|error| error.to_string()),
                None => Err("GENESIS is 64 hex digits".to_owned()),
            }
        }
        _ => Err("rest-client DATA GENESIS TO PEER...".to_owned()),
    };
    let (line, code) = match said {
        Ok(line) => (line, ExitCode::SUCCESS),
        Err(line) => (line, ExitCode::FAILURE),
    };
    // Nobody reads it: there is nobody to tell.
    writeln!(std::io::stdout(), "{line}").ok();
    code
}
