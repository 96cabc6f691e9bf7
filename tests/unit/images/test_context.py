"""The archive that Docker is given, and the tag that comes of it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from vibecode.images.context import RELEASED, Context, Entry, build_date


def archive(context: Context) -> bytes:
    file = io.BytesIO()
    context.write(file)
    return file.getvalue()


def test_the_same_files_make_the_same_archive_whatever_their_order_and_dates(tmp_path: Path) -> None:
    first, second = Context(), Context()
    for name in ("a.txt", "folder/b.txt"):
        first.add(name, Entry.of(name))
    for name in ("folder/b.txt", "a.txt"):
        second.add(name, Entry.of(name))
    assert archive(first) == archive(second)
    assert first.digest() == second.digest()


def test_the_digest_changes_with_content_name_mode_and_values() -> None:
    def digest(path: str, entry: Entry, **values: str) -> str:
        context = Context()
        context.add(path, entry)
        return context.digest(values)

    digests = {
        digest("a", Entry(b"1")),
        digest("a", Entry(b"2")),
        digest("b", Entry(b"1")),
        digest("a", Entry(b"1", executable=True)),
        digest("a", Entry(b"1"), BASE="debian:trixie-slim"),
        digest("a", Entry(b"1"), BASE="debian:trixie-slim@sha256:1"),
    }
    assert len(digests) == 6


def test_values_of_arguments_and_of_labels_are_not_taken_for_each_other() -> None:
    context = Context()
    assert context.digest({"a": "1"}, {}) != context.digest({}, {"a": "1"})


def test_the_archive_has_folders_fixed_dates_and_modes(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o775)
    context = Context()
    context.add("deep/er/program", Entry.read(program))
    context.add("file", Entry.of("x"))
    with tarfile.open(fileobj=io.BytesIO(archive(context))) as tar:
        found = {member.name: (member.isdir(), member.mode, member.mtime, member.uid) for member in tar}
        content = tar.extractfile("deep/er/program")
        assert content is not None
        assert content.read() == b"#!/bin/sh\n"
    assert found == {
        "deep": (True, 0o755, RELEASED, 0),
        "deep/er": (True, 0o755, RELEASED, 0),
        "deep/er/program": (False, 0o755, RELEASED, 0),
        "file": (False, 0o644, RELEASED, 0),
    }


def test_a_folder_is_added_without_hidden_and_compiled_files(tmp_path: Path) -> None:
    for name in ("Dockerfile", ".hidden", "sub/part.py", "sub/__pycache__/part.pyc", "sub/part.pyc"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    context = Context()
    context.add_folder(tmp_path)
    assert sorted(context.entries) == ["Dockerfile", "sub/part.py"]


def test_the_date_of_a_build_can_be_set_as_elsewhere() -> None:
    assert build_date({"SOURCE_DATE_EPOCH": "1700000000"}) == "1700000000"
    assert build_date({"SOURCE_DATE_EPOCH": "yesterday"}) == str(RELEASED)
    assert build_date({}) == str(RELEASED)
