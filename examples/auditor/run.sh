#!/usr/bin/env bash
# Four organisations run a channel; the registrar's auditor is granted it, follows it with a node of its own,
# verifies everything, reads at another organisation's peer and leaves a trail there. LOOPCHAIN names the
# program, BASE_PORT moves the ports; everything is in a folder that is removed.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
loopchain="${LOOPCHAIN:-$here/../../target/release/loopchain}"
[[ -x "$loopchain" ]] || { echo "$loopchain is not there: cargo build --release -p host-cli" >&2; exit 2; }
port="${BASE_PORT:-7100}"
place="$(mktemp -d)"
children=()
trap 'kill -INT "${children[@]}" 2>/dev/null || true; wait || true; rm -rf "$place"' EXIT
cd "$place"

fail() { echo "$1" >&2; tail -n 5 ./*.log >&2; exit 1; }
within() { # SECONDS WHAT COMMAND...: until it succeeds
  local end=$((SECONDS + $1)) what="$2"; shift 2
  until "$@" >/dev/null 2>&1; do ((SECONDS < end)) || fail "not in time: $what"; sleep 0.2; done
}
field() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
at() { local peer="$1"; shift; "$loopchain" --endpoint "http://127.0.0.1:$((port + 1900 + 100 * peer))" -c settlement "$@"; }
key() { echo "net/$1/peer$2/pki/sign.key"; }
run() { "$loopchain" peer run --home "$1" >"$(basename "$1").log" 2>&1 & children+=($!); }

echo "== four organisations, one channel"
"$loopchain" testnet init --peers 4 --orgs 4 --channels settlement --out net --base-port "$port" --no-password
"$loopchain" radiostation run --home net/bank-a/radiostation >radiostation.log 2>&1 & children+=($!)
run net/bank-a/peer0; run net/bank-b/peer1; run net/exchange/peer2; run net/registrar/peer3
connected() { [[ "$(at 0 channel show | grep -c ' connected$')" == 4 ]]; }
within 120 "four validators meet" connected
listed() { at 0 score list | grep -q token; }
within 120 "the peer looks into its plugins" listed
change="$(at 0 score deploy token@0.1.0 --args '{"supply":"1000"}' --propose --identity "$(key bank-a 0)" --json | field change)"
at 0 score approve "$change" --identity "$(key bank-b 1)"
at 0 score approve "$change" --identity "$(key exchange 2)"
within 60 "token is active" at 0 query token.total_supply

echo "== an auditor without a grant is a stranger"
line="$("$loopchain" ca invite --role auditor --name audit0 --dir net/registrar/ca --quiet)"
"$loopchain" peer init --home audit0 --join "$line" --listen "127.0.0.1:$((port + 400))" \
  --rule lft --score token --no-password
"$loopchain" ca sign audit0/pki/request.pem --dir net/registrar/ca
"$loopchain" peer init --home audit0 --certificates audit0/pki/request.bundle.pem --no-password
auditor=audit0/pki/sign.key
at 0 cert register --identity "$auditor"
cp net/bank-a/peer0/channels/settlement.genesis audit0/channels/
run audit0
within 60 "the auditor's node answers" at 4 channel show
height() { at "$1" channel show --json | grep -o '"height":[0-9]*' | head -n 1 | cut -d : -f 2; }
[[ "$(height 4)" == 0 ]] || fail "the auditor's node follows without a grant"

echo "== granted by a change that the validators approve"
sed -i 's|^organisations = .*|&\nauditors = ["registrar/audit0"]|' net/channels.toml
at 0 channel plan net/channels.toml
change="$(at 0 channel apply net/channels.toml --propose --identity "$(key bank-a 0)" --json | field change)"
at 0 channel vote "$change" --approve --identity "$(key bank-b 1)"
at 0 channel vote "$change" --approve --identity "$(key exchange 2)"
granted() { at 0 channel epochs | grep 'grant registrar/audit0'; }
within 60 "the grant is in force" granted
granted
paid="$(at 0 tx send token transfer to=hx1111111111111111111111111111111111111111 amount=0 \
  --identity net/bank-a/operator/sign.key --json | field hash)"
follows() { [[ "$(height 4)" -ge "$(height 0)" ]]; }
within 120 "the auditor's node follows" follows

echo "== it verifies everything itself"
genesis="$(at 0 channel show --json | field genesis)"
"$loopchain" audit verify --deep --store audit0/data/channels/settlement --scores audit0/data/scores \
  --genesis "$genesis" --rules audit0/plugins

echo "== it submits nothing"
said="$(at 0 tx send token transfer to=hx1111111111111111111111111111111111111111 amount=0 --identity "$auditor" 2>&1 || true)"
grep LC4301 <<<"$said" || fail "an auditor has sent a transaction: $said"

echo "== a receipt from bank-b, checked offline, and the trail of that reading"
at 1 tx get "$paid" --receipt receipt.json --identity "$auditor"
"$loopchain" verify receipt.json --genesis "$genesis" --rules audit0/plugins
store=net/bank-b/peer1/data/channels/settlement
"$loopchain" audit trail --store "$store"
"$loopchain" audit trail --store "$store" --json | grep -q "/transactions/$paid/receipt" || fail "the reading left no record"
anchored() {
  "$loopchain" audit verify --store "$store" --genesis "$genesis" --rules audit0/plugins \
    --trail-of bank-b/peer1 --json | grep -q '"on_chain":[1-9]'
}
within 60 "the root of the trail is on the chain" anchored
echo "auditor: followed by a grant, verified, and left a trail that the chain covers"
