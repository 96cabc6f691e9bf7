"""Docker's words, made readable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vibecode.domain.errors import DockerUnavailable, ImageUnavailable
from vibecode.images import build
from vibecode.images.catalog import Image
from vibecode.images.context import Context, Entry


def image(**entries: str) -> Image:
    context = Context()
    for name, text in entries.items():
        context.add(name, Entry.of(text))
    return Image(name="edge", context=context, arguments={"BASE": "debian:trixie-slim"}, labels={})


def told(*lines: str) -> list[str]:
    steps = build.Steps()
    return [words for line in lines for words in steps.feed(line)]


def test_steps_that_are_known_from_before_are_not_told() -> None:
    lines = (
        "#1 [internal] load build definition from Dockerfile",
        "#1 DONE 0.0s",
        "#5 [system 2/3] COPY settle /usr/local/sbin/settle",
        "#5 CACHED",
        "#6 [system 3/3] RUN set -eu;     apt-get update -q",
        "#6 0.412 Get:1 http://mirror.example.org/debian trixie InRelease",
        "#6 DONE 9.1s",
    )
    assert told(*lines) == ["[system 3/3] RUN set -eu; apt-get update -q"]


def test_the_editor_s_download_is_told_as_it_goes_on() -> None:
    lines = (
        "#9 [installer 6/6] RUN python install_editor.py",
        "#9 0.7 Installing the editor, code-server 4.139.1 (about 195 MB to download) …",
        "#9 3.2 Downloading the editor: 50 MB of about 195 MB, 3 s",
        "#9 3.3 something else",
    )
    assert told(*lines) == [
        "[installer 6/6] RUN python install_editor.py",
        "Installing the editor, code-server 4.139.1 (about 195 MB to download) …",
        "Downloading the editor: 50 MB of about 195 MB, 3 s",
    ]


def test_the_builder_before_buildkit_is_understood_too() -> None:
    assert told("Step 3/9 : RUN true", " ---> Running in 0123456789ab") == ["[3/9] RUN true"]


def fake_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program called docker first in PATH."""
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ("ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", DockerUnavailable, "start it"),
        ("permission denied while trying to connect to the Docker daemon socket", DockerUnavailable, "group `docker`"),
        ("write /x: no space left on device", ImageUnavailable, "the disk is full"),
        (
            "ERROR: failed to solve: debian:trixie-slim: failed to resolve source metadata for docker.io/library/d",
            ImageUnavailable,
            "base image debian:trixie-slim can't be pulled",
        ),
        ("#6 1.2 Temporary failure resolving 'mirror.example.org'", ImageUnavailable, "registry can't be reached"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", ImageUnavailable, "not the pinned one"),
        ("#7 0.5 ERROR: the flux is wrong.", ImageUnavailable, "not built: ERROR: the flux is wrong."),
    ],
)
def test_a_failed_build_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, error: type[Exception], words: str
) -> None:
    absent = "case $1 in image) echo 'Error: No such image: x' >&2; exit 1;; esac"
    script = f'{absent}\ncat >/dev/null\necho "{said}"\nexit 1\n'
    fake_docker(tmp_path, monkeypatch, script)
    with pytest.raises(error) as raised:
        build.build(image(Dockerfile="FROM x"), progress=lambda line: None)
    assert words in str(raised.value)


def test_what_docker_has_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_docker(tmp_path, monkeypatch, "case $1 in image) echo 'sha256:12 345';; *) exit 9;; esac\n")
    lines: list[str] = []
    result = build.build(image(Dockerfile="FROM x"), progress=lines.append)
    assert (result.built, result.id, result.size) == (False, "sha256:12", 345)
    assert lines == [f"Image {result.reference} is there."]


def test_docker_gets_the_context_and_all_that_the_tag_stands_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"""case $1 in
image) [ -e {tmp_path}/built ] && echo 'sha256:12 345' || {{ echo 'Error: No such image: x' >&2; exit 1; }};;
build) tar -xOf - Dockerfile > {tmp_path}/built; echo "$@" > {tmp_path}/arguments;;
esac
"""
    fake_docker(tmp_path, monkeypatch, script)
    wanted = image(Dockerfile="FROM scratch\n")
    result = build.build(wanted, progress=lambda line: None)
    assert result.built
    assert (tmp_path / "built").read_text() == "FROM scratch\n"
    arguments = (tmp_path / "arguments").read_text().split()
    assert wanted.reference in arguments
    assert "BASE=debian:trixie-slim" in arguments
    assert "--no-cache" not in arguments


def test_an_interrupted_build_leaves_no_docker_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f"""case $1 in
image) echo 'Error: No such image: x' >&2; exit 1;;
build) echo $$ > {tmp_path}/pid; cat > /dev/null; echo 'Step 1/2 : RUN true'; exec sleep 60;;
esac
"""
    fake_docker(tmp_path, monkeypatch, script)

    def interrupt(line: str) -> None:
        if "Step" in line or "[1/2]" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build.build(image(Dockerfile="FROM x"), progress=interrupt)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_without_docker_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DockerUnavailable, match="not installed"):
        build.build(image(Dockerfile="FROM x"), progress=lambda line: None)
