#!/usr/bin/env bash
# schemathesis against a local network: what the OpenAPI documents promise, tried with data that fits
# them and data that does not.
#
# In: LOOPCHAIN (the program; target/release/loopchain), BASE_PORT (of a network whose ports are free;
# 27100), SECONDS_MAX (of all runs together; 110), SEED. Out: a summary of each run; not 0 when
# anything was found. Python packages go into a folder of the build folder, at the versions of
# requirements.txt; the network's data goes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"

loopchain=${LOOPCHAIN:-target/release/loopchain}
base=${BASE_PORT:-27100}
seconds=${SECONDS_MAX:-110}
seed=${SEED:-$(date +%y%m%d)}
venv=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")/schemathesis

install() {
    local stamp=$venv/installed.txt
    cmp -s "$here/requirements.txt" "$stamp" 2>/dev/null && return 0
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$stamp"
}

# hooks.py beside this script.
export SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1

data=$(mktemp -d)
cleanup() {
    local code=$?
    "$loopchain" down --data "$data" >/dev/null 2>&1 || true
    if ((code != 0)); then
        find "$data" -name '*.log' -exec grep -h -m 5 -E 'WARN|ERROR|panicked' {} \; | head -n 40
    fi
    rm -rf "$data"
    exit "$code"
}
trap cleanup EXIT

# try_all NAME PORT SECONDS ARGUMENTS...: one run against the document that this port serves. A run
# that does not end by itself is ended.
try_all() {
    local name=$1 url=http://127.0.0.1:$2 limit=$3
    shift 3
    printf '== schemathesis: %s, %s s, seed %s\n' "$name" "$limit" "$seed"
    (cd "$data" && timeout --kill-after=5 $((limit + 60)) "$venv/bin/schemathesis" "$@" \
        --url "$url" --no-color --seed "$seed" --max-time "$limit" --request-timeout 70 \
        --continue-on-failure --max-failures 20 "$url/api/openapi.json")
}

# What is really there, so that answers with data are tried too, not only refusals.
real_names() {
    "$venv/bin/python" - "$1" <<'PYTHON'
import json, sys, urllib.request

def get(path):
    with urllib.request.urlopen(sys.argv[1] + path, timeout=20) as answer:
        return json.load(answer)

channel = "/api/v2/channels/demo"
for height in range(1, get(channel)["height"] + 1):
    block = get(f"{channel}/blocks/{height}")
    called = [tx for tx in block["transactions"] if tx["score"] == "token"]
    if called:
        print("[parameters]")
        print('"path.channel" = "demo"')
        print('"path.score" = "token"')
        print(f'"path.block" = "{height}"')
        print(f'"path.hash" = "{called[0]["hash"]}"')
        break
else:
    sys.exit("no transaction of the SCORE `token` in the channel `demo`")
PYTHON
}

install
"$loopchain" up --detach --data "$data" --base-port "$base" >"$data/up.txt" || { cat "$data/up.txt"; exit 1; }
peer=$((base + 1900))
"$loopchain" tx send token transfer to=bob amount=1 --data "$data" --endpoint "http://127.0.0.1:$peer" \
    --channel demo --identity alice >/dev/null

try_all 'peer, all data' "$peer" $((seconds * 6 / 10)) --config-file "$here/peer.toml" run --max-examples 40
{ cat "$here/peer.toml"; real_names "http://127.0.0.1:$peer"; } >"$data/real.toml"
try_all 'peer, what is really there' "$peer" $((seconds * 2 / 10)) --config-file "$data/real.toml" run \
    --phases examples,coverage,fuzzing --mode positive --max-examples 20 --include-path-regex 'channel'
try_all 'radiostation' $((base + 1902)) $((seconds * 2 / 10)) --config-file "$here/radiostation.toml" run \
    --max-examples 20

# It still answers.
curl --silent --fail --max-time 20 "http://127.0.0.1:$peer/api/v2/channels/demo" >/dev/null
printf '== schemathesis: nothing found\n'
