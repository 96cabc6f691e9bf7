"""Reads the headers of WebSocket frames in passing, and nothing else of them."""

from __future__ import annotations

from typing import Final

DATA_OPCODES: Final = frozenset({0x0, 0x1, 0x2})
"""Continuation, text and binary (RFC 6455, 5.2)."""


class FrameScanner:
    """Finds the frames in a stream of bytes, wherever it is cut; it holds at most one header, never a payload.

    It doesn't judge: what is no valid frame is for the endpoints to refuse.
    """

    __slots__ = ("_partial", "_skip")

    def __init__(self) -> None:
        self._partial = b""
        self._skip = 0
        """Bytes of the present frame's payload that are still to come."""

    def feed(self, data: bytes) -> list[tuple[int, int]]:
        """Return opcode and payload length of each frame whose header ends in ``data``."""
        size = len(data)
        if self._skip >= size:
            self._skip -= size
            return []
        position = self._skip
        if self._partial:
            data = self._partial + data
            size = len(data)
            self._partial = b""
        frames = []
        while size - position >= 2:
            second = data[position + 1]
            length = second & 0x7F
            header = 2 if second < 0x80 else 6
            if length >= 126:
                extended = 2 if length == 126 else 8
                header += extended
                if size - position < header:
                    break
                length = int.from_bytes(data[position + 2 : position + 2 + extended], "big")
            elif size - position < header:
                break
            frames.append((data[position] & 0x0F, length))
            position += header + length
        if position >= size:
            self._skip = position - size
        else:
            self._partial = data[position:]
            self._skip = 0
        return frames
