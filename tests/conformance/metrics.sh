#!/usr/bin/env bash
# Metrics, alert rules and health judged by foreign programs: Prometheus' own promtool and the parser of Python's prometheus_client.
# Starts `rollcall demo` with practice devices on a temporary folder and loopback; ends what it started.
set -u
cd "$(dirname "$0")/../.." || exit 1
rollcall=${ROLLCALL_BIN:-${CARGO_TARGET_DIR:-target}/debug/rollcall}
[ -x "$rollcall" ] || { echo "no $rollcall: cargo build first"; exit 1; }
# What the processes find in their environment are settings.
unset ROLLCALL_BIN

judges=${CARGO_TARGET_DIR:-target}/metrics-judge
if ! "$judges/bin/python" -c 'import prometheus_client' 2>/dev/null; then
  python3 -m venv "$judges" 2>/dev/null || { echo "SKIPPED: python3 makes no venv here"; exit 77; }
  timeout 300 "$judges/bin/pip" install --quiet --disable-pip-version-check prometheus_client || { echo "SKIPPED: pip cannot fetch prometheus_client"; exit 77; }
fi
# The package of Debian would start a server: only its tool is taken out of it.
promtool=$(command -v promtool || true)
if [ -z "$promtool" ]; then
  promtool=$judges/usr/bin/promtool
  if [ ! -x "$promtool" ] && command -v apt-get >/dev/null 2>&1; then
    (cd "$judges" && timeout 300 apt-get download -qq prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb . && rm -f prometheus_*.deb)
  fi
  [ -x "$promtool" ] || { promtool=; echo "!!! promtool is absent: rules and lint are judged by Python alone"; }
fi

work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "FAILED: $*"; tail -n 20 "$work/demo.log"; exit 1; }
pause() { read -rt 0.3 <> <(:) || true; }

"$rollcall" demo --devices 3 --data "$work/data" >"$work/demo.log" 2>&1 &
pids+=($!)
base=
for _ in $(seq 1 200); do
  base=$(grep -o 'Page: http://[^ ]*' "$work/demo.log" | cut -d' ' -f2)
  [ -n "$base" ] && [ "$(curl -fsS "$base/health/ready" 2>/dev/null)" = ok ] && break
  pause
done
[ -n "$base" ] || fail "the demo did not start"
[ "$(curl -fsS "$base/health/live")" = ok ] || fail "it does not say that it lives"
token=$("$rollcall" token create --role viewer --name prometheus --data "$work/data" | tail -1)
scrape() { curl -fsS -H "Authorization: Bearer $token" "$base/metrics"; }
[ "$(curl -sS -o /dev/null -w '%{http_code}' "$base/metrics")" = 401 ] || fail "metrics are told to anybody"
curl -sS -D "$work/head" -o "$work/problem" "$base/api/v1/nothing"
id=$(tr -d '\r' <"$work/head" | grep -i '^x-request-id:' | cut -d' ' -f2)
grep -q "\"request_id\":\"$id\"" "$work/problem" || fail "a failure does not name its request: $(cat "$work/problem")"

# The practice devices come in one after the other.
for _ in $(seq 1 200); do
  scrape >"$work/metrics" || fail "metrics are refused"
  grep -q '^rollcall_check_ins_total{message_type="TokenUpdate"} [3-9]' "$work/metrics" && break
  pause
done

if [ -n "$promtool" ]; then
  "$promtool" check metrics <"$work/metrics" || fail "promtool finds fault with the metrics"
  "$promtool" check rules packaging/prometheus/rollcall-alerts.yml || fail "promtool finds fault with the rules"
  # Every question of the dashboard is one that Prometheus can be asked.
  "$judges/bin/python" - packaging/grafana/rollcall.json >"$work/dashboard.yml" <<'PY' || fail "the dashboard cannot be read"
import json, sys
panels = json.load(open(sys.argv[1]))["panels"]
rules = [{"record": f"dashboard:{panel['id']}:{target['refId'].lower()}", "expr": target["expr"].replace("$job", ".*")} for panel in panels for target in panel["targets"]]
json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, sys.stdout)
PY
  "$promtool" check rules "$work/dashboard.yml" || fail "promtool finds fault with the dashboard"
fi
"$judges/bin/python" - "$work/metrics" <<'PY' || fail "prometheus_client reads it otherwise"
import sys
from prometheus_client.parser import text_string_to_metric_families
families = {family.name: family for family in text_string_to_metric_families(open(sys.argv[1]).read())}
assert len(families) > 20, sorted(families)
for family in families.values():
    assert family.name.startswith("rollcall_") and family.documentation and family.type in ("counter", "gauge", "histogram"), family
value = lambda name, labels: next(s.value for s in families[name].samples if s.name.startswith(name) and labels.items() <= s.labels.items())
assert value("rollcall_check_ins", {"message_type": "TokenUpdate"}) >= 3
assert value("rollcall_check_ins", {"message_type": "Authenticate"}) >= 3
assert value("rollcall_reports", {"status": "Acknowledged"}) >= 1
assert value("rollcall_http_requests", {"audience": "device", "status": "200"}) >= 6
assert value("rollcall_expiry_timestamp_seconds", {"kind": "tls.certificate"}) > 1.7e9
for name in ("rollcall_http_request_duration_seconds", "rollcall_write_duration_seconds", "rollcall_write_batch_size", "rollcall_job_duration_seconds"):
    samples = [s for s in families[name].samples if s.name == name + "_bucket"]
    assert samples, name
    rows = {}
    for s in samples:
        rows.setdefault(tuple(sorted((k, v) for k, v in s.labels.items() if k != "le")), []).append((float(s.labels["le"]), s.value))
    for row, buckets in rows.items():
        buckets.sort()
        assert buckets[-1][0] == float("inf") and all(a[1] <= b[1] for a, b in zip(buckets, buckets[1:])), (name, row)
        count = next(s.value for s in families[name].samples if s.name == name + "_count" and tuple(sorted(s.labels.items())) == row)
        assert count == buckets[-1][1], (name, row)
print(f"{len(families)} families, {sum(len(f.samples) for f in families.values())} samples")
PY
echo "foreign programs read the metrics, the rules and the questions of the dashboard"
