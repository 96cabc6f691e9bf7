"""Text of others, made safe to show: on a terminal, its control characters would be orders."""

from __future__ import annotations

import re
from typing import Final

_SEQUENCES: Final = re.compile(
    # ECMA-48: control sequences (colours, cursor), and strings to the terminal such as titles, by ESC or by C1.
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)"
)


def printable(text: str, *, keep: str = "") -> str:
    """Return one line of text that does nothing to a terminal.

    Control sequences are left out. Whatever else can't be printed (line ends and other control characters, marks that
    turn the direction of writing, half characters) becomes a space.

    Parameters
    ----------
    text
        Of a workspace, a server or another program.
    keep
        Characters that stay even so.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else " " for character in _SEQUENCES.sub("", text)
    )
