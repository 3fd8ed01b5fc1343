#!/usr/bin/env bash
# Notices judged by foreign programs: aiosmtpd takes mail by STARTTLS and by TLS from whoever logs in, Python's own parser reads the letters, and
# icalendar reads the calendar. Starts what it needs on loopback; ends what it started.
set -u
cd "$(dirname "$0")/../.." || exit 1
rollcall=${ROLLCALL_BIN:-${CARGO_TARGET_DIR:-target}/debug/rollcall}
[ -x "$rollcall" ] || { echo "no $rollcall: cargo build first"; exit 1; }
# What the processes find in their environment are settings.
unset ROLLCALL_BIN

venv=${CARGO_TARGET_DIR:-target}/notice-judge
if ! "$venv/bin/python" -c 'import aiosmtpd, icalendar' 2>/dev/null; then
  python3 -m venv "$venv" 2>/dev/null || { echo "SKIPPED: python3 makes no venv here"; exit 77; }
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check aiosmtpd icalendar ||
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
judge() { "$venv/bin/python" tests/conformance/notices.py "$work" "$@"; }

# A certificate authority of the school's own: the mail server's certificate, and one for the appliance that ends in five days.
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=School Mail CA' -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null || fail "no authority"
for name in mail:30 serve:5; do
  days=${name#*:} name=${name%:*}
  openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$work/$name.key" -out "$work/$name.csr" 2>/dev/null
  openssl x509 -req -in "$work/$name.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days "$days" -out "$work/$name.pem" \
    -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE') 2>/dev/null || fail "no certificate"
done

read -r starttls tls https <<<"$(python3 -c '
import socket
held = [socket.socket() for _ in range(3)]
for one in held: one.bind(("127.0.0.1", 0))
print(*[one.getsockname()[1] for one in held])')"
judge serve "$starttls" "$tls" >"$work/mail.log" 2>&1 &
pids+=($!)
for _ in $(seq 1 100); do [ -e "$work/listening" ] && break; pause; done
[ -e "$work/listening" ] || fail "the mail server did not start"

data=$work/data
"$rollcall" serve --data "$data" --url "https://localhost:$https" --listen "127.0.0.1:$https" --http-listen off \
  --tls-certificate "$work/serve.pem" --tls-key "$work/serve.key" >"$work/serve.log" 2>&1 &
pids+=($!)
api() { curl -sS --unix-socket "$data/control.sock" -H 'content-type: application/json' "$@"; }
for _ in $(seq 1 200); do api -f http://localhost/health/ready >/dev/null 2>&1 && break; pause; done
api -f http://localhost/health/ready >/dev/null || fail "the appliance did not start"
api -f -X PATCH -d '{"organisation":"Gymnasium Süd"}' http://localhost/api/v1/settings >/dev/null || fail "no name"

server() { # security, port, password, anchors
  python3 - "$@" <<'P'
import json, sys
security, port, password, anchors = sys.argv[1:5]
print(json.dumps({
    "host": "localhost", "port": int(port), "security": security, "user": "rollcall", "password": password,
    "from": "rollcall@example.school", "from_name": "Rollcall Grüße", "reply_to": "it@example.school",
    "trust_anchors": open(anchors).read() if anchors else "",
}))
P
}
try() { # file, status, server, address
  [ "$(api -o "$work/$1.json" -w '%{http_code}' -X POST -d "{\"address\":\"$4\",\"mail_server\":$3}" http://localhost/api/v1/notices/test)" = "$2" ] ||
    fail "$1: $(cat "$work/$1.json")"
}
good=$(server starttls "$starttls" 'open sesame' "$work/ca.pem")
try stranger 502 "$(server starttls "$starttls" 'open sesame' '')" kim@example.school
grep -q 'is not trusted' "$work/stranger.json" || fail "$(cat "$work/stranger.json")"
try password 502 "$(server starttls "$starttls" wrong "$work/ca.pem")" kim@example.school
grep -q '535' "$work/password.json" || fail "the mail server's words are missing: $(cat "$work/password.json")"
try nobody 502 "$good" nobody@example.school
grep -q '550 5.1.1 There is no such mailbox here' "$work/nobody.json" || fail "$(cat "$work/nobody.json")"
try starttls 200 "$good" kim@example.school
grep -q '250 2.0.0 OK, kept as 0' "$work/starttls.json" || fail "$(cat "$work/starttls.json")"
judge trial "$starttls" 1 || fail "the letter by STARTTLS"
try tls 200 "$(server tls "$tls" 'open sesame' "$work/ca.pem")" kim@example.school
judge trial "$tls" 2 || fail "the letter by TLS"

# What ends soon is told by itself, to the one who wants it.
api -f -X POST -d '{"address":"it@example.school","kinds":["ends"]}' http://localhost/api/v1/notices/recipients >/dev/null || fail "no recipient"
api -f -X POST -d '{"address":"seats@example.school","kinds":["seats","digest"]}' http://localhost/api/v1/notices/recipients >/dev/null || fail "no recipient"
api -f -X PUT -d "$good" http://localhost/api/v1/notices/mail-server >"$work/kept.json" || fail "the mail server is not kept"
grep -q sesame "$work/kept.json" && fail "the password is told"
for _ in $(seq 1 200); do
  judge told "$starttls"
  status=$?
  [ $status = 2 ] || break
  pause
done
[ $status = 0 ] || fail "the notice: $(api http://localhost/api/v1/notices/letters)"
grep -qa 'open sesame' "$data"/rollcall.db* && fail "the password lies open in the database"

url=$(api -X POST -d '{}' http://localhost/api/v1/notices/calendar | python3 -c 'import json,sys; print(json.load(sys.stdin)["url"])')
for _ in 1 2; do
  curl -fsS --cacert "$work/ca.pem" "$url" -o "$work/calendar.ics" || fail "the calendar does not open"
  judge calendar || fail "the calendar"
done
api -X DELETE http://localhost/api/v1/notices/calendar
[ "$(curl -s --cacert "$work/ca.pem" -o /dev/null -w '%{http_code}' "$url")" = 404 ] || fail "the calendar opens by an address that was taken back"
grep -q "${url##*/}" "$work/serve.log" && fail "the log holds the calendar's secret"
echo "foreign programs took and read letters, and a calendar"
