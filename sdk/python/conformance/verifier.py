"""The verifier that the conformance kit drives: JSON objects in, one a line, and one out for each."""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from callout.failure import ConfigurationError, RefusedError
from callout.genuine import Verifier
from callout.headers import Headers


def answer(case: dict[str, Any]) -> dict[str, Any]:
    try:
        verifier = Verifier(
            case.get("keys") or (),
            schemes=case.get("schemes") or None,
            payload=case.get("payload") or None,
            jwks=case.get("jwks") or None,
            issuer=case.get("issuer") or "",
            audience=case.get("audience") or "",
            private_keys=case.get("private_keys") or None,
        )
        headers = Headers((name, value) for name, value in case.get("headers") or ())
        genuine = verifier.verify(headers, base64.b64decode(case.get("body") or ""), case["now"])
    except (ConfigurationError, RefusedError) as refused:
        print(f"{case.get('id')}: {getattr(refused, 'detail', refused)}", file=sys.stderr)
        return {"id": case.get("id"), "ok": False}
    body = base64.b64encode(genuine.body).decode()
    return {"id": case.get("id"), "ok": True, "delivery_id": genuine.delivery_id, "body": body}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
