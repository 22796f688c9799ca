#!/usr/bin/env bash
# Starts a network with the channels of channels.toml, pays on one of them, and shows that the other one
# has not moved. LOOPCHAIN names the program, BASE_PORT moves the ports; data is in a folder that is removed.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
loopchain="${LOOPCHAIN:-$here/../../target/release/loopchain}"
[[ -x "$loopchain" ]] || { echo "$loopchain is not there: cargo build --release -p host-cli" >&2; exit 2; }
data="$(mktemp -d)/data"
export LOOPCHAIN_DATA="$data"
trap '"$loopchain" down >/dev/null 2>&1 || true; rm -rf "$(dirname "$data")"' EXIT

"$loopchain" channel check "$here/channels.toml" -c clearing
"$loopchain" up --detach --peers 5 --base-port "${BASE_PORT:-7100}" --config "$here/channels.toml"
"$loopchain" channel list

balance() { "$loopchain" query -c "$1" token.balance_of who="$2"; }
"$loopchain" tx send -c settlement token transfer to=bob amount=250
[[ "$(balance settlement bob)" == '"250"' ]] || { echo "bob has no 250 on settlement" >&2; exit 1; }
[[ "$(balance clearing bob)" == '"0"' ]] || { echo "bob has something on clearing" >&2; exit 1; }
"$loopchain" tx send -c clearing token transfer to=carol amount=5
[[ "$(balance clearing carol)" == '"5"' ]] || { echo "carol has no 5 on clearing" >&2; exit 1; }
[[ "$(balance settlement carol)" == '"0"' ]] || { echo "carol has something on settlement" >&2; exit 1; }

validators() { "$loopchain" channel show "$1" | grep ' validator '; }
validators clearing
if validators clearing | grep -q registrar; then echo "the registrar votes on clearing" >&2; exit 1; fi
echo "two channels: paid on one, nothing moved on the other"
