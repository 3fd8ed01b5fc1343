#!/usr/bin/env bash
# Backups judged by foreign programs: moto stands for a store that speaks S3, pyrage (the age of another family) opens what was put there, Python's own
# tar and SQLite read it. Then the machine is lost, and `rollcall restore` brings it back. Starts what it needs on loopback; ends what it started.
set -u
cd "$(dirname "$0")/../.." || exit 1
rollcall=${ROLLCALL_BIN:-${CARGO_TARGET_DIR:-target}/debug/rollcall}
[ -x "$rollcall" ] || { echo "no $rollcall: cargo build first"; exit 1; }
# What the processes find in their environment are settings.
unset ROLLCALL_BIN

venv=${CARGO_TARGET_DIR:-target}/backup-judge
if ! "$venv/bin/python" -c 'import moto, boto3, pyrage, zstandard, flask' 2>/dev/null; then
  python3 -m venv "$venv" 2>/dev/null || { echo "SKIPPED: python3 makes no venv here"; exit 77; }
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server]' boto3 pyrage zstandard ||
    { echo "SKIPPED: pip cannot fetch the foreign judges"; exit 77; }
fi

work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "FAILED: $*"; for log in "$work"/*.log; do echo "== $log"; tail -n 20 "$log"; done; exit 1; }
pause() { read -rt 0.3 <> <(:) || true; }

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$work/moto.log" 2>&1 &
pids+=($!)
judge() { "$venv/bin/python" tests/conformance/backups.py "$work" "http://127.0.0.1:$port" "$@"; }
for _ in $(seq 1 100); do judge bucket 2>/dev/null && break; pause; done

# An appliance with a package of 40 MB that nothing compresses, so that its backup goes in parts.
data=$work/data
start() {
  "$rollcall" serve --data "$data" --url https://localhost:1 --listen 127.0.0.1:0 --http-listen off >"$work/serve.log" 2>&1 &
  serving=$!
  pids+=("$serving")
  for _ in $(seq 1 200); do
    curl -fsS --unix-socket "$data/control.sock" http://localhost/health/ready >/dev/null 2>&1 && return 0
    pause
  done
  fail "the appliance did not start"
}
api() { curl -sS --unix-socket "$data/control.sock" -H 'content-type: application/json' "$@"; }
start
"$rollcall" admin add kim --role owner --data "$data" >/dev/null || fail "nobody could be added"
mkdir -p "$data/packages"
head -c 40000000 /dev/urandom >"$work/package"
mv "$work/package" "$data/packages/$(sha256sum "$work/package" | cut -d' ' -f1)"

settings() { # the secret key, the bucket
  printf '{"daily":true,"at":"03:15","with_packages":true,"keep":{"daily":1,"weekly":0,"monthly":0},"s3":{"endpoint":"http://127.0.0.1:%s","region":"eu-central-1","bucket":"%s","prefix":"rollcall","key_id":"key","secret_key":"%s","path_style":true}}' "$port" "$2" "$1"
}
api -X POST -d '{}' http://localhost/api/v1/backups/recovery-key >"$work/key.json"
[ "$(api -o "$work/none.json" -w '%{http_code}' -X POST -d "$(settings secret nowhere)" http://localhost/api/v1/backups/settings/try)" = 502 ] || fail "a bucket that is not there: $(cat "$work/none.json")"
grep -q 'There is no bucket' "$work/none.json" || fail "$(cat "$work/none.json")"
[ "$(api -o "$work/try.json" -w '%{http_code}' -X POST -d "$(settings secret school)" http://localhost/api/v1/backups/settings/try)" = 204 ] || fail "the bucket could not be tried: $(cat "$work/try.json")"
judge empty || fail "the trial left something"
[ "$(api -o "$work/set.json" -w '%{http_code}' -X PUT -d "$(settings secret school)" http://localhost/api/v1/backups/settings)" = 200 ] || fail "$(cat "$work/set.json")"
grep -q secret_key\":\" "$work/set.json" && fail "the secret key is told"

run() {
  before=$(api http://localhost/api/v1/backups/settings | python3 -c 'import json,sys; print(json.load(sys.stdin)["last_at"])')
  api -X POST -d '{}' http://localhost/api/v1/backups/run >/dev/null
  for _ in $(seq 1 600); do
    api http://localhost/api/v1/backups/settings >"$work/standing.json"
    python3 - "$work/standing.json" "$before" <<'P' && return 0
import json, sys
standing = json.load(open(sys.argv[1]))
if standing["failure"]:
    print(standing["failure"])
sys.exit(0 if str(standing["last_at"]) != sys.argv[2] else 1)
P
    pause
  done
  fail "no backup was made: $(cat "$work/standing.json")"
}
run
run
api -X POST -d '{}' http://localhost/api/v1/backups/self-test >/dev/null
for _ in $(seq 1 600); do
  api http://localhost/api/v1/backups >"$work/list.json"
  python3 -c 'import json,sys; items=json.load(open(sys.argv[1]))["items"]; sys.exit(0 if len(items) == 1 and any(i["tested_at"] for i in items) else 1)' "$work/list.json" && break
  pause
done
judge opens || fail "the foreign judges do not open it"

# The machine is lost. What kim takes away by hand, and a passphrase, bring it back.
printf 'correct horse battery\n' >"$work/phrase"
"$rollcall" backup --data "$data" --passphrase-file "$work/phrase" "$work/school.backup" >"$work/backup.out" || fail "no backup by hand"
"$rollcall" backup --data "$data" --passphrase-file "$work/phrase" "$work/school.backup" 2>/dev/null && fail "it wrote over a file"
kill "$serving"; wait "$serving" 2>/dev/null
mv "$data" "$work/lost"
printf 'another passphrase\n' >"$work/wrong"
"$rollcall" restore --data "$data" --passphrase-file "$work/wrong" "$work/school.backup" 2>"$work/wrong.txt" && fail "any passphrase opens it"
grep -q 'does not open this backup' "$work/wrong.txt" || fail "$(cat "$work/wrong.txt")"
head -c 5000 "$work/school.backup" >"$work/short.backup"
"$rollcall" restore --data "$data" --passphrase-file "$work/phrase" "$work/short.backup" 2>"$work/short.txt" && fail "half a backup was taken"
grep -q 'cut short' "$work/short.txt" || fail "$(cat "$work/short.txt")"
[ "$(find "$data" -mindepth 1 ! -name rollcall.lock | wc -l)" = 0 ] || fail "a refused backup left something: $(ls "$data")"
"$rollcall" restore --data "$data" --passphrase-file "$work/phrase" "$work/school.backup" || fail "it could not be restored"
"$rollcall" restore --data "$data" --passphrase-file "$work/phrase" "$work/school.backup" 2>/dev/null && fail "it wrote over a data folder"
"$rollcall" restore --data "$data" --replace --passphrase-file "$work/phrase" "$work/school.backup" >/dev/null || fail "it could not replace"
ls -d "$data"/before-restore-*/rollcall.db >/dev/null || fail "what was replaced is not kept"
start
"$rollcall" admin list --data "$data" | grep -q kim || fail "kim is lost"
echo "a store took backups in parts, foreign programs opened one, and a lost machine came back"
