"""The editor: installing code-server, and how it is started.

The parts: :mod:`.store` knows the installed versions, :mod:`.installer` makes one, :mod:`.additions` keeps what
VibeCode adds to it up to date, :mod:`.launch` has the command line and environment of a workspace's editor,
:mod:`.home` prepares its home and :mod:`.gallery` installs extensions into it.
"""

from vibecode.editor.additions import ensure
from vibecode.editor.gallery import install_extensions
from vibecode.editor.home import seed_home
from vibecode.editor.launch import command, environment, extensions_folder, user_data
from vibecode.editor.model import Editor, Manifest
from vibecode.editor.store import EditorStore

__all__ = [
    "Editor",
    "EditorStore",
    "Manifest",
    "command",
    "ensure",
    "environment",
    "extensions_folder",
    "install_extensions",
    "seed_home",
    "user_data",
]
