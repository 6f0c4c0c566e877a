"""Does the real thing against a release of Signet and says each step; exits with 1 at the first that goes wrong."""

import json
import os
import secrets
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

PUBLIC, MANAGEMENT = os.environ["TRY_PUBLIC"], os.environ["TRY_MANAGEMENT"]
ISSUER, ADMIN = os.environ["TRY_ISSUER"], os.environ["TRY_ADMIN"]
HOST = urlsplit(ISSUER).netloc


def ask(step, wanted, method, url, body=None, token=None):
    """Send one request; the body of the answer when its status is the wanted one."""
    # The name that clients use: the service may answer to no other.
    headers = {"Host": HOST} if url.startswith(PUBLIC) else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = json.dumps(body).encode() if body is not None else None
    try:
        with urlopen(Request(url, data, headers, method=method), timeout=10) as answer:
            status, content = answer.status, answer.read()
    except HTTPError as refusal:
        status, content = refusal.code, refusal.read()
    except OSError as error:
        sys.exit(f"FAILED  {step}: {method} {url}: {error}")
    if status != wanted:
        sys.exit(
            f"FAILED  {step}: {method} {url} answered {status}, not {wanted}: {content[:300].decode(errors='replace')}"
        )
    print(f"ok      {step}", flush=True)
    return content


def wait_to_be_let_through():
    """Network policies are in force a moment after a pod has its address."""
    deadline = time.monotonic() + 30
    while True:
        try:
            urlopen(f"{MANAGEMENT}/livez", timeout=5).close()
        except OSError as error:
            if time.monotonic() > deadline:
                sys.exit(f"FAILED  reach {MANAGEMENT}: {error}")
            time.sleep(0.5)
        else:
            return


def sign_in(step, email, password):
    body = {"email": email, "password": password, "device": "helm test"}
    return json.loads(ask(step, 201, "POST", f"{PUBLIC}/v1/sessions", body))


def main():
    wait_to_be_let_through()
    ask("ready", 200, "GET", f"{MANAGEMENT}/readyz")
    metrics = ask("metrics", 200, "GET", f"{MANAGEMENT}/metrics")
    if b"signet_" not in metrics:
        sys.exit("FAILED  metrics: none begins with signet_")
    ask("metrics are not public", 404, "GET", f"{PUBLIC}/metrics")
    metadata = json.loads(ask("discovery", 200, "GET", f"{PUBLIC}/.well-known/oauth-authorization-server"))
    if metadata["issuer"] != ISSUER:
        sys.exit(f"FAILED  discovery: the issuer is {metadata['issuer']}, not {ISSUER}")
    if not json.loads(ask("signing keys", 200, "GET", f"{PUBLIC}/.well-known/jwks.json"))["keys"]:
        sys.exit("FAILED  signing keys: there is none")
    ask("nobody is nobody", 401, "GET", f"{PUBLIC}/v1/users/me")
    if ADMIN:
        try_as_people()
    print("all is well")


def try_as_people():
    admin = sign_in("the first admin signs in", ADMIN, Path("/run/secrets/admin/password").read_text().strip())
    email, password = f"helm-test-{secrets.token_hex(8)}@example.com", secrets.token_urlsafe(18)
    new = {"email": email, "password": password}
    user = json.loads(ask("the admin creates a user", 201, "POST", f"{PUBLIC}/v1/users", new, admin["access_token"]))
    pair = sign_in("the user signs in", email, password)
    me = json.loads(ask("the user looks", 200, "GET", f"{PUBLIC}/v1/users/me", token=pair["access_token"]))
    if me["id"] != user["id"]:
        sys.exit("FAILED  the user looks: and is somebody else")
    ask("a gateway asks", 200, "GET", f"{PUBLIC}/v1/verify", token=pair["access_token"])
    body = {"refresh_token": pair["refresh_token"]}
    pair = json.loads(ask("the user refreshes", 200, "POST", f"{PUBLIC}/v1/sessions/refresh", body))
    ask("the user signs out", 204, "DELETE", f"{PUBLIC}/v1/sessions/current", token=pair["access_token"])
    ask("the admin closes the account", 204, "DELETE", f"{PUBLIC}/v1/users/{user['id']}", token=admin["access_token"])
    ask("the admin signs out", 204, "DELETE", f"{PUBLIC}/v1/sessions/current", token=admin["access_token"])


if __name__ == "__main__":
    main()
