#!/usr/bin/env bash
# ACME judged by a foreign client: certbot's `acme` library goes the whole way of a device, with an attestation that Python makes, and openssl
# verifies what it gets. Starts `rollcall demo` with one practice device on a temporary folder and loopback; ends what it started.
set -u
cd "$(dirname "$0")/../.." || exit 1
rollcall=${ROLLCALL_BIN:-${CARGO_TARGET_DIR:-target}/debug/rollcall}
[ -x "$rollcall" ] || { echo "no $rollcall: cargo build first"; exit 1; }

venv=${CARGO_TARGET_DIR:-target}/acme-client
if ! "$venv/bin/python" -c 'import acme, josepy, cbor2, cryptography' 2>/dev/null; then
  python3 -m venv "$venv" 2>/dev/null || { echo "SKIPPED: python3 makes no venv here"; exit 77; }
  timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check acme josepy cbor2 cryptography requests ||
    { echo "SKIPPED: pip cannot fetch the foreign ACME client"; exit 77; }
fi

work=$(mktemp -d)
pid=
cleanup() {
  [ -n "$pid" ] && kill "$pid" 2>/dev/null
  wait 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT

# Who vouches for devices here, in the place of Apple: made by Python, trusted by a setting.
"$venv/bin/python" tests/conformance/phone.py vouchers "$work" || exit 1
mkdir -m 700 "$work/data"
cp "$work/root.pem" "$work/data/vouchers.pem"
printf '[apple]\nattestation_roots = "vouchers.pem"\n' >"$work/data/rollcall.toml"

"$rollcall" demo --devices 1 --data "$work/data" >"$work/demo.log" 2>&1 &
pid=$!
base=
for _ in $(seq 1 100); do
  base=$(grep -o 'https://localhost:[0-9]*' "$work/demo.log" | head -1)
  [ -n "$base" ] && curl -fsSk "$base/health/ready" >/dev/null 2>&1 && break
  read -rt 0.2 <> <(:) || true
done
[ -n "$base" ] || { echo "the demo did not start"; cat "$work/demo.log"; exit 1; }
api() { curl -fsS --unix-socket "$work/data/control.sock" "$@"; }
for _ in $(seq 1 100); do
  code=$(api http://localhost/api/v1/invitations | python3 -c 'import json,sys; i=json.load(sys.stdin)["items"]; print(i[0]["code"] if i else "")')
  [ -n "$code" ] && break
  read -rt 0.2 <> <(:) || true
done
curl -fsSk "$base/scep?operation=GetCACert" -o "$work/ca.der"
openssl x509 -inform DER -in "$work/ca.der" -out "$work/ca.pem"
api -X PATCH -H 'content-type: application/json' -d '{"ios":"require"}' http://localhost/api/v1/attestation >"$work/policy.json" || exit 1

# A fresh profile for an iPhone that can prove it, and so a fresh identifier.
profile() { api "http://localhost/api/v1/invitations/$code/profile?unsigned=1&product_name=iPhone17,3&os_version=26.1" -o "$1"; }
for number in 1 2 3 4; do profile "$work/profile$number.plist" || { echo "no profile"; exit 1; }; done
"$venv/bin/python" tests/conformance/phone.py client "$work" "$base"
