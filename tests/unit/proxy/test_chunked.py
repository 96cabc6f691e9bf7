from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibecode.proxy.chunked import END, ChunkedReader, encode
from vibecode.proxy.problems import Rejected


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Cut ``data`` into pieces of ``sizes``, and the rest."""
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=300)),
    extension=st.sampled_from([b"", b";a=b", b" ; q"]),
    trailer=st.sampled_from([b"", b"X: 1\r\n", b"X: 1\r\nY: 2\r\n"]),
    rest=st.binary(max_size=20),
    sizes=st.lists(st.integers(1, 60)),
)
def test_a_body_comes_out_whole_however_it_is_cut(
    chunks: list[bytes], extension: bytes, trailer: bytes, rest: bytes, sizes: list[int]
) -> None:
    data = b"".join(b"%X%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    data += b"0\r\n" + trailer + b"\r\n" + rest
    reader = ChunkedReader()
    out = b""
    after = b""
    for piece in cut(data, sizes):
        if reader.done:
            after += piece
        else:
            out += reader.feed(piece)
    assert (out, reader.done, reader.rest + after) == (b"".join(chunks), True, rest)


@given(st.lists(st.binary(min_size=1)))
def test_what_is_encoded_is_read_back(pieces: list[bytes]) -> None:
    reader = ChunkedReader()
    assert reader.feed(b"".join(map(encode, pieces)) + END) == b"".join(pieces)
    assert reader.done


@given(st.binary(max_size=200), st.lists(st.integers(1, 20)))
def test_the_verdict_does_not_depend_on_the_cuts(data: bytes, sizes: list[int]) -> None:
    def read(pieces: list[bytes]) -> tuple[bytes, bool] | None:
        reader = ChunkedReader()
        out = b""
        try:
            for piece in pieces:
                if not reader.done:
                    out += reader.feed(piece)
        except Rejected:
            return None
        return out, reader.done

    whole, parts = read([data]), read(cut(data, sizes))
    # Cut up, an error may come to light earlier than the bytes before it do; never later, and never not at all.
    assert (whole is None) == (parts is None)
    assert whole == parts


@pytest.mark.parametrize(
    "data",
    [
        b"5\n",
        b"g\r\n",
        b" 5\r\n",
        b"+5\r\n",
        b"0x5\r\n",
        b"\r\n",
        b"5\r\nhelloXX",
        b"5\r\nhello\n",
        b"1" * 17 + b"\r\n",
    ],
)
def test_what_is_nearly_right_is_refused(data: bytes) -> None:
    with pytest.raises(Rejected):
        ChunkedReader().feed(data + b"\r\n\r\n")


@pytest.mark.parametrize("data", [b"1" * 5000, b"5;" + b"x" * 5000, b"0\r\n" + b"X: y\r\n" * 5000])
def test_lines_without_end_are_refused(data: bytes) -> None:
    with pytest.raises(Rejected):
        ChunkedReader().feed(data)
