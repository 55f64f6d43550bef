"""A target of Callout: it verifies who calls, and answers. Standard library only."""
import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = open("signing.key").read().strip()  # whsec_…
TOLERANCE = 300  # seconds for which a signature is good
done = set()  # ids of deliveries; a real target keeps them where it keeps its data


def mac(secret, *parts):
    return hmac.new(secret, b".".join(parts), hashlib.sha256).digest()


def is_fresh(stamp):
    return stamp.isascii() and stamp.isdigit() and abs(time.time() - int(stamp)) <= TOLERANCE


def verify_zitadel(headers, body):
    """ZITADEL-Signature: t=1700000000,v1=HEX — of the key's text, over `t.body`."""
    parts = [part.partition("=")[::2] for part in headers.get("ZITADEL-Signature", "").split(",")]
    stamp = dict(parts).get("t", "")
    want = mac(KEY.encode(), stamp.encode(), body).hex().encode()
    return is_fresh(stamp) and any(n == "v1" and hmac.compare_digest(v.encode(), want) for n, v in parts)


def verify_standard(headers, body):
    """webhook-signature: v1,BASE64 — of the decoded key, over `id.timestamp.body`."""
    stamp = headers.get("webhook-timestamp", "")
    secret = base64.b64decode(KEY.removeprefix("whsec_"))
    want = b"v1," + base64.b64encode(mac(secret, headers.get("webhook-id", "").encode(), stamp.encode(), body))
    signatures = headers.get("webhook-signature", "").split(" ")
    return is_fresh(stamp) and any(hmac.compare_digest(s.encode(), want) for s in signatures)


def on_call(message):
    """What is answered is merged into the request. Other calls stay as they are."""
    user = message.get("request")
    if user is None or "response" in message:
        return 200, {}
    if not user.get("givenName"):
        return 422, {"forwardedErrorMessage": "a user needs a given name"}
    return 200, {"displayName": user["givenName"] + " " + user.get("familyName", "")}


def on_event(message, headers):
    """An event comes in order, and may come twice, under one delivery id."""
    delivery = headers["webhook-id"]  # which is signed
    if delivery not in done and headers.get("Callout-Test") != "true":
        print("event", message["event_type"], "of", message["aggregateID"], flush=True)
        done.add(delivery)
    return 200, {}


class Target(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps the connection
    wbufsize = -1  # head and body leave together, or the second waits for 40 ms

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not (verify_zitadel(self.headers, body) and verify_standard(self.headers, body)):
            return self.answer(401, {"error": "the signature is not valid"})
        message = json.loads(body)
        if "event_type" in message:
            return self.answer(*on_event(message, self.headers))
        return self.answer(*on_call(message))

    def answer(self, status, message):
        body = json.dumps(message, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


address = ("127.0.0.1", int(os.environ.get("PORT", "9000")))
server = ThreadingHTTPServer(address, Target)
print("the target listens on http://%s:%d" % address, flush=True)
server.serve_forever()
