#!/usr/bin/env bash
# One run of systemd's journal, in mount namespaces of its own, where /run and /var/log are empty: the daemon takes the lines of a
# file from a program's standard output, as it does from every service; the journal is verified afterwards.
# $1: the folder with the programs, $2: the lines, $3: an empty folder, $4: `taskset -c CPU`, or nothing
# prints "seal" and "verify", each with CPU seconds, user and system, and "entries" with how many lines the journal holds
set -eu
root=$1 lines=$2 folder=$3 pinned=$4
machine=$(cat /etc/machine-id)
mount --bind "$folder" /var/log
mount -t tmpfs tmpfs /run
mkdir -p "/var/log/journal/$machine" "/var/log/journal/$machine.bench" /run/systemd/journal.bench /run/systemd/journald@bench.conf.d
ln -s journal.bench /run/systemd/journal
verification_key=$("$root/bin/journalctl" --setup-keys 2>/var/log/setup | tail -n 1)
cat >/run/systemd/journald@bench.conf.d/bench.conf <<'CONF'
[Journal]
Storage=persistent
Seal=yes
ForwardToSyslog=no
RateLimitIntervalSec=0
SystemMaxUse=16G
SystemMaxFileSize=4G
CONF
TIMEFORMAT='took %3U %3S'
export LOGS_DIRECTORY=/var/log/journal/$machine.bench RUNTIME_DIRECTORY=/run/systemd/journal.bench
{ time sh -c 'echo $$ >/run/daemon; exec "$@"' sh $pinned "$root/lib/systemd/systemd-journald" bench; } 2>/var/log/daemon &
shell=$!
tries=0
until [ -S /run/systemd/journal/stdout ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 200 ]; then cat /var/log/daemon >&2; exit 1; fi
  sleep 0.05
done
"$root/usr/bin/systemd-cat" cat "$lines"
"$root/bin/journalctl" --namespace=bench --sync 2>/dev/null
kill "$(cat /run/daemon)"
wait "$shell"
echo "seal $(tail -n 1 /var/log/daemon)"
journal=/var/log/journal/$machine.bench
{ time $pinned "$root/bin/journalctl" --verify --verify-key="$verification_key" -D "$journal"; } 2>/var/log/verify || {
  cat /var/log/verify >&2
  exit 1
}
# journalctl says PASS of a journal that nobody sealed, too
grep -q 'final 0 entries not sealed' /var/log/verify
echo "verify $(tail -n 1 /var/log/verify)"
echo "entries $("$root/bin/journalctl" -D "$journal" -o cat _TRANSPORT=stdout 2>/dev/null | wc -l)"
