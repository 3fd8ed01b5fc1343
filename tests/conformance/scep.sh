#!/usr/bin/env bash
# SCEP, profile and TLS judged by foreign programs: strongSwan's pki, certmonger, openssl and Python's plistlib.
# Starts `rollcall demo` with one practice device on a temporary folder and loopback; ends what it started.
set -u
cd "$(dirname "$0")/../.." || exit 1
rollcall=${ROLLCALL_BIN:-${CARGO_TARGET_DIR:-target}/debug/rollcall}
command -v pki >/dev/null 2>&1 || { echo "SKIPPED: strongSwan's pki is absent"; exit 77; }
[ -x "$rollcall" ] || { echo "no $rollcall: cargo build first"; exit 1; }

work=$(mktemp -d)
declare -a pids=()
cleanup() {
  for pid in "${pids[@]:-}"; do [ -n "$pid" ] && kill "$pid" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT

checks=0 failures=0
ok() { checks=$((checks + 1)); echo "  ok: $1"; }
bad() { checks=$((checks + 1)); failures=$((failures + 1)); echo "  NOT OK: $1"; }
expect() { local what=$1; shift; if "$@" >"$work/last" 2>&1; then ok "$what"; else bad "$what"; sed 's/^/    /' "$work/last" | tail -5; fi; }
refuse() { local what=$1; shift; if "$@" >"$work/last" 2>&1; then bad "$what"; else ok "$what"; fi; }

"$rollcall" demo --devices 1 --data "$work/data" >"$work/demo.log" 2>&1 &
pids+=($!)
base=
for _ in $(seq 1 100); do
  base=$(grep -o 'Page: http://[^ ]*' "$work/demo.log" | cut -d' ' -f2)
  [ -n "$base" ] && curl -fsS "$base/health/ready" >/dev/null 2>&1 && break
  read -rt 0.2 <> <(:) || true
done
[ -n "$base" ] || { echo "the demo did not start"; cat "$work/demo.log"; exit 1; }
api() { curl -fsS --unix-socket "$work/data/control.sock" "$@"; }
for _ in $(seq 1 100); do
  code=$(api http://localhost/api/v1/invitations | python3 -c 'import json,sys; i=json.load(sys.stdin)["items"]; print(i[0]["code"] if i else "")')
  [ -n "$code" ] && break
  read -rt 0.2 <> <(:) || true
done
scep="$base/scep"

curl -fsS "$scep?operation=GetCACert" -o "$work/ca.der"
openssl x509 -inform DER -in "$work/ca.der" -out "$work/ca.pem"

# A fresh profile, and so a fresh challenge.
profile() {
  curl -fsS "$base/enroll/$code/profile" -o "$work/profile.der" || return 1
  openssl cms -verify -inform DER -in "$work/profile.der" -CAfile "$work/ca.pem" -purpose any -out "$work/profile.plist" 2>"$work/cms.log"
}
challenge() {
  profile || { cat "$work/cms.log" >&2; return 1; }
  python3 - "$work/profile.plist" <<'PY'
import plistlib, sys
profile = plistlib.load(open(sys.argv[1], "rb"))
print(next(p for p in profile["PayloadContent"] if p["PayloadType"] == "com.apple.security.scep")["PayloadContent"]["Challenge"])
PY
}

echo "profile"
expect "openssl verifies the profile's signature against our root" profile
expect "plistlib finds what an enrollment profile needs" python3 - "$work/profile.plist" <<'PY'
import plistlib, sys
profile = plistlib.load(open(sys.argv[1], "rb"))
assert profile["PayloadType"] == "Configuration" and profile["PayloadScope"] == "System"
payloads = {p["PayloadType"]: p for p in profile["PayloadContent"]}
order = [p["PayloadType"] for p in profile["PayloadContent"]]
assert order == ["com.apple.security.root", "com.apple.security.scep", "com.apple.mdm"], order
scep, mdm = payloads["com.apple.security.scep"], payloads["com.apple.mdm"]
assert mdm["IdentityCertificateUUID"] == scep["PayloadUUID"]
assert mdm["SignMessage"] is True and mdm["CheckOutWhenRemoved"] is True and mdm["AccessRights"] == 8191
assert set(mdm["ServerCapabilities"]) >= {"com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken"}
assert mdm["ServerURL"].startswith("https://") and mdm["Topic"].startswith("com.apple.mgmt.")
content = scep["PayloadContent"]
assert content["Keysize"] == 2048 and content["Key Type"] == "RSA" and content["Key Usage"] == 5, content
PY

echo "TLS"
port=$(grep -o 'https://localhost:[0-9]*' "$work/demo.log" | head -1 | grep -o '[0-9]*$')
expect "openssl verifies the chain and the name" sh -c "echo | openssl s_client -connect localhost:$port -servername localhost -verify_hostname localhost -CAfile '$work/ca.pem' -verify_return_error"

echo "the next authority"
# Our root lasts for twenty years, so there is none yet; that it is offered and verified then, a journey under a moved clock shows.
capabilities() { curl -fsS "$scep?operation=GetCACaps" | grep -qx GetNextCACert; }
expect "GetNextCACert is announced" capabilities
refuse "and refused while there is no next root" curl -fsS "$scep?operation=GetNextCACert"

echo "strongSwan"
new_key() { pki --gen --type rsa --size 2048 --outform der >"$1" 2>/dev/null; }
enroll() { # key challenge cipher digest out
  pki --scep --url "$scep" --in "$1" --dn "CN=foreign client" --password "$2" --cacert-enc "$work/ca.pem" --cacert-sig "$work/ca.pem" --cipher "$3" --digest "$4" --outform pem >"$5"
}
for form in "aes sha256" "des3 sha256" "aes sha512" "des3 sha1"; do
  read -r cipher digest <<<"$form"
  new_key "$work/key.der"
  expect "issues with $cipher and $digest" enroll "$work/key.der" "$(challenge)" "$cipher" "$digest" "$work/cert.pem"
  expect "openssl verifies that certificate for a TLS client" openssl verify -CAfile "$work/ca.pem" -purpose sslclient "$work/cert.pem"
done
openssl x509 -in "$work/cert.pem" -noout -text >"$work/cert.txt"
for word in "TLS Web Client Authentication" "Subject Key Identifier" "Authority Key Identifier" "CA:FALSE" "Digital Signature"; do
  expect "the certificate says $word" grep -q "$word" "$work/cert.txt"
done
new_key "$work/key.der"
refuse "a wrong challenge is refused" enroll "$work/key.der" "no such challenge" aes sha256 "$work/none.pem"
once=$(challenge)
new_key "$work/key.der"
expect "a challenge is good once" enroll "$work/key.der" "$once" aes sha256 "$work/first.pem"
cp "$work/key.der" "$work/first.der"
new_key "$work/key.der"
refuse "and not twice" enroll "$work/key.der" "$once" aes sha256 "$work/none.pem"
renew() {
  pki --scep --url "$scep" --in "$work/key.der" --dn "CN=foreign client" --cert "$work/first.pem" --key "$work/first.der" --cacert-enc "$work/ca.pem" --cacert-sig "$work/ca.pem" --cipher aes --digest sha256 --outform pem >"$work/renewed.pem"
}
expect "RenewalReq under the certificate is answered" renew
expect "openssl verifies the renewed certificate" openssl verify -CAfile "$work/ca.pem" -purpose sslclient "$work/renewed.pem"

echo "certmonger"
submit=$(ls /usr/lib/certmonger/scep-submit /usr/libexec/certmonger/scep-submit /usr/lib/*/certmonger/scep-submit 2>/dev/null | head -1)
if [ -n "$submit" ]; then
  expect "scep-submit reads the capabilities" "$submit" -u "$scep" -c
  expect "scep-submit reads the authority" "$submit" -u "$scep" -C
else
  echo "  SKIPPED: certmonger's scep-submit is absent"
fi
if command -v certmonger >/dev/null 2>&1 && command -v dbus-daemon >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ]; then
  # A bus and a daemon of our own, so that nothing of the machine's is touched.
  sed -e "s#unix:[^<]*#unix:path=$work/bus#" -e 's#<user>.*</user>##' -e 's#<fork/>##' -e 's#<pidfile>.*</pidfile>##' /usr/share/dbus-1/system.conf >"$work/bus.conf"
  dbus-daemon --config-file="$work/bus.conf" --nofork >"$work/bus.log" 2>&1 &
  pids+=($!)
  export DBUS_SYSTEM_BUS_ADDRESS="unix:path=$work/bus"
  for _ in $(seq 1 50); do [ -S "$work/bus" ] && break; read -rt 0.1 <> <(:) || true; done
  certmonger -S -n >"$work/certmonger.log" 2>&1 &
  pids+=($!)
  for _ in $(seq 1 100); do getcert list-cas >/dev/null 2>&1 && break; read -rt 0.1 <> <(:) || true; done
  ca="rollcall-$$"
  if getcert list-cas >/dev/null 2>&1; then
    expect "certmonger takes us as an authority" getcert add-scep-ca -c "$ca" -u "$scep" -R "$work/ca.pem" -N "$work/ca.pem" -r "$work/ca.pem"
    expect "certmonger asks for a certificate" getcert request -c "$ca" -I "$ca" -k "$work/cm.key" -f "$work/cm.pem" -N "CN=certmonger" -L "$(challenge)" -w
    getcert list -i "$ca" >"$work/cm.txt" 2>&1
    expect "certmonger monitors it" grep -q "status: MONITORING" "$work/cm.txt"
    expect "openssl verifies certmonger's certificate" openssl verify -CAfile "$work/ca.pem" -purpose sslclient "$work/cm.pem"
    expect "certmonger renews it" getcert resubmit -i "$ca" -w
    getcert stop-tracking -i "$ca" >/dev/null 2>&1
    getcert remove-ca -c "$ca" >/dev/null 2>&1
  else
    echo "  SKIPPED: certmonger's daemon does not run here"; tail -3 "$work/certmonger.log"
  fi
else
  echo "  SKIPPED: certmonger's daemon needs root, dbus-daemon and certmonger"
fi

echo "$((checks - failures)) of $checks checks passed"
[ "$failures" -eq 0 ]
