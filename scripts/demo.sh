#!/usr/bin/env bash
# Starts the server on examples/stateless-proxy.cfg on loopback, sends one real call through it with SIPp
# (INVITE, 180, 200, ACK, BYE, 200), shows each message on its way, and stops what it started.
#
#   DEMO_PORT=5160         the server's port, when 5060 is taken (the answerer has it plus 20)
#   DEMO_SERVER="PROGRAM"  another server that takes Kamailio's options, to compare:
#                          DEMO_SERVER="kamailio -DD -E" scripts/demo.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PORT=${DEMO_PORT:-5060}
ANSWERER=$((PORT + 20))
CALLER=$((PORT + 10))
CONFIG=$PWD/examples/stateless-proxy.cfg
TANDEM=$(realpath -m "${CARGO_TARGET_DIR:-target}")/release/tandem

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'demo: %s\n' "$@" >&2; exit 1; }

FOLDER=$(mktemp -d)
declare -a STARTED=()
cleanup() {
	local process
	for process in "${STARTED[@]}"; do
		kill "$process" 2>/dev/null || true
	done
	wait
	rm -rf "$FOLDER"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Whether a UDP port of this machine is bound, by the kernel's own table.
bound() {
	local hexadecimal
	hexadecimal=$(printf '%04X' "$1")
	awk -v port=":$hexadecimal" 'FNR > 1 && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' \
		/proc/net/udp /proc/net/udp6 2>/dev/null
}

check_ports() {
	local port
	for port in "$PORT" "$ANSWERER" "$CALLER"; do
		if bound "$port"; then
			fail "UDP port $port is taken by another program (\`ss -lunp sport = :$port\` names it)." \
				"Stop that program, or choose other ports: DEMO_PORT=$((PORT + 100)) make demo"
		fi
	done
}

# wait_until TENTHS COMMAND…: polls until the command succeeds, so many tenths of a second at most.
wait_until() {
	local tenths=$1
	shift
	until "$@"; do
		[ "$tenths" -gt 0 ] || return 1
		tenths=$((tenths - 1))
		sleep 0.1
	done
}

bound_or_ended() {
	bound "$PORT" || ! kill -0 "$SERVER" 2>/dev/null
}

start_server() {
	local -a command defines=(-A "PROXY=udp:127.0.0.1:$PORT" -A "CALLEE=\"sip:127.0.0.1:$ANSWERER\"")
	if [ -n "${DEMO_SERVER:-}" ]; then
		read -ra command <<<"$DEMO_SERVER"
		command+=(-f "$CONFIG")
	else
		[ -x "$TANDEM" ] || fail "$TANDEM is not built: make build"
		command=("$TANDEM" run --trace "$CONFIG")
	fi
	say "server: ${command[*]/#$PWD\//}"
	"${command[@]}" "${defines[@]}" >"$FOLDER/server.log" 2>&1 &
	SERVER=$!
	STARTED+=("$SERVER")
	wait_until 100 bound_or_ended || true
	if ! bound "$PORT" || ! kill -0 "$SERVER" 2>/dev/null; then
		cat "$FOLDER/server.log" >&2
		fail "the server did not start; what it said stands above"
	fi
	printf 'process %s listens on 127.0.0.1:%s\n' "$SERVER" "$PORT"
}

# sipp_as NAME SCENARIO PORT OPTIONS…
sipp_as() {
	local name=$1 scenario=$2 port=$3
	shift 3
	sipp "$@" -sf "bench/scenarios/$scenario" -i 127.0.0.1 -p "$port" -m 1 -nostdin -timeout 20s -timeout_error \
		-trace_msg -message_file "$FOLDER/$name.messages" -trace_err -error_file "$FOLDER/$name.errors" \
		>"$FOLDER/$name.screen" 2>&1
}

call() {
	say "one SIPp call: caller 127.0.0.1:$CALLER, answerer 127.0.0.1:$ANSWERER"
	sipp_as answerer uas.xml "$ANSWERER" &
	local answerer=$!
	STARTED+=("$answerer")
	wait_until 50 bound "$ANSWERER" || { cat "$FOLDER/answerer.screen" >&2; fail "SIPp does not answer"; }
	local failed=
	sipp_as caller uac.xml "$CALLER" "127.0.0.1:$PORT" || failed=caller
	wait "$answerer" || failed=${failed:-answerer}
	[ -z "$failed" ] || {
		cat "$FOLDER/$failed.errors" "$FOLDER/server.log" >&2 2>/dev/null || true
		fail "the call failed at the $failed; SIPp's errors and the server's log stand above"
	}
}

# Both sides' message logs in one order of time, each message as an arrow between two of three columns.
ladder() {
	local side
	for side in caller answerer; do
		awk -v side="$side" '
			/^-----/ { time = $(NF - 1) " " $NF }
			/^UDP message (sent|received)/ { direction = $3; next }
			direction != "" && NF { sub(/\r$/, ""); print time "\t" side "\t" direction "\t" $0; direction = "" }
		' "$FOLDER/$side.messages"
	done | sort -t$'\t' -s -k1,1 | awk -F'\t' '
		BEGIN {
			printf "  %7s  %-33s%-34s%s\n", "ms", "caller", "server", "answerer"
			dashes = "------------------------------"
			blanks = "                                 "
		}
		{
			split($1, part, /[ :]/)
			now = part[2] * 3600 + part[3] * 60 + part[4]
			if (NR == 1) start = now
			elapsed = (now < start ? now + 86400 : now) - start
			split($4, word, " ")
			text = word[1] == "SIP/2.0" ? substr($4, 9) : word[1]
			line = "-- " text " " substr(dashes, 1, 26 - length(text))
			right = ($2 == "caller") == ($3 == "sent")
			arrow = right ? line "->" : "<-" line
			printf "  %7.2f  %s|%s|\n", elapsed * 1000, $2 == "caller" ? "" : blanks, arrow
		}'
}

check_ports
start_server
call
say "what happened (times in milliseconds since the INVITE)"
ladder
if [ -z "${DEMO_SERVER:-}" ]; then
	say "why: the statements that ran for the INVITE (tandem run --trace)"
	head -n 40 "$FOLDER/server.log"
fi
say "the call succeeded on both sides; stopping process $SERVER"
