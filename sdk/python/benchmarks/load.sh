#!/bin/sh
# Measures a target under 64 in flight beside a bare handler of its server, in turn, ROUNDS times (default 3).
set -eu
cd "$(dirname "$0")"
PYTHON=${PYTHON:-../.venv/bin/python}
command -v wrk >/dev/null || { echo 'wrk is not there (on Debian: apt-get install wrk)' >&2; exit 1; }
script=$(mktemp)
trap 'rm -f "$script"' EXIT

measure() { # NAME PATH COMMAND...
	name=$1 path=$2
	shift 2
	"$@" >/dev/null 2>&1 &
	server=$!
	sleep 2
	$PYTHON load.py lua >"$script"
	wrk -t1 -c64 -d"${SECONDS_EACH:-5}" -s "$script" "http://127.0.0.1:9555$path" |
		awk -v name="$name" '/Requests\/sec/ {rate = $2} /Non-2xx/ {bad = " REFUSED " $NF} END {print name, rate bad}'
	kill "$server"
	wait "$server" 2>/dev/null || true
}

for _ in $(seq "${ROUNDS:-3}"); do
	measure 'http.server, bare    ' / "$PYTHON" load.py bare 9555
	measure 'hooks.serve          ' / "$PYTHON" load.py serve 9555
	measure 'uvicorn, bare ASGI   ' / "$PYTHON" -m uvicorn load:bare --port 9555 --log-level critical
	measure 'uvicorn, hooks       ' / "$PYTHON" -m uvicorn load:hooks --port 9555 --log-level critical
	measure 'FastAPI, bare        ' /bare "$PYTHON" -m uvicorn load:app --port 9555 --log-level critical
	measure 'FastAPI, hooks       ' /hooks "$PYTHON" -m uvicorn load:app --port 9555 --log-level critical
	measure 'gunicorn, bare WSGI  ' / "$PYTHON" -m gunicorn -b 127.0.0.1:9555 -k gthread --threads 8 load:bare_wsgi
	measure 'gunicorn, plain.wsgi ' / "$PYTHON" -m gunicorn -b 127.0.0.1:9555 -k gthread --threads 8 load:plain.wsgi
done
