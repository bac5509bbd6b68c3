#!/bin/sh
# nightly-verify.sh LOGS POLICY KNOWN [METRICS]: verifies, remembers what it has seen, and leaves the result for Prometheus'
# node_exporter (textfile collector). The exit code is that of `verify`: 0 ok, 1 tampered, 2 undecided, 64 wrong usage, 70 bug.
set -u
logs=$1 policy=$2 known=$3 metrics=${4:-}

fapilog-tamper verify "$logs" --policy "$policy" --known "$known"
code=$?

if [ -n "$metrics" ]; then
  cat >"$metrics.$$" <<METRICS
# HELP fapilog_tamper_verify_exit_code Exit code of the last fapilog-tamper verify.
# TYPE fapilog_tamper_verify_exit_code gauge
fapilog_tamper_verify_exit_code $code
# HELP fapilog_tamper_verify_timestamp_seconds When it ended.
# TYPE fapilog_tamper_verify_timestamp_seconds gauge
fapilog_tamper_verify_timestamp_seconds $(date +%s)
METRICS
  chmod 0644 "$metrics.$$" && mv "$metrics.$$" "$metrics"
fi
exit "$code"
