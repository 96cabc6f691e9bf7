"""What the container's environment says."""

from __future__ import annotations

from pathlib import Path

import pytest

from vibecode.agent import prepared
from vibecode.agent.config import BadConfiguration, Config
from vibecode.domain.workspace import GitSource, TemplateSource


def test_nothing_said_is_a_blank_workspace() -> None:
    config = Config.read({})
    assert config.source is None
    assert config.extensions == ()
    assert (config.home, config.folder) == (Path("/home/coder"), Path("/workspace"))
    assert config.editor_port == 8080


def test_sources_are_read() -> None:
    git = Config.read({"VIBECODE_SOURCE": '{"git": {"url": "https://x.org/y.git", "branch": "main"}}'}).source
    assert git == GitSource(url="https://x.org/y.git", branch="main")
    git = Config.read({"VIBECODE_SOURCE": '{"git": {"url": "https://x.org/y.git"}}'}).source
    assert git == GitSource(url="https://x.org/y.git")
    template = Config.read({"VIBECODE_SOURCE": '{"template": {"name": "python", "parameters": {"a": "b"}}}'}).source
    assert template == TemplateSource(name="python", parameters={"a": "b"})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("VIBECODE_SOURCE", "{", "not JSON"),
        ("VIBECODE_SOURCE", "[]", "neither"),
        ("VIBECODE_SOURCE", '{"svn": {}}', "neither"),
        ("VIBECODE_SOURCE", '{"git": {}}', "neither"),
        ("VIBECODE_EXTENSIONS", '"a.b"', "not a list"),
        ("VIBECODE_EXTENSIONS", "[1]", "not a list"),
        ("VIBECODE_RELAY_PORT", "http", "not a port"),
        ("VIBECODE_EDITOR_PORT", "70000", "not a port"),
    ],
)
def test_nonsense_is_named(name: str, value: str, words: str) -> None:
    with pytest.raises(BadConfiguration, match=words):
        Config.read({name: value})


def test_a_start_with_nothing_to_prepare_is_known(tmp_path: Path) -> None:
    def config(extensions: str = "[]", source: str = "") -> Config:
        return Config.read({"HOME": str(tmp_path), "VIBECODE_EXTENSIONS": extensions, "VIBECODE_SOURCE": source})

    assert prepared.state(config()) == "complete"
    assert prepared.state(config('["a.b"]')) == "new"
    prepared.write(config('["a.b", "c.d"]'), complete=False)
    assert prepared.state(config('["c.d", "a.b"]')) == "incomplete"
    assert prepared.state(config('["a.b"]')) == "new"
    prepared.write(config('["a.b"]'), complete=True)
    assert prepared.state(config('["a.b"]')) == "complete"
    assert prepared.state(config('["a.b"]', '{"template": {"name": "web"}}')) == "new"
    config().prepared_file.write_text("damaged")
    assert prepared.state(config('["a.b"]')) == "new"
