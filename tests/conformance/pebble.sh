#!/usr/bin/env bash
# The ACME client judged by a foreign authority: Let's Encrypt's own test server, `pebble`, proves a name by TLS-ALPN-01 and by DNS-01, and openssl
# verifies what our listener shows then. On a temporary folder and loopback; ends what it started.
set -u
cd "$(dirname "$0")/../.." || exit 1
rollcall=${ROLLCALL_BIN:-${CARGO_TARGET_DIR:-target}/debug/rollcall}
[ -x "$rollcall" ] || { echo "no $rollcall: cargo build first"; exit 1; }
command -v pebble >/dev/null && command -v pebble-challtestsrv >/dev/null || { echo "SKIPPED: no pebble"; exit 77; }

work=$(mktemp -d)
declare -a pids=()
cleanup() {
  [ ${#pids[@]} -gt 0 ] && kill "${pids[@]}" 2>/dev/null
  wait 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT
passed=0 failed=0
check() {
  local words=$1
  shift
  if "$@" >"$work/last" 2>&1; then passed=$((passed + 1)); echo "  ok: $words"; else failed=$((failed + 1)); echo "  NOT OK: $words"; head -20 "$work/last"; fi
}
ports() { python3 -c 'import socket
held = [socket.socket() for _ in range(5)]
for one in held: one.bind(("127.0.0.1", 0))
print(*[one.getsockname()[1] for one in held])'; }
read -r acme manage dns names tls < <(ports)

# The authority's own web server, vouched for by a root that only a setting of ours knows.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/root.key" -out "$work/root.pem" -days 2 -subj "/CN=Test root" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/web.key" -out "$work/web.csr" -subj "/CN=localhost" 2>/dev/null
openssl x509 -req -in "$work/web.csr" -CA "$work/root.pem" -CAkey "$work/root.key" -days 2 -out "$work/web.pem" \
  -extfile <(printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n') 2>/dev/null
cat >"$work/pebble.json" <<JSON
{"pebble": {"listenAddress": "127.0.0.1:$acme", "managementListenAddress": "127.0.0.1:$manage", "certificate": "$work/web.pem",
 "privateKey": "$work/web.key", "httpPort": 1, "tlsPort": $tls, "ocspResponderURL": "", "externalAccountBindingRequired": false}}
JSON
pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 "" -dns01 "127.0.0.1:$dns" -management "127.0.0.1:$names" -http01 "" -https01 "" -tlsalpn01 "" \
  >"$work/names.log" 2>&1 &
pids+=($!)
PEBBLE_VA_NOSLEEP=1 PEBBLE_AUTHZREUSE=0 pebble -config "$work/pebble.json" -dnsserver "127.0.0.1:$dns" >"$work/pebble.log" 2>&1 &
pids+=($!)
# Whoever is asked before it listens is asked again only after a quarter of an hour.
for _ in $(seq 300); do curl -fsSk "https://localhost:$acme/dir" >"$work/dir.json" 2>/dev/null && break || sleep 0.1; done

# Sets records as the program of a name server would.
cat >"$work/hook" <<HOOK
#!/bin/sh
echo "\$1 \$2" >>"$work/hook.log"
case \$1 in
  add) exec curl -fsS -d "{\"host\":\"\$2.\",\"value\":\"\$3\"}" http://127.0.0.1:$names/set-txt ;;
  *) exec curl -fsS -d "{\"host\":\"\$2.\"}" http://127.0.0.1:$names/clear-txt ;;
esac
HOOK
chmod +x "$work/hook"

start() {
  "$rollcall" serve --data "$work/data" --url https://mdm.example.school --listen "127.0.0.1:$tls" --http-listen off --tls-dns-hook "$work/hook" \
    >>"$work/serve.log" 2>&1 &
  server=$!
  pids+=("$server")
  for _ in $(seq 1 100); do
    curl -fsS --unix-socket "$work/data/control.sock" http://localhost/health/ready >/dev/null 2>&1 && return 0
    read -rt 0.2 <> <(:) || true
  done
  echo "the server did not start"; cat "$work/serve.log"; exit 1
}
api() { curl -sS --unix-socket "$work/data/control.sock" -H 'content-type: application/json' "$@"; }
state() { api http://localhost/api/v1/server-certificate; }
# until WHAT …: waits until the state, as Python's `it`, is so.
until_state() {
  for _ in $(seq 1 100); do
    state | python3 -c 'import json, sys; it = json.load(sys.stdin); a = it["acme"] or {}; sys.exit(not ('"$1"'))' && return 0
    read -rt 0.3 <> <(:) || true
  done
  state
  return 1
}
verified() {
  curl -fsSk "https://127.0.0.1:$manage/roots/0" -o "$work/everybody.pem" || return 1
  openssl s_client -connect "127.0.0.1:$tls" -servername mdm.example.school -verify_hostname mdm.example.school -CAfile "$work/everybody.pem" \
    -verify_return_error </dev/null 2>&1 | grep -q 'Verify return code: 0 (ok)'
}
not() { ! "$@"; }
choose() {
  python3 - "$1" "$work/root.pem" "$acme" >"$work/choice.json" <<'PY'
import json, sys
print(json.dumps({"directory": f"https://localhost:{sys.argv[3]}/dir", "trust_anchors": open(sys.argv[2]).read(), "challenge": sys.argv[1],
                  "contact": "it@example.school", "agree_to_terms": True}))
PY
  api -f -X PUT -d @"$work/choice.json" http://localhost/api/v1/server-certificate
}

echo "TLS-ALPN-01"
start
check "at first our own certificate is shown" not verified
check "an authority is chosen" choose tls-alpn-01
check "the certificate comes" until_state 'it["source"] == "acme" and a["names"] == ["mdm.example.school"] and not a["problem"]'
check "openssl verifies what the listener shows" verified
check "nothing is shown to who looks for a proof when none is wanted" \
  not bash -c "openssl s_client -connect 127.0.0.1:$tls -servername mdm.example.school -alpn acme-tls/1 </dev/null 2>&1 | grep -q 'BEGIN CERTIFICATE'"
due=$(state | python3 -c 'import json, sys; print(json.load(sys.stdin)["acme"]["due_at"])')
kill "$server" && wait "$server" 2>/dev/null
start
check "after a restart it is shown at once" verified
check "and nobody is asked again" [ "$due" = "$(state | python3 -c 'import json, sys; print(json.load(sys.stdin)["acme"]["due_at"])')" ]
check "keys and account are sealed" bash -c "! grep -aq 'PRIVATE KEY' '$work/data/rollcall.db' && ! grep -aq 'key_pkcs8' '$work/data/rollcall.db'"
check "a certificate can be asked for by hand" api -f -X POST -d '{}' http://localhost/api/v1/server-certificate/order
check "and comes" until_state 'it["source"] == "acme" and a["due_at"] > "'"$due"'"'

echo "a name that leads elsewhere"
check "we go back to our own" api -f -X DELETE http://localhost/api/v1/server-certificate
check "which is shown at once" until_state 'it["source"] == "own" and it["acme"] is None'
check "the name leads elsewhere" curl -fsS -d '{"host":"mdm.example.school.","addresses":["127.0.0.2"]}' "http://127.0.0.1:$names/add-a"
check "an authority is chosen" choose tls-alpn-01
check "it says why there is no certificate" until_state '"certificate authority says" in (a["problem"] or "") and a["failures"] == 1'
check "and our own is shown" not verified
check "the name leads here again" curl -fsS -d '{"host":"mdm.example.school."}' "http://127.0.0.1:$names/clear-a"

echo "DNS-01"
check "the other proof is chosen" choose dns-01
check "the certificate comes" until_state 'it["source"] == "acme" and not a["problem"]'
check "openssl verifies what the listener shows" verified
check "the program set the record and took it away" diff "$work/hook.log" - <<<$'add _acme-challenge.mdm.example.school\nremove _acme-challenge.mdm.example.school'
check "nothing panicked" not grep -q panicked "$work/serve.log"

echo "$passed of $((passed + failed)) checks passed"
[ "$failed" -eq 0 ]
