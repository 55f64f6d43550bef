#!/bin/sh
# Measures a target under 64 in flight beside a bare handler of its server, both at the same moment, ROUNDS times (default 5):
# what a request costs each server in microseconds of a processor, and the ratio. What a busy machine does to one of the two
# it does to the other. A server of one thread of Python answers the inverse of that.
set -eu
cd "$(dirname "$0")"
PYTHON=${PYTHON:-../.venv/bin/python}
command -v wrk >/dev/null || { echo 'wrk is not there (on Debian: apt-get install wrk)' >&2; exit 1; }
script=$(mktemp)
bare= hooks=
finish() {
	for pid in $bare $hooks; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	bare= hooks=
}
trap 'finish; rm -f "$script" "$script".*' EXIT

spent() { # PID: milliseconds of a processor that the server and its first children have had
	for pid in "$1" $(cat "/proc/$1/task/$1/children"); do
		sed 's/.*) //' "/proc/$pid/stat" | awk '{print ($12 + $13) * 10}'
	done | awk '{sum += $1} END {print sum}'
}

load() { # PID PORT PATH FILE: microseconds for each request
	before=$(spent "$1")
	wrk -t1 -c64 -d"${SECONDS_EACH:-3}" -s "$script" "http://127.0.0.1:$2$3" >"$4.out"
	awk -v ms=$(($(spent "$1") - before)) '
		/requests in/ {n = $1} /Non-2xx/ {print "REFUSED " $NF > "/dev/stderr"}
		END {printf "%.0f\n", n ? ms * 1000 / n : 0}' "$4.out" >"$4"
}

pair() { # NAME PATH PATH: of the servers that run
	for port in 9555 9556; do
		until curl -s -o /dev/null "http://127.0.0.1:$port/healthz"; do sleep 0.1; done
	done
	"$PYTHON" load.py lua >"$script"
	for _ in $(seq "${ROUNDS:-5}"); do
		load "$bare" 9555 "$2" "$script.bare" &
		one=$!
		load "$hooks" 9556 "$3" "$script.hooks"
		wait "$one"
		paste "$script.bare" "$script.hooks" | awk -v name="$1" '{printf "%s %4d µs bare, %4d µs hooks: %.2f\n", name, $1, $2, $1 / $2}'
	done
	finish
}

serve() { # COMMAND...: in the background; its id is in $!
	"$@" >/dev/null 2>&1 &
}
uvicorn() { serve "$PYTHON" -m uvicorn "$2" --port "$1" --log-level critical; }
gunicorn() { serve "$PYTHON" -m gunicorn -b "127.0.0.1:$1" -k gthread --threads 8 --no-control-socket "$2"; }

serve "$PYTHON" load.py bare 9555; bare=$!
serve "$PYTHON" load.py serve 9556; hooks=$!
pair 'hooks.serve, beside http.server' / /
uvicorn 9555 load:bare; bare=$!
uvicorn 9556 load:hooks; hooks=$!
pair 'uvicorn, bare ASGI             ' / /
uvicorn 9555 load:app; bare=$!
uvicorn 9556 load:app; hooks=$!
pair 'FastAPI                        ' /bare /hooks
gunicorn 9555 load:bare_wsgi; bare=$!
gunicorn 9556 load:wsgi; hooks=$!
pair 'gunicorn, a plain handler      ' / /
gunicorn 9555 load:bare_wsgi; bare=$!
gunicorn 9556 load:bare_thread_wsgi; hooks=$!
pair 'gunicorn, bare in a thread     ' / /
