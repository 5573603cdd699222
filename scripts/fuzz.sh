#!/usr/bin/env bash
# Runs every fuzz target, all together for a given processor time, and keeps what the fuzzer learnt.
#
#   scripts/fuzz.sh SECONDS     processor time for all targets together (3600 unless told)
#   FUZZ_JOBS=N                 targets that run at a time (the number of processors unless told)
#
# A finding fails the run; its input stays in fuzz/artifacts/TARGET.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SECONDS_IN_ALL=${1:-3600}
JOBS=${FUZZ_JOBS:-$(nproc)}
# The sanitizer and coverage flags are unstable; the stable toolchain has what they need, but for the name.
export RUSTC_BOOTSTRAP=1

say() { printf 'fuzz: %s\n' "$*"; }
fail() { printf 'fuzz: %s\n' "$@" >&2; exit 1; }

[[ $SECONDS_IN_ALL =~ ^[0-9]+$ && $JOBS =~ ^[1-9][0-9]*$ ]] || fail "seconds and jobs are whole numbers"
[ -f fuzz/Cargo.toml ] || fail "there is no fuzz/Cargo.toml, so nothing to run"

if ! cargo fuzz --version >/dev/null 2>&1; then
	say "installing cargo-fuzz from crates.io"
	cargo install cargo-fuzz --locked --quiet
fi

mapfile -t TARGETS < <(cargo fuzz list)
[ "${#TARGETS[@]}" -gt 0 ] || fail "fuzz/Cargo.toml names no target"
SHARE=$((SECONDS_IN_ALL / ${#TARGETS[@]}))
[ "$SHARE" -gt 0 ] || fail "${#TARGETS[@]} targets need at least as many seconds"

say "${#TARGETS[@]} targets, $SHARE s each, $JOBS at a time: ${TARGETS[*]}"
cargo fuzz build

LOGS=fuzz/target/logs
mkdir -p "$LOGS"

# One target for its share; libFuzzer runs in one thread, so its time is processor time.
fuzz_one() {
	local target=$1 log=$LOGS/$1.log dictionary=()
	mkdir -p "fuzz/corpus/$target"
	if [ -f "fuzz/dictionaries/$target.dict" ]; then
		dictionary=(-dict="fuzz/dictionaries/$target.dict")
	fi
	if cargo fuzz run "$target" -- -max_total_time="$SHARE" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		"${dictionary[@]}" >"$log" 2>&1; then
		printf 'fuzz: %-24s no finding; %s\n' "$target" \
			"$(sed -n 's/^stat::number_of_executed_units: */executed: /p' "$log")"
	else
		printf 'fuzz: %-24s FOUND SOMETHING, see %s:\n' "$target" "$log"
		tail -n 25 "$log"
		return 1
	fi
}
export -f fuzz_one
export SHARE LOGS

found=
# shellcheck disable=SC2016  # "$1" is the inner shell's
printf '%s\0' "${TARGETS[@]}" | xargs -0 -P "$JOBS" -I{} bash -c 'fuzz_one "$1"' _ {} || found=yes

for target in "${TARGETS[@]}"; do
	before=$(find "fuzz/corpus/$target" -type f | wc -l)
	cargo fuzz cmin "$target" >"$LOGS/$target.cmin.log" 2>&1 || { found=yes; tail -n 5 "$LOGS/$target.cmin.log"; }
	say "$target: corpus of $before files made smaller: $(find "fuzz/corpus/$target" -type f | wc -l)"
done
[ -z "$found" ] || fail "not clean: the inputs that did it are in fuzz/artifacts/, to be replayed with" \
	"    RUSTC_BOOTSTRAP=1 cargo fuzz run TARGET fuzz/artifacts/TARGET/FILE"
say "no finding in $SECONDS_IN_ALL s of processor time; the corpora are in fuzz/corpus/"
