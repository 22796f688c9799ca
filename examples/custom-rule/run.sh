#!/usr/bin/env bash
# Tests the rule, builds its .so, and shows the one symbol by which a node finds it.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo test --quiet --locked -p examples-custom-rule
cargo build --quiet --release --locked -p examples-custom-rule
so="${CARGO_TARGET_DIR:-target}/release/libfixed_leader.so"
count=$(grep -c -a "loopchain_rule_fixed_leader" "$so")
((count > 0)) || { echo "$so exports no rule" >&2; exit 1; }
echo "$so: rule fixed_leader"
