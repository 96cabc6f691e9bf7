from __future__ import annotations

from pathlib import Path

import pytest

from vibecode.domain.errors import InvalidInput
from vibecode.templates.spec import Parameter, read_spec, resolve


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "template.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_whole_description_is_read(tmp_path: Path) -> None:
    spec = read_spec(
        _write(
            tmp_path / "mine",
            """
            title = "Mine"
            description = "For us."
            extensions = ["ms-python.python", "tools/ours.vsix"]
            render = ["*.cfg"]
            [settings]
            "editor.tabSize" = 2
            [[parameters]]
            name = "flavour"
            title = "Flavour"
            type = "choice"
            choices = ["plain", "rich"]
            [[parameters]]
            name = "docker"
            title = "Docker"
            type = "boolean"
            default = true
            """,
        )
    )
    assert spec.settings == {"editor.tabSize": 2}
    assert [parameter.default for parameter in spec.parameters] == [None, "true"]
    assert resolve(spec.parameters, {}) == {"flavour": "plain", "docker": True}
    assert resolve(spec.parameters, {"docker": "false", "flavour": "rich"}) == {"flavour": "rich", "docker": False}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("titel = 'x'", "the key titel is not a key that VibeCode knows"),
        ("description = 'x'", "the key title is missing"),
        ("title = 3", "title: "),
        ("title = 'x'\n[[parameters]]\nname = 'a'\ntitle = 'A'\nlabel = 'b'", "parameters[0].label is not a key"),
        ("title = 'x'\n[[parameters]]\nname = 'A b'\ntitle = 'A'", "parameters[0].name"),
        ("title = 'x'\n[[parameters]]\nname = 'a'\ntitle = 'A'\npattern = '['", "not a regular expression"),
        ("title = 'x'\n[[parameters]]\nname = 'a'\ntitle = 'A'\ntype = 'choice'", "choices belong to"),
        ("title = 'x'\n[[parameters]]\nname = 'a'\ntitle = 'A'\ntype = 'date'", "parameters[0].type"),
        (
            "title = 'x'\n[[parameters]]\nname = 'a'\ntitle = 'A'\ntype = 'choice'\nchoices = ['b']\ndefault = 'c'",
            "the default is not valid",
        ),
        ("title = 'x'\n[[parameters]]\nname = 'a'\ntitle = 'A'\npattern = 'x+'\ndefault = 'y'", "default is not valid"),
        (
            "title = 'x'\n[[parameters]]\nname = 'a'\ntitle = 'A'\n[[parameters]]\nname = 'a'\ntitle = 'B'",
            "two parameters have the same name",
        ),
        ("title = 'x'\nextensions = ['../up.vsix']", "'../up.vsix' is neither"),
        ("title = 'x'\nextensions = ['/abs.vsix']", "is neither"),
        ("title = 'x'\nextensions = ['--force']", "is neither"),
        ("title = 'x'\n[settings]\nwhen = 2026-01-01", "settings hold text"),
        ("title = ", "can't be read"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    folder = _write(tmp_path / "mine", text)
    with pytest.raises(InvalidInput) as refused:
        read_spec(folder)
    assert words in refused.value.detail
    assert str(folder / "template.toml") in refused.value.detail


def test_a_folder_without_a_description_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"has no template\.toml"):
        read_spec(tmp_path)


def _string(**more: object) -> Parameter:
    return Parameter.model_validate({"name": "a", "title": "The name", **more})


@pytest.mark.parametrize(
    ("parameter", "given", "words"),
    [
        (_string(required=True), None, "is needed"),
        (_string(required=True), "", "can't be empty"),
        (_string(pattern="[a-z]+"), "abc1", "does not have the right form"),
        (_string(), "two\nlines", "single line"),
        (_string(), "a\0b", "single line"),
        (_string(type="boolean"), "yes", "either true or false"),
        (_string(type="choice", choices=["b", "c"]), "d", "is one of b, c"),
    ],
)
def test_a_wrong_value_names_its_field(parameter: Parameter, given: str | None, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parameter.value(given)
    assert words in refused.value.detail
    assert refused.value.field == "source.parameters.a"


def test_an_optional_string_may_be_empty_despite_its_pattern() -> None:
    assert _string(pattern="[a-z]+").value("") == ""
    assert _string().value(None) == ""


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"no parameter b \(it has: a\)") as refused:
        resolve((_string(),), {"b": "x"})
    assert refused.value.field == "source.parameters.b"
