#!/usr/bin/env bash
# The page as a person uses it: Chromium against `rollcall demo`. Pictures land in target/browser.
set -u
cd "$(dirname "$0")/../.." || exit 1
target=$(realpath "${CARGO_TARGET_DIR:-target}")
rollcall=${ROLLCALL_BIN:-$target/debug/rollcall}
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo "SKIPPED: no Chromium"; exit 77; }
command -v node >/dev/null && command -v npm >/dev/null || { echo "SKIPPED: no node or npm"; exit 77; }
[ -x "$rollcall" ] || { echo "no $rollcall: cargo build first"; exit 1; }

mkdir -p "$target/browser"
cp tests/browser/package.json tests/browser/package-lock.json tests/browser/*.mjs "$target/browser/"
(cd "$target/browser" && npm ci --silent --no-audit --no-fund) || { echo "SKIPPED: playwright-core cannot be installed"; exit 77; }

log=$(mktemp) work=$(mktemp -d)
"$rollcall" demo --devices 25 --data "$work/demo" >"$log" 2>&1 &
pid=$! second= third=
trap 'kill "$pid" $second $third 2>/dev/null; wait 2>/dev/null; rm -rf "$log" "$work"' EXIT
link= password=
for _ in $(seq 1 150); do
  link=$(grep -o 'Log in: http://[^ ]*' "$log" | cut -d' ' -f3)
  password=$(sed -n 's/.*with the password //p' "$log")
  [ -n "$link" ] && [ -n "$password" ] && break
  read -rt 0.2 <> <(:) || true
done
[ -n "$link" ] && [ -n "$password" ] || { echo "the demo did not start"; cat "$log"; exit 1; }
cd "$target/browser" || exit 1
status=0
# The log-in link works once: the first journey uses it, the others log in by the password.
for journey in journeys.mjs apps.mjs updates.mjs lessons.mjs webhooks.mjs notices.mjs language.mjs logged-out.mjs plain.mjs axe.mjs; do
  CHROMIUM=$chromium node "$journey" "$link" "$password" || status=1
done
# An appliance that nobody has begun with. Nobody is pushed: its device comes by itself.
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
ROLLCALL_APPLE_APNS_ENDPOINT=https://localhost:1 "$rollcall" serve --data "$work/first" --url "https://localhost:$port" --listen "127.0.0.1:$port" \
  --http-listen off >"$work/first.log" 2>&1 &
third=$!
first=
for _ in $(seq 1 100); do
  first=$(grep -o 'https://[^ ]*/setup?token=[^ ]*' "$work/first.log" | head -1)
  [ -n "$first" ] && break
  read -rt 0.2 <> <(:) || true
done
CHROMIUM=$chromium node first.mjs "$first" "$rollcall" || status=1
# An appliance that is empty, and the backup of the one that the journeys went through.
printf 'correct horse battery\n' >"$work/phrase"
"$rollcall" backup --data "$work/demo" --passphrase-file "$work/phrase" "$work/school.backup" >/dev/null || exit 1
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
"$rollcall" serve --data "$work/fresh" --url "https://localhost:$port" --listen "127.0.0.1:$port" --http-listen off >"$work/fresh.log" 2>&1 &
second=$!
for _ in $(seq 1 100); do
  link=$(grep -o 'https://[^ ]*/setup?token=[^ ]*' "$work/fresh.log" | head -1)
  [ -n "$link" ] && break
  read -rt 0.2 <> <(:) || true
done
CHROMIUM=$chromium node restore.mjs "$link" "$work/school.backup" 'correct horse battery' demo "$password" || status=1
exit $status
