"""Pin Python packages with hashes, for every platform, without naming an index."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).parent / "uv"
COMPILE = [
    *(str(UV), "pip", "compile", "-q", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--upgrade"),
]


def main() -> None:
    """Write all files of requirements/."""
    folder = ROOT / "requirements"
    uv = subprocess.run([*COMPILE, "-"], input="uv\n", text=True, check=True, cwd=ROOT, capture_output=True).stdout
    (folder / "uv.txt").write_text(uv)
    runtime = [*COMPILE, "--extra", "build", "pyproject.toml", "-o", "requirements/runtime.txt"]
    subprocess.run(runtime, check=True, cwd=ROOT)
    dev = [*COMPILE, "--extra", "build", "--extra", "dev", "-c", "requirements/runtime.txt", "pyproject.toml"]
    subprocess.run([*dev, "-o", "requirements/dev.txt"], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
