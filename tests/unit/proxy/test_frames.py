from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.proxy.test_chunked import cut
from vibecode.proxy.frames import FrameScanner

_lengths = st.one_of(st.integers(0, 200), st.sampled_from([125, 126, 127, 65_535, 65_536, 70_000]))
_frames = st.lists(st.tuples(st.sampled_from([0x0, 0x1, 0x2, 0x8, 0x9, 0xA]), _lengths, st.booleans(), st.booleans()))


def encoded(opcode: int, length: int, masked: bool, final: bool) -> bytes:
    mask = 0x80 if masked else 0
    head = bytes([opcode | (0x80 if final else 0)])
    if length < 126:
        head += bytes([mask | length])
    elif length < 65_536:
        head += bytes([mask | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([mask | 127]) + length.to_bytes(8, "big")
    # The payload looks like headers, to catch a scanner that loses its place.
    return head + (b"\x81\x85\x00\x00" if masked else b"") + (b"\x81\xfe" * (length // 2 + 1))[:length]


@given(frames=_frames, sizes=st.lists(st.one_of(st.integers(1, 15), st.integers(1, 70_000))))
def test_every_frame_is_found_however_the_bytes_are_cut(
    frames: list[tuple[int, int, bool, bool]], sizes: list[int]
) -> None:
    data = b"".join(encoded(*frame) for frame in frames)
    scanner = FrameScanner()
    found = [frame for piece in cut(data, sizes) for frame in scanner.feed(piece)]
    assert found == [(opcode, length) for opcode, length, _, _ in frames]


@given(st.lists(st.binary(max_size=50)))
def test_garbage_does_not_stop_it(pieces: list[bytes]) -> None:
    scanner = FrameScanner()
    for piece in pieces:
        for opcode, length in scanner.feed(piece):
            assert 0 <= opcode < 16
            assert length >= 0


def test_one_byte_at_a_time() -> None:
    data = encoded(0x2, 300, True, True) + encoded(0x9, 0, True, True)
    scanner = FrameScanner()
    assert [frame for byte in data for frame in scanner.feed(bytes([byte]))] == [(0x2, 300), (0x9, 0)]
