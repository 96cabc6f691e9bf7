"""Input told from what an idle tab sends by itself.

Measured with code-server 4.139.1 and Chromium 156, through a relay that noted the length of each frame on the wire. A
page holds two WebSockets, one for VS Code's server ("management") and one for the extension host. Neither is ever
quiet: a tab that nobody touches sends, every 5 s, keep-alives and acknowledgements of VS Code's PersistentProtocol, a
read and a write of a file, and a ping of its agent host, about 1.6 frames a second in all. Its messages are not short
either (up to 773 bytes), and a keystroke in the terminal is (51 bytes), so no length divides the two.

What does is news, spread over time. The connections are compressed (permessage-deflate with its dictionary kept), so a
message like the one before shrinks to a few bytes, and the bytes on the wire measure what is new. And what a tab does
by itself comes in bursts, while a person goes on for seconds. So the bytes of data frames are summed over 5 s, and no
half second counts for more than 48 of them. The highest sums seen:

===================================  ==========  ==============
What happens                         management  extension host
===================================  ==========  ==============
idle for 180 s, an editor open              109              45
idle for 90 s, a terminal open              138              96
idle for 60 s after all of this              96              96
idle for 720 s on a busy machine            147              61
typing a command at 5 letters/s             179             206
scrolling                                    76             259
typing in an editor                         161             480
choosing files in the explorer              269             248
a terminal that prints all the time         211             433
===================================  ==========  ==============

A single click or a saved file can go unseen; a person at work does not. A terminal that prints counts, too: the tab
acknowledges what it shows. That does no harm, since the program that prints keeps the workspace by itself. During its
180 s the idle tab made no HTTP request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

SLOT: Final = 0.5
"""Seconds whose frames are counted together."""
SLOT_CAP: Final = 48
"""Most bytes that one slot counts for."""
SLOTS: Final = 10
"""Slots that are looked at together."""
THRESHOLD: Final = 176
"""Bytes in them from which on it is input."""
SETTLING: Final = 10.0
"""Seconds after which a connection is looked at: a tab that reconnects by itself says a lot at first."""


class InputDetector:
    """Looks at the data frames of one connection, from client to server.

    Parameters
    ----------
    clock
        Returns the time in seconds.
    """

    __slots__ = ("_clock", "_from", "_slots")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._from = clock() + SETTLING
        self._slots: deque[list[int]] = deque()
        """Number and counted bytes of each slot in which a frame came."""

    def is_input(self, length: int) -> bool:
        """Take note of a data frame's payload length, and tell whether a person (or a program for one) is at work."""
        now = self._clock()
        if now < self._from:
            return False
        slots = self._slots
        number = int(now / SLOT)
        if not slots or slots[-1][0] != number:
            slots.append([number, 0])
            while slots[0][0] <= number - SLOTS:
                slots.popleft()
        last = slots[-1]
        last[1] = min(SLOT_CAP, last[1] + length)
        return sum(counted for _, counted in slots) >= THRESHOLD
