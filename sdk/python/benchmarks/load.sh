#!/bin/sh
# Measures a target under 64 in flight beside a bare handler of its server, in turn, ROUNDS times (default 3): requests a
# second, and what each costs the server in microseconds of a processor, which a busy machine does not change much.
set -eu
cd "$(dirname "$0")"
PYTHON=${PYTHON:-../.venv/bin/python}
command -v wrk >/dev/null || { echo 'wrk is not there (on Debian: apt-get install wrk)' >&2; exit 1; }
script=$(mktemp)
server=
trap 'rm -f "$script"; [ -z "$server" ] || kill "$server" 2>/dev/null || true' EXIT

spent() { # milliseconds of a processor that the server and its first children have had
	for pid in "$server" $(cat "/proc/$server/task/$server/children"); do
		awk '{sum = $14 + $15} END {print sum * 10}' "/proc/$pid/stat"
	done | awk '{sum += $1} END {print sum}'
}

measure() { # NAME PATH COMMAND...
	name=$1 path=$2
	shift 2
	"$@" >/dev/null 2>&1 &
	server=$!
	until curl -s -o /dev/null "http://127.0.0.1:9555/healthz"; do sleep 0.1; done
	"$PYTHON" load.py lua >"$script"
	before=$(spent)
	wrk -t1 -c64 -d"${SECONDS_EACH:-5}" -s "$script" "http://127.0.0.1:9555$path" >"$script.out"
	after=$(spent)
	awk -v name="$name" -v ms=$((after - before)) '
		/requests in/ {n = $1} /Requests\/sec/ {rate = $2} /Non-2xx/ {bad = "  REFUSED " $NF}
		END {printf "%s %6d a second, %4d µs each%s\n", name, rate, ms * 1000 / n, bad}' "$script.out"
	rm -f "$script.out"
	kill "$server"
	wait "$server" 2>/dev/null || true
	server=
}

uvicorn() { measure "$1" "$2" "$PYTHON" -m uvicorn "$3" --port 9555 --log-level critical; }
gunicorn() { measure "$1" / "$PYTHON" -m gunicorn -b 127.0.0.1:9555 -k gthread --threads 8 --no-control-socket "$2"; }

for _ in $(seq "${ROUNDS:-3}"); do
	measure 'http.server, bare ' / "$PYTHON" load.py bare 9555
	measure 'hooks.serve       ' / "$PYTHON" load.py serve 9555
	uvicorn 'uvicorn, bare ASGI' / load:bare
	uvicorn 'uvicorn, hooks    ' / load:hooks
	uvicorn 'FastAPI, bare     ' /bare load:app
	uvicorn 'FastAPI, hooks    ' /hooks load:app
	gunicorn 'gunicorn, bare    ' load:bare_wsgi
	gunicorn 'gunicorn, thread  ' load:bare_thread_wsgi
	gunicorn 'gunicorn, hooks   ' load:wsgi
done
