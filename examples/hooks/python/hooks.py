"""The hooks of `callout demo --hooks python`: they change a user that is made, log it, store it in LDAP, complete a token."""

import os
import sys

from ldap3 import ALL, MODIFY_REPLACE, Connection, Server
from ldap3.core.results import RESULT_ENTRY_ALREADY_EXISTS, RESULT_SUCCESS
from ldap3.utils.dn import escape_rdn

from callout import Call, Callout, Event, Function, Response, claim

hooks = Callout.from_env()
CREATE = "/demo.user.v1.UserService/CreateUser"


@hooks.request(CREATE)
async def add_metadata(call: Call):
    return {"metadata": {"department": "analytics", "costCenter": "1843"}}


@hooks.response(CREATE)
async def log_state(call: Response):
    print("created", call.response["id"], flush=True)


@hooks.function("create_id_token")
async def complete_token(call: Function):
    return claim("uid", call.body["user"]["id"])


@hooks.event("user.added")
def store_user(event: Event):
    """A delivery may come twice: an entry that exists is brought up to date. What raises comes again."""
    user = event.payload
    department = user.get("metadata", {}).get("department")
    entry = {
        "uid": user["username"],
        "cn": f"{user['givenName']} {user['familyName']}",
        "sn": user["familyName"],
        "givenName": user["givenName"],
        "mail": user["email"],
        "employeeNumber": user["id"],
        **({"departmentNumber": department} if department else {}),
    }
    server = Server(os.environ["LDAP_URL"], get_info=ALL, connect_timeout=2)
    with Connection(server, os.environ["LDAP_BIND_DN"], os.environ["LDAP_PASSWORD"], receive_timeout=2, auto_bind=True) as ldap:
        dn = f"uid={escape_rdn(user['username'])},{os.environ['LDAP_BASE'] or server.info.naming_contexts[0]}"
        ldap.add(dn, ["top", "person", "organizationalPerson", "inetOrgPerson"], entry)
        if ldap.result["result"] == RESULT_ENTRY_ALREADY_EXISTS:
            ldap.modify(dn, {name: [(MODIFY_REPLACE, [value])] for name, value in entry.items()})
        if ldap.result["result"] != RESULT_SUCCESS:
            raise RuntimeError(f"LDAP does not take {dn}: {ldap.result['description']}")
    print("user.added", user["id"], flush=True)


hooks.serve(int(sys.argv[1]) if len(sys.argv) > 1 else 9000)
