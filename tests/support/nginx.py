"""NGINX as the edge, with the configuration that is shipped, and what stands behind it in this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.require import require

IMAGE = Path(__file__).parents[2] / "images" / "edge"
ENTRYPOINT = IMAGE / "entrypoint.sh"
MODULE = Path("/usr/lib/nginx/modules/ngx_http_lua_module.so")


def find_nginx() -> str:
    """Return the program; skip the test where it is missing."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        require("nginx", "NGINX is not installed (apt-get install nginx libnginx-mod-http-lua)")
    if not MODULE.exists():
        require("nginx", "its Lua module is not installed (apt-get install libnginx-mod-http-lua)")
    return program


def settings_of(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of the edge's container, for one of which all lies in ``folder``."""
    folder.mkdir(exist_ok=True)
    values = {"TMP": str(folder), "LUA": str(IMAGE), "TLS_DIR": str(folder / "tls"), "ACCESS_LOG": "false", **more}
    return {"PATH": os.environ["PATH"]} | {f"VIBECODE_EDGE_{name}": value for name, value in values.items()}


def render(environment: Mapping[str, str]) -> str:
    """Return the configuration that the image's entry makes of its settings."""
    done = subprocess.run([str(ENTRYPOINT), "render"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def serving(app: Any, path: Path) -> AsyncIterator[None]:
    """Serve an ASGI application on a Unix socket, in this loop."""
    config = uvicorn.Config(
        app, uds=str(path), lifespan="off", log_config=None, access_log=False, proxy_headers=False, ws="none",
        server_header=False, date_header=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def running(program: str, folder: Path, configuration: str, *ports: int) -> AsyncIterator[Path]:
    """Run NGINX until the end of the context; what it logged is in the file that this yields."""
    path = folder / "nginx.conf"
    # Its processes run as whoever runs the tests, so that they may use the sockets in a folder that is that user's.
    user = "user root;\n" if os.geteuid() == 0 else ""
    path.write_text(user + re.sub(r"^worker_processes .*", "worker_processes 1;", configuration, flags=re.MULTILINE))
    log = folder / "nginx.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program, "-c", str(path), "-e", "stderr", stdout=output, stderr=output
        )
    try:
        async with asyncio.timeout(30):
            for port in ports:
                while not await _answers(port):
                    assert process.returncode is None, log.read_text()
                    await asyncio.sleep(0.01)
        yield log
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def make_certificate(folder: Path, *names: str) -> None:
    """Write a certificate that signs itself, and its key, as a Secret is mounted."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    pem = serialization.Encoding.PEM
    (folder / "tls.crt").write_bytes(certificate.public_bytes(pem))
    (folder / "tls.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
