"""``vibecode provision``: what scripts/provision-workspace.sh does, from an installed package.

It needs rights in the cluster, not an account of the platform's: an operator makes workspaces for people by it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from vibecode.cli.options import DataDir, resolve
from vibecode.cli.output import note, say

CHART: Final = "charts/vibecode-workspace"
_PLATFORM_NAMESPACE: Final = "vibecode-platform"
_EMAIL: Final = re.compile(r"[^@\s]{1,200}@[^@\s]{1,253}")
_MAX_EMAIL: Final = 254
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_TIMEOUT: Final = re.compile(r"([0-9]+)(s|m|h)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


def provision(
    user_id: Annotated[str, typer.Argument(help="Id of the user, and name of the workspace.", metavar="USER_ID")],
    email: Annotated[str, typer.Argument(help="The user's email address, for information.", metavar="EMAIL")],
    domain: Annotated[
        str | None,
        typer.Argument(
            help="Domain of the workspaces' addresses; the installed platform's if left out.", metavar="DOMAIN"
        ),
    ] = None,
    namespace: Annotated[
        str, typer.Option("--namespace", help="Where the platform is installed.", metavar="NAMESPACE")
    ] = _PLATFORM_NAMESPACE,
    timeout: Annotated[
        str, typer.Option("--timeout", help="How long to wait until it is ready, such as 90s or 10m.", metavar="TIME")
    ] = "10m",
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            "--kubeconfig",
            help="Names the cluster. Without it: KUBECONFIG, the cluster of `vibecode up`, what kubectl is set up for.",
            metavar="FILE",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a user's workspace in a Kubernetes cluster by Helm, and print its address. Repeating it does no harm."""
    from vibecode.cluster.assets import asset
    from vibecode.cluster.tools import HELM, KUBECTL, find

    check(user_id, email, domain, timeout)
    tools = _Tools(kubectl=find(KUBECTL).path, helm=find(HELM).path, kubeconfig=kubeconfig or _own_cluster(data_dir))
    say(_provision(tools, asset(CHART), user_id, email, domain, namespace=namespace, timeout=timeout))


def check(user_id: str, email: str, domain: str | None, timeout: str) -> None:
    """Refuse what the chart or the cluster would refuse later.

    Raises
    ------
    InvalidInput
        One sentence on the first that is wrong.
    """
    from vibecode.domain.errors import InvalidInput
    from vibecode.domain.names import validate_name

    validate_name(user_id, kind="user")
    if len(email) > _MAX_EMAIL or not _EMAIL.fullmatch(email):
        raise InvalidInput(f"EMAIL is an address such as {user_id}@example.org.", field="email")
    if domain is not None and not _HOST.fullmatch(domain):
        raise InvalidInput("DOMAIN is a host name in lower case, such as code.example.org.", field="domain")
    if not _TIMEOUT.fullmatch(timeout):
        raise InvalidInput("--timeout takes a time such as 90s or 10m.", field="timeout")


def _own_cluster(data_dir: Path | None) -> Path | None:
    """Return the kubeconfig of the data folder's cluster, if there is one and nothing else was asked for."""
    import os

    from vibecode.cluster.state import ClusterFolder

    if os.environ.get("KUBECONFIG"):
        return None
    file = ClusterFolder(resolve(data_dir)).kubeconfig
    return file if file.is_file() else None


class _Tools:
    """kubectl and helm for one cluster."""

    def __init__(self, *, kubectl: str, helm: str, kubeconfig: Path | None) -> None:
        place = [] if kubeconfig is None else ["--kubeconfig", str(kubeconfig)]
        self._kubectl = [kubectl, *place]
        self._helm = [helm, *place]

    def read(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """Return an object; an empty dictionary if there is none."""
        import json

        from vibecode.cluster.commands import run

        command = ["get", kind, name, "--namespace", namespace, "--ignore-not-found", "--output", "json"]
        text = run([*self._kubectl, *command, "--request-timeout", "30s"], limit=60).stdout
        found: dict[str, Any] = json.loads(text or "{}")
        return found

    def upgrade(self, release: str, chart: Path, namespace: str, values: dict[str, Any], *, timeout: str) -> None:
        """Install a release of a chart, or bring it up to date, and wait until it is ready."""
        import json

        from vibecode.cluster.commands import run

        match = _TIMEOUT.fullmatch(timeout)
        seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
        command = ["upgrade", "--install", release, str(chart), "--namespace", namespace, "--values", "-"]
        options = ["--wait", "--timeout", timeout, "--history-max", "3"]
        run([*self._helm, *command, *options], text=json.dumps(values), limit=seconds + 60.0)


def _provision(
    tools: _Tools, chart: Path, user_id: str, email: str, domain: str | None, *, namespace: str, timeout: str
) -> str:
    from vibecode.domain.errors import InvalidInput, NameTaken, NotFound

    settings = tools.read("configmap", "control-plane", namespace).get("data", {})
    if not settings:
        raise NotFound(
            f"The platform is not installed in namespace {namespace}: install charts/vibecode-platform first, or say "
            "where it is with --namespace."
        )
    served, workspaces = settings["VIBECODE_WORKSPACE_DOMAIN"], settings["VIBECODE_WORKSPACES_NAMESPACE"]
    if domain not in (None, served):
        raise InvalidInput(
            f"The platform serves workspaces below {served}, not {domain}: leave DOMAIN out, or set "
            "global.workspaceDomain.",
            field="domain",
        )
    release = f"code-server-{user_id}"
    present = tools.read("workspace", user_id, workspaces)
    if present:
        owner = present["spec"]["owner"]
        if owner != user_id:
            raise NameTaken(f"There is a workspace {user_id} already, and it belongs to {owner}.")
    made_by = present.get("metadata", {}).get("annotations", {}).get("meta.helm.sh/release-name")
    if present and made_by != release:
        note(f"Workspace {user_id} is there already; it was not made by Helm, so it is left as it is.")
    else:
        note(f"Provisioning workspace {user_id} ...")
        values = {"user": {"id": user_id, "email": email}, "ingress": {"host": f"{user_id}.{served}"}}
        tools.upgrade(release, chart, workspaces, values, timeout=timeout)
        present = tools.read("workspace", user_id, workspaces)
    return str(present.get("status", {}).get("url") or f"https://{user_id}.{served}")
