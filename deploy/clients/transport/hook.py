"""A target for gunicorn: it writes a line for each request that it processes."""

import os

LOG = os.open(os.environ["PROCESSED"], os.O_WRONLY | os.O_APPEND)


def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    line = f"{environ['HTTP_CALLOUT_DELIVERY_ID']} {environ['HTTP_CALLOUT_ATTEMPT']}\n"
    os.write(LOG, line.encode())  # at once, so that the lines of several processes stay whole
    if not body:
        raise ValueError("a request without a body")
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
    return [b"{}"]
