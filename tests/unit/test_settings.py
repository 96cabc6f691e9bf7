"""Settings: where they come from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from vibecode.domain.errors import InvalidInput
from vibecode.settings import default_data_dir, load_settings


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_defaults_need_nothing(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.data_dir == tmp_path / ".local/share/vibecode"
    assert settings.addresses(listening_port=8000).dashboard == "http://vibecode.localhost:8000"


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".config/vibecode/vibecode.toml"
    file.parent.mkdir(parents=True)
    file.write_text('port = 1001\nhost = "::1"\nidle_timeout = 60\n')
    monkeypatch.setenv("VIBECODE_PORT", "1002")
    monkeypatch.setenv("VIBECODE_HOST", "0.0.0.0")
    settings = load_settings(port=1003, host=None)
    assert (settings.port, settings.host, settings.idle_timeout) == (1003, "0.0.0.0", 60)


@pytest.mark.parametrize(
    ("content", "says"),
    [("prot = 1", "prot"), ("port = 'x'", "port"), ("port = ", "can't be read"), ("domain = 'a_b'", "domain")],
)
def test_a_mistake_in_the_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, says: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content)
    monkeypatch.setenv("VIBECODE_CONFIG", str(file))
    with pytest.raises(InvalidInput, match=says):
        load_settings()


def test_a_relative_xdg_folder_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_data_dir() == tmp_path / ".local/share/vibecode"


def test_behind_tls_links_are_public(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(
        public_scheme="https", public_port=443, domain="code.example.org", workspace_domain="ws.example.org"
    )
    addresses = settings.addresses(listening_port=8000)
    assert addresses.dashboard == "https://code.example.org"
    assert addresses.workspace("alice") == "https://alice.ws.example.org"
    assert addresses.preview_template("alice") == "https://{{port}}--alice.ws.example.org/"
