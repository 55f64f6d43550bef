"""A core over HTTP, standard library only: it asks Callout before it makes a user, and tells it afterwards."""
import json
import os
import urllib.request

CALLOUT = os.environ.get("CALLOUT_SERVER", "http://127.0.0.1:8080") + "/v1/instances/default"


def post(path, message):
    request = urllib.request.Request(CALLOUT + path, json.dumps(message).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def create_user(user):
    reply = post("/calls/request", {"fullMethod": "/acme.user.v1.UserService/CreateUser", "request": user})
    if reply["outcome"] != "continue":
        return print("refused:", reply["error"]["status"], reply["error"]["message"])
    user = reply.get("request", user)  # left out where nothing changed
    print("created:", user["displayName"])
    post("/events", {"aggregateID": user["id"], "event_type": "user.added", "event_payload": user})
    print("stored:", user["id"])


create_user({"id": "u1", "givenName": "Ada", "familyName": "Lovelace"})
create_user({"id": "u2", "familyName": "Lovelace"})
