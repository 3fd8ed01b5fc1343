#!/usr/bin/env bash
# Replication as Litestream does it, by another program: Python's sqlite3 holds a read transaction on the database while Rollcall writes and copies its log
# back, reads the frames of the log, and makes a database of them. Nothing that was answered is missing there, and Rollcall works with it.
set -u
cd "$(dirname "$0")/../.." || exit 1
rollcall=${ROLLCALL_BIN:-${CARGO_TARGET_DIR:-target}/debug/rollcall}
[ -x "$rollcall" ] || { echo "no $rollcall: cargo build first"; exit 1; }
# What the processes find in their environment are settings.
unset ROLLCALL_BIN
# So many commits fill the log several times over: beyond what is copied back beside the writer, and beyond what the writer waits for.
people=${ROLLCALL_PEOPLE:-6000}

work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "FAILED: $*"; tail -n 20 "$work/serve.log"; exit 1; }
pause() { read -rt 0.3 <> <(:) || true; }

data=$work/data restored=$work/restored
mkdir -m 700 "$restored"
"$rollcall" serve --data "$data" --url https://localhost:1 --listen 127.0.0.1:0 --http-listen off >"$work/serve.log" 2>&1 &
serving=$!
pids+=("$serving")
for _ in $(seq 1 200); do
  curl -fsS --unix-socket "$data/control.sock" http://localhost/health/ready >/dev/null 2>&1 && break
  pause
done
python3 tests/conformance/litestream.py "$data" "$people" "$restored" || fail "what was copied while the log was held"
curl -fsS --unix-socket "$data/control.sock" http://localhost/health/ready >/dev/null || fail "the appliance did not take it well"

# The key is kept apart, as the README says; with both the copy is an appliance.
cp -p "$data/seal.key" "$restored/"
"$rollcall" admin add kim --role owner --data "$restored" >/dev/null || fail "the copy cannot be worked with"
"$rollcall" doctor --data "$restored" --json >"$work/doctor.json"
python3 - "$work/doctor.json" <<'PY' || fail "the doctor finds fault with the copy"
import json, sys
found = [finding for finding in json.load(open(sys.argv[1]))["findings"] if finding["area"] == "database" and finding["level"] != "ok"]
assert not found, found
PY
echo "a copy made of the log's frames is whole, and Rollcall works with it"
