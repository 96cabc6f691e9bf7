"""JupyterHub spawns the workspace image with code-server in it.

What the workspaces of VibeCode have is given as JSON in ``BENCH_WORKSPACE``: image, command, resources, claims and the
like. Where there was a choice, it is the one that makes JupyterHub faster:

- The container runs code-server alone: no sign-in in front of it, no process beside it, and no probes.
- The proxy takes the prefix ``/user/<name>`` away, so that nothing has to do that in the container.
- code-server answers the hub's own question, at whatever path, with 404, which counts as up.
- Starting answers the request that asked for it when all is done, however long that takes: nobody has to poll.
"""

import json
import os

from kubernetes_asyncio.client.exceptions import ApiException

workspace = json.loads(os.environ["BENCH_WORKSPACE"])
made = set()


async def make_second_volume(spawner, pod):
    """KubeSpawner makes one claim; a workspace of VibeCode has two."""
    name = f"workspace-{spawner.user.name}"
    if name not in made:
        claim = {
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": workspace["storageClass"],
                "resources": {"requests": {"storage": workspace["sizes"]["workspace"]}},
            },
        }
        try:
            await spawner.api.create_namespaced_persistent_volume_claim(spawner.namespace, claim)
        except ApiException as error:
            if error.status != 409:
                raise
        made.add(name)
    return pod


c = get_config()  # noqa: F821 - JupyterHub gives it
c.JupyterHub.bind_url = "http://:8000"
c.JupyterHub.hub_ip = "0.0.0.0"
c.JupyterHub.hub_connect_ip = "127.0.0.1"
c.JupyterHub.db_url = "sqlite:////tmp/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = "/tmp/cookie-secret"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 300}
c.JupyterHub.services = [{"name": "benchmark", "api_token": os.environ["BENCH_TOKEN"]}]
c.JupyterHub.load_roles = [
    {"name": "benchmark", "services": ["benchmark"], "scopes": ["admin:users", "admin:servers", "list:users"]}
]
c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.ConfigurableHTTPProxy.command = ["configurable-http-proxy", "--no-include-prefix"]
c.ConfigurableHTTPProxy.pid_file = "/tmp/proxy.pid"

c.KubeSpawner.image = workspace["image"]
c.KubeSpawner.image_pull_policy = "IfNotPresent"
c.KubeSpawner.port = 8080
c.KubeSpawner.cmd = None
c.KubeSpawner.extra_container_config = {"command": workspace["command"], "resources": workspace["resources"]}
c.KubeSpawner.node_selector = workspace["nodeSelector"]
c.KubeSpawner.uid = c.KubeSpawner.gid = c.KubeSpawner.fs_gid = 1000
c.KubeSpawner.start_timeout = c.KubeSpawner.http_timeout = 300
c.KubeSpawner.storage_pvc_ensure = True
c.KubeSpawner.storage_capacity = workspace["sizes"]["home"]
c.KubeSpawner.storage_class = workspace["storageClass"]
c.KubeSpawner.pvc_name_template = "home-{username}"
c.KubeSpawner.volumes = [
    {"name": "home", "persistentVolumeClaim": {"claimName": "home-{username}"}},
    {"name": "workspace", "persistentVolumeClaim": {"claimName": "workspace-{username}"}},
    {"name": "tmp", "emptyDir": {}},
]
c.KubeSpawner.volume_mounts = [
    {"name": "home", "mountPath": "/home/coder"},
    {"name": "workspace", "mountPath": "/workspace"},
    {"name": "tmp", "mountPath": "/tmp"},
]
c.KubeSpawner.modify_pod_hook = make_second_volume
