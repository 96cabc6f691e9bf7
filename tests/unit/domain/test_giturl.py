"""Which Git URLs are taken, and that none shows its secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibecode.domain.errors import InvalidInput
from vibecode.domain.giturl import mask, validate_branch, validate_git_url, without_secrets


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/owner/project.git",
        "https://user:token@git.example.com:8443/a/b",
        "http://localhost:3000/a.git",
        "ssh://git@host.example/a/b.git",
        "ssh://git@[2001:db8::1]:22/a/b.git",
        "git://host/a.git",
        "git@github.com:owner/project.git",
        "git@host:~user/project",
        "https://host/a%20b.git",
    ],
)
def test_ordinary_addresses_are_taken(url: str) -> None:
    assert validate_git_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-u",
        "--upload-pack=touch /tmp/x",
        "ext::sh -c touch% /tmp/x",
        "ext::sh",
        "fd::17",
        "file:///etc",
        "/etc",
        "../other",
        "https://",
        "https://host",
        "https://host/",
        "https:///path",
        "https://-oProxyCommand=x/path",
        "ssh://-oProxyCommand=touch/x",
        "ssh://-l@host/x",
        "-x@host:path",
        "git@-oProxyCommand:path",
        "git@host:-path",
        "git@host:/-path",
        "https://host/a b",
        "https://host/a`id`",
        "https://host/a|b",
        'https://host/"a"',
        "https://host/a\nb",
        "https://host/a\0b",
        "https://host/a\\b",
        "https://host:port/a",
        "https://hоst/a",
        "javascript:alert(1)",
        "ftp://host/a",
        "https://host/" + "a" * 2000,
    ],
)
def test_the_rest_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate_git_url(url)
    assert caught.value.field == "source.url"
    assert caught.value.detail.endswith(".")


def test_local_sources_only_where_allowed() -> None:
    assert validate_git_url("file:///srv/a.git", allow_local=True)
    with pytest.raises(InvalidInput):
        validate_git_url("file:///srv/a.git")


@given(st.text(max_size=60))
def test_what_is_taken_is_never_an_option_or_a_command(text: str) -> None:
    try:
        validate_git_url(text)
    except InvalidInput:
        return
    assert not text.startswith("-")
    assert "::" not in text.split("/", 1)[0]
    assert text.isprintable()
    assert " " not in text


@pytest.mark.parametrize("branch", ["main", "feature/a-b_c.1", "v1.0", "ünïcode"])
def test_ordinary_branches_are_taken(branch: str) -> None:
    assert validate_branch(branch) == branch


@pytest.mark.parametrize(
    "branch",
    [
        "",
        "-x",
        "--upload-pack=x",
        "a b",
        "a..b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[",
        "a\\b",
        "/a",
        "a/",
        "a.lock",
        "a@{1}",
        "@",
        "a\n",
        ".a",
        "a" * 201,
    ],
)
def test_what_is_no_branch_is_refused(branch: str) -> None:
    with pytest.raises(InvalidInput):
        validate_branch(branch)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:secret@host/a", "https://***@host/a"),
        ("fatal: 'https://secret@host/a' not found", "fatal: 'https://***@host/a' not found"),
        ("ssh://git@host/a", "ssh://git@host/a"),
        ("ssh://git:secret@host/a", "ssh://***@host/a"),
        ("https://user:p@ss@host/a", "https://***@host/a"),
        ("https://to@ken@host/a", "https://***@host/a"),
        ("ssh://git:p@ss@host/a", "ssh://***@host/a"),
        ("https://host/a@b", "https://host/a@b"),
        ("https://host/a?by=a@b", "https://host/a?by=a@b"),
        ("git@host:a/b", "git@host:a/b"),
        ("https://host/a?access_token=secret&b=1", "https://host/a?access_token=***&b=1"),
        ("https://host/a?b=1&private_token=secret", "https://host/a?b=1&private_token=***"),
    ],
)
def test_secrets_are_masked(text: str, shown: str) -> None:
    assert mask(text) == shown


@given(st.from_regex(r"\A[A-Za-z0-9._~!$&'()*+,;=%:@\[\]-]{0,30}\Z"), st.from_regex(r"\A[A-Za-z0-9:@.-]{0,9}\Z"))
def test_no_password_survives(password: str, before: str) -> None:
    secret = f"{before}S3CR3T{password}"
    for url in (f"https://u:{secret}@host/a", f"https://{secret}@host/a", f"ssh://u:{secret}@host/a"):
        assert "S3CR3T" not in mask(f"Cloning {url} now")
        assert "S3CR3T" not in without_secrets(url)


def test_what_is_kept_of_a_source_has_no_secret() -> None:
    assert without_secrets("https://user:secret@host/a.git") == "https://host/a.git"
    assert without_secrets("https://user:p@ss@host/a.git") == "https://host/a.git"
    assert without_secrets("https://host/a@b.git") == "https://host/a@b.git"
    assert without_secrets("ssh://git@host/a.git") == "ssh://git@host/a.git"
