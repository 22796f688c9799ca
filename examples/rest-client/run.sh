#!/usr/bin/env bash
# Starts a network and lets the application pay bob through two of its peers. LOOPCHAIN names the program, BASE_PORT
# moves the ports; data is in a folder that is removed.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
loopchain="${LOOPCHAIN:-$here/../../target/release/loopchain}"
[[ -x "$loopchain" ]] || { echo "$loopchain is not there: cargo build --release -p host-cli" >&2; exit 2; }
data="$(mktemp -d)/data"
base="${BASE_PORT:-7100}"
export LOOPCHAIN_DATA="$data"
trap '"$loopchain" down >/dev/null 2>&1 || true; rm -rf "$(dirname "$data")"' EXIT

"$loopchain" up --detach --base-port "$base"
genesis="$("$loopchain" channel show demo --json | sed -n 's/.*"genesis": *"\([0-9a-f]*\)".*/\1/p' | head -1)"
cargo run --quiet --manifest-path "$here/Cargo.toml" -- "$data" "$genesis" bob \
    "http://127.0.0.1:$((base + 1900))" "http://127.0.0.1:$((base + 1901))"
