"""A verifier in Python. Each line of the input is a request that was received, and the key
that verifies it; each line of the output says whether it is genuine."""
import base64
import json
import sys

from standardwebhooks.webhooks import Webhook

for line in sys.stdin:
    request = json.loads(line)
    try:
        Webhook(request["key"]).verify(base64.b64decode(request["body"]), request["headers"])
        print(json.dumps({"genuine": True}), flush=True)
    except Exception as error:
        print(json.dumps({"genuine": False, "error": repr(error)}), flush=True)
