"""A core: it asks Callout before it makes a user, and tells it afterwards."""
import json
import os
import urllib.request

CALLOUT = os.environ.get("CALLOUT_SERVER", "http://127.0.0.1:8080") + "/v1/instances/default"
METHOD = "/acme.user.v1.UserService/CreateUser"


def post(path, message):
    request = urllib.request.Request(CALLOUT + path, json.dumps(message).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def create_user(user):
    reply = post("/calls/request", {"fullMethod": METHOD, "request": user})
    if reply["outcome"] != "continue":
        error = reply["error"]
        print("refused:", error["status"], error["message"])
        return
    user = reply.get("request", user)  # left out where nothing changed
    print("created:", json.dumps(user, separators=(",", ":")))
    stored = post("/events", {"aggregateID": "u1", "event_type": "user.added", "event_payload": user})
    print("stored:", len(stored["events"]), "event")


create_user({"givenName": "Ada", "familyName": "Lovelace"})
create_user({"familyName": "Lovelace"})
