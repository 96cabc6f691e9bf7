from __future__ import annotations

from pathlib import Path

import pytest

from vibecode.domain.errors import DataFolderUnusable, EditorUnavailable
from vibecode.editor import npm

LOG = Path("/data/logs/editor-install.log")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (["npm error code ENOTFOUND", "npm error network request to x failed"], "can't be reached"),
        (["npm error code ECONNREFUSED"], "can't be reached"),
        (["npm error code E503"], "can't be reached"),
        (["npm error code EINTEGRITY"], "not what VibeCode pins"),
        (["npm error code E401"], "refused access (E401)"),
        (["npm error code E403"], "refused access (E403)"),
        (["npm error code E404"], "does not have a package"),
        (["npm error code SELF_SIGNED_CERT_IN_CHAIN"], "NODE_EXTRA_CA_CERTS"),
        (["npm error code UNABLE_TO_VERIFY_LEAF_SIGNATURE"], "NODE_EXTRA_CA_CERTS"),
        (["npm error code EUSAGE"], "npm failed (EUSAGE)"),
        ([], "npm failed."),
    ],
)
def test_npm_failures_become_one_sentence_with_the_log(output: list[str], words: str) -> None:
    error = npm.explain(output, version="4.1.0", folder=Path("/data/editors"), log=LOG)
    assert isinstance(error, EditorUnavailable)
    assert words in error.detail
    assert str(LOG) in error.detail
    assert "\n" not in error.detail


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (["npm error code ENOSPC", "npm error nospc"], "is full"),
        (["npm warn tar TAR_ENTRY_ERROR ENOSPC: no space left on device, write"], "is full"),
        (["npm error code EROFS"], "make it writable"),
        (["npm error code EACCES"], "make it writable"),
    ],
)
def test_a_disk_at_fault_is_told_apart(output: list[str], words: str) -> None:
    error = npm.explain(output, version="4.1.0", folder=Path("/data/editors"), log=None)
    assert isinstance(error, DataFolderUnusable)
    assert words in error.detail
    assert "npm's answer" not in error.detail


def test_npm_keeps_the_users_registry_and_loses_what_would_mislead_it() -> None:
    tools = npm.Tools(node=Path("/node/bin/node"), npm=Path("/npm"), license=None)
    environment = npm.npm_environment(
        tools,
        {
            "PATH": "/usr/bin",
            "HOME": "/home/ada",
            "HTTPS_PROXY": "http://proxy.example.org:3128",
            "npm_config_registry": "https://npm.example.org",
            "npm_config_userconfig": "/home/ada/.npmrc-work",
            "npm_config_cafile": "/etc/ca.pem",
            "npm_config_local_prefix": "/somewhere/else",
            "npm_config_global": "true",
            "npm_lifecycle_event": "start",
            "npm_package_name": "other",
            "NODE_OPTIONS": "--require /tmp/x.js",
            "NODE_ENV": "production",
        },
    )
    assert environment == {
        "PATH": "/node/bin:/usr/bin",
        "HOME": "/home/ada",
        "HTTPS_PROXY": "http://proxy.example.org:3128",
        "npm_config_registry": "https://npm.example.org",
        "npm_config_userconfig": "/home/ada/.npmrc-work",
        "npm_config_cafile": "/etc/ca.pem",
    }


def test_no_package_may_run_a_script() -> None:
    assert "--ignore-scripts" in npm.OPTIONS
