"""Settings: where they come from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from vibecode.domain.addresses import LoopbackHost, parse_host
from vibecode.domain.errors import InvalidInput
from vibecode.settings import Settings, default_data_dir, load_settings


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


def refusal(**overrides: object) -> str:
    """Return why the settings are refused."""
    with pytest.raises(InvalidInput) as caught:
        load_settings(**overrides)
    return caught.value.detail


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("prot = 1", "prot in {file} is no setting; did you mean port?"),
        ("colour = 1", "colour in {file} is no setting; docs/settings.md lists them all."),
        ("port = 'x'", "port in {file} takes a whole number from 0 to 65535."),
        ("idle_timeout = 59", "idle_timeout in {file} takes 0 for never, or 60 to 2592000 seconds."),
        ("idle_timeout = 2592001", "idle_timeout in {file} takes 0 for never, or 60 to 2592000 seconds."),
        ("domain = 'a_b'", "domain in {file} takes a host name in lower case, such as code.example.org."),
        ("log_level = 'loud'", "log_level in {file} takes debug, info, warning or error."),
        ("host = ''", "host in {file} takes an address or name of this machine, such as 127.0.0.1."),
        ("data_dir = '~nobody-of-this-name/x'", "data_dir in {file} takes the path of a folder."),
    ],
)
def test_a_mistake_in_the_file_is_named_with_what_would_be_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, says: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content)
    monkeypatch.setenv("VIBECODE_CONFIG", str(file))
    assert refusal() == says.format(file=file)


def test_a_file_that_is_no_toml_or_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.toml"
    monkeypatch.setenv("VIBECODE_CONFIG", str(file))
    assert refusal() == f"VIBECODE_CONFIG names {file}, which isn't there: make that file, or unset VIBECODE_CONFIG."
    file.write_text("port = ")
    assert refusal().startswith(f"The settings file {file} is no proper TOML (Invalid value")
    file.write_bytes(b"host = '\xff'")
    assert refusal().startswith(f"The settings file {file} is no proper TOML (")
    file.unlink()
    file.mkdir()
    assert refusal() == f"The settings file {file} can't be read (Is a directory)."


def test_a_mistake_elsewhere_is_not_blamed_on_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(port=70000) == "--port takes a whole number from 0 to 65535."
    monkeypatch.setenv("VIBECODE_SESSION_DAYS", "many")
    assert refusal() == "VIBECODE_SESSION_DAYS takes a whole number from 1 to 365."
    monkeypatch.setenv("VIBECODE_SESSION_DAYS", "")
    assert load_settings().session_days == 30


def test_every_setting_can_be_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        variable = f"VIBECODE_{name.upper()}"
        wrong = {"extensions": "[", "host": None}.get(name, "~nobody-of-this-name")
        if wrong is not None:
            monkeypatch.setenv(variable, wrong)
            assert refusal().startswith(f"{variable} takes ")
            monkeypatch.delenv(variable)


@pytest.mark.parametrize(
    "text", ["sample.one, /srv/two.vsix", '["sample.one", "/srv/two.vsix"]', "sample.one,/srv/two.vsix,"]
)
def test_a_list_in_a_variable_is_json_or_has_commas(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("VIBECODE_EXTENSIONS", text)
    assert load_settings().extensions == ("sample.one", "/srv/two.vsix")


@pytest.mark.parametrize("seconds", [0, 60, 2592000])
def test_idle_timeouts_that_a_workspace_may_have(seconds: int) -> None:
    assert load_settings(idle_timeout=seconds).idle_timeout == seconds


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8100"),
        ("localhost", "http://127.0.0.1:8100"),
        ("0.0.0.0", "http://127.0.0.1:8100"),
        ("::", "http://[::1]:8100"),
        ("::1", "http://[::1]:8100"),
        ("192.0.2.1", "http://192.0.2.1:8100"),
        ("2001:DB8:0:0::1", "http://[2001:db8::1]:8100"),
        ("build-host", "http://build-host:8100"),
    ],
)
def test_workspaces_reach_the_server_where_it_listens(host: str, url: str) -> None:
    settings = load_settings(host=host)
    assert settings.agent_url(listening_port=8100) == url
    addresses = settings.addresses(listening_port=8100)
    assert parse_host(url.removeprefix("http://"), addresses) == LoopbackHost()


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
