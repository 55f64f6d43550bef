#!/bin/sh
# Makes ready what the tests need, and says what it does: a line for each step, and
# one more every eight seconds while it lasts. What the Go command says of what it
# downloads is counted and not shown, unless the step fails.
#
# With "tests" as its first word it compiles the tests of the packages that follow.
set -eu
cd "$(dirname "$0")/../.."
tools="go tool -modfile=deploy/tools/go.mod"
log="$(mktemp)"
every="${CALLOUT_HEARTBEAT:-8}" # seconds
beat=
trap '[ -z "$beat" ] || kill "$beat" 2>/dev/null; rm -f "$log"' EXIT
trap 'exit 130' INT TERM

# heartbeat tells that a step goes on. Nothing of it holds our output open.
heartbeat() {
	seconds=0
	while sleep "$every" </dev/null >/dev/null 2>&1; do
		seconds=$((seconds + every))
		modules="$(grep -c '^go: downloading ' "$log" || true)"
		[ "$modules" = 0 ] && more= || more=", $modules modules downloaded"
		echo "    still at it: $seconds s$more"
	done
}

# step WHAT COMMAND… says what it does and does it.
step() {
	echo "  $1"
	shift
	: >"$log"
	heartbeat &
	beat=$!
	status=0
	"$@" >"$log" 2>&1 || status=$?
	kill "$beat" 2>/dev/null || true
	wait "$beat" 2>/dev/null || true
	beat=
	[ "$status" = 0 ] || { cat "$log" >&2; exit "$status"; }
}

if [ "${1:-}" = tests ]; then
	shift
	echo "Compiling the tests, which takes minutes the first time:"
	step "$*" go list -export -test -deps -f '{{""}}' "$@"
	exit
fi
echo "Installing what the tests need:"
step "gotestsum, which runs them: built from source into Go's build cache" $tools gotestsum --version
step "nats, the plain NATS command line: built the same way" $tools nats --version
step "slapd, an LDAP server: from Debian's packages, unpacked into .tools (not installed)" sh deploy/tools/slapd.sh
