#!/usr/bin/env bash
# Brings a Debian 12 with a Rust toolchain to where demo, tests and benchmarks run. Safe to repeat:
# what is there is left alone. No Debian service is left running: the tests start their own Kamailio,
# in the foreground, on loopback.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# package: what it is needed for
PACKAGES=(
	"gcc: links the binaries"
	"g++: builds the fuzzer"
	"libc6-dev: links the binaries"
	"kamailio: the judge of behaviour in the tests, and measured beside us"
	"kamailio-extra-modules: modules that its own examples load"
	"kamailio-presence-modules: its presence server, to compare with"
	"kamailio-tls-modules: the other end of encrypted connections in the tests"
	"openssl: a client that the tests of TLS ask with, and their certificates"
	"kamailio-mysql-modules: its tables and driver for MySQL, to compare with"
	"kamailio-postgres-modules: its tables and driver for PostgreSQL, to compare with"
	"kamailio-sqlite-modules: its tables and driver for SQLite, to compare with"
	"mariadb-server: a database that the tests start for themselves"
	"postgresql: another"
	"rtpengine-daemon: a media relay that the tests start for themselves"
	"sip-tester: SIPp, the calls of the demo and of the benchmarks"
	"valgrind: counts instructions in the benchmarks"
)

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

check_rust() {
	local wanted found
	if ! command -v rustc >/dev/null || ! command -v cargo >/dev/null; then
		fail "no Rust toolchain (rustc, cargo) in PATH." \
			"Install one with rustup (https://rustup.rs), or put its bin folder into PATH, and run again."
	fi
	wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
	found=$(rustc --version | cut -d' ' -f2)
	[ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n1)" = "$wanted" ] || fail \
		"rustc $found is older than the $wanted that this needs: rustup update"
	if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
		fail "cargo fmt or cargo clippy is missing: rustup component add rustfmt clippy"
	fi
}

missing_packages() {
	local entry
	for entry in "${PACKAGES[@]}"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "${entry%%:*}" 2>/dev/null)" = installed ] || printf '%s\n' "$entry"
	done
}

# Runs as root: directly, or through sudo.
root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian starts a service as soon as it is installed, unless this file says no. One that is there already
# (containers have it) is left as it is; ours goes when the installation is over.
POLICY=/usr/sbin/policy-rc.d
forbid_services() {
	[ -e "$POLICY" ] && return
	trap 'root rm -f "$POLICY"' EXIT
	printf '#!/bin/sh\nexit 101\n' | root tee "$POLICY" >/dev/null
	root chmod 755 "$POLICY"
}

# Not at the next boot either: it would take the port that people expect to be theirs.
disable_service() {
	root update-rc.d "$1" disable >/dev/null 2>&1 || true
	if [ -d /run/systemd/system ]; then root systemctl disable --quiet "$1" || true; fi
	say "Debian's service $1 was neither started nor enabled"
}

install_packages() {
	local entry names=("$@")
	command -v apt-get >/dev/null || fail \
		"this is no Debian, so these are yours to install: ${names[*]}"
	[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || fail \
		"these packages need root to be installed, and there is no sudo: ${names[*]}" \
		"As root: apt-get install ${names[*]}"
	forbid_services
	root apt-get update -q
	root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${names[@]}"
	for entry in "${names[@]}"; do
		case $entry in
			kamailio) disable_service kamailio ;;
			mariadb-server) disable_service mariadb ;;
			postgresql) disable_service postgresql ;;
			rtpengine-daemon) disable_service rtpengine-daemon ;;
		esac
	done
}

check_rust
mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -eq 0 ]; then
	say "$(rustc --version | cut -d' ' -f1,2); all Debian packages are there"
	exit 0
fi
say "installing Debian packages:"
for entry in "${missing[@]}"; do say "  $entry"; done
install_packages "${missing[@]%%:*}"
say "done"
