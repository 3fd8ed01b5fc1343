#!/usr/bin/env bash
# The page as a person uses it: Chromium against `rollcall demo`. Pictures land in target/browser.
set -u
cd "$(dirname "$0")/../.." || exit 1
target=${CARGO_TARGET_DIR:-target}
rollcall=${ROLLCALL_BIN:-$target/debug/rollcall}
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || { echo "SKIPPED: no Chromium"; exit 77; }
command -v node >/dev/null && command -v npm >/dev/null || { echo "SKIPPED: no node or npm"; exit 77; }
[ -x "$rollcall" ] || { echo "no $rollcall: cargo build first"; exit 1; }

mkdir -p "$target/browser"
cp tests/browser/package.json tests/browser/package-lock.json tests/browser/*.mjs "$target/browser/"
(cd "$target/browser" && npm ci --silent --no-audit --no-fund) || { echo "SKIPPED: playwright-core cannot be installed"; exit 77; }

log=$(mktemp)
"$rollcall" demo --devices 25 >"$log" 2>&1 &
pid=$!
trap 'kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; rm -f "$log"' EXIT
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
for journey in journeys.mjs apps.mjs updates.mjs lessons.mjs; do
  CHROMIUM=$chromium node "$journey" "$link" "$password" || status=1
done
exit $status
