"""Run by `helm test`: the edge lets the dashboard through, and the cluster serves Workspace objects."""

import http.client
import json
import os
import socket
import ssl
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def get(path: str, *, address: tuple[str, int], headers: dict[str, str], tls: ssl.SSLContext | None, name: str) -> str:
    """Return the body of an answer, which must be 200."""
    plain = socket.create_connection(address, timeout=20)
    connection = http.client.HTTPConnection(*address)
    connection.sock = plain if tls is None else tls.wrap_socket(plain, server_hostname=name)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    if answer.status != 200:
        raise SystemExit(f"GET {path} from {address[0]}: {answer.status} {body[:500]}")
    return body


def check_edge() -> None:
    """Ask the control plane through the edge whether it is ready."""
    domain, port = os.environ["DOMAIN"], int(os.environ["EDGE_PORT"])
    # Whether browsers trust the certificate is not the question here: it may be of a local authority, or for staging.
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    tls = unchecked if os.environ["EDGE_SCHEME"] == "https" else None
    body = get(os.environ["EDGE_PATH"], address=("edge", port), headers={"Host": domain}, tls=tls, name=domain)
    print(f"The control plane is ready, says the edge: {body.strip()}")


def check_workspaces() -> None:
    """List Workspace objects with the control plane's rights."""
    host, namespace = "kubernetes.default.svc", os.environ["NAMESPACE"]
    trusted = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    token = (ACCOUNT / "token").read_text()
    path = f"/apis/vibecode.dev/v1alpha1/namespaces/{namespace}/workspaces?limit=1"
    headers = {"Host": host, "Authorization": f"Bearer {token}", "Accept": "application/json"}
    body = get(path, address=(host, 443), headers=headers, tls=trusted, name=host)
    print(f"The cluster serves workspaces in {namespace}: {json.loads(body)['kind']}")


check_edge()
check_workspaces()
