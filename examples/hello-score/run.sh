#!/usr/bin/env bash
# Builds the guest book, checks the built .so as a peer would, and runs its tests.
# LOOPCHAIN names another program than the one of this source tree.
set -euo pipefail
cd "$(dirname "$0")/../.."
loopchain() {
  if [[ -n ${LOOPCHAIN:-} ]]; then "$LOOPCHAIN" "$@"; else
    cargo run --quiet --release --locked -p host-cli -- "$@"
  fi
}
loopchain score build examples/hello-score
loopchain score check examples/hello-score
loopchain score test examples/hello-score
