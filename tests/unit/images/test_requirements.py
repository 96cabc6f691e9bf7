"""Taking packages out of a hash-pinned file."""

from __future__ import annotations

from vibecode.images.requirements import parse

LOCKED = """\
# A comment.
aiohttp==3.14.5 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
Pydantic_Core==2.50.4 ; sys_platform != 'win32' \\
    --hash=sha256:cc
uvicorn[standard]==0.54.0 \\
    --hash=sha256:dd

"""


def test_each_package_has_its_lines() -> None:
    found = parse(LOCKED)
    assert list(found) == ["aiohttp", "pydantic-core", "uvicorn"]
    assert found["aiohttp"] == "aiohttp==3.14.5 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    assert found["pydantic-core"].endswith("    --hash=sha256:cc\n")


def test_what_is_put_together_again_is_read_the_same() -> None:
    found = parse(LOCKED)
    assert parse(found["uvicorn"] + found["aiohttp"]) == {key: found[key] for key in ("uvicorn", "aiohttp")}
