"""HTTP/1.1 as a target needs it: one request after the other on a connection, read strictly."""

from __future__ import annotations

import re
from http import HTTPStatus

from .answer import Answer
from .headers import Headers

__all__ = ["MAX_HEAD", "BadRequestError", "Chunks", "Head", "parse_head", "render"]

MAX_HEAD = 64 << 10
MAX_CHUNK_LINE = 256

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e]+) HTTP/1\.([01])\Z")
_SEEN = rb"[\x21-\x7e\x80-\xff]"
_HEADER = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:" + _SEEN + rb"(?:[\t -\x7e\x80-\xff]*" + _SEEN + rb")?)?)[ \t]*\Z"
)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?\Z")


class BadRequestError(Exception):
    """What came is not HTTP/1.1, or not one thing only. The connection ends with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Head:
    """The request line and the headers."""

    def __init__(self, method: str, target: str, minor: int, headers: Headers) -> None:
        self.method = method
        self.path = target.partition("?")[0]
        self.headers = headers
        options = {option.strip().lower() for line in headers.all("connection") for option in line.split(",")}
        self.keep_alive = "close" not in options if minor else "keep-alive" in options
        self.expects = minor == 1 and headers.get("expect").lower() == "100-continue"
        self.length = _length(headers, minor)


def parse_head(raw: bytes) -> Head:
    """Parses what stands before the empty line. Raises BadRequestError."""
    lines = raw.split(b"\r\n")
    first = _LINE.match(lines[0])
    if first is None:
        raise BadRequestError(400)
    pairs: list[tuple[str, str]] = []
    for line in lines[1:]:
        header = _HEADER.match(line)
        if header is None:  # a folded line, a space before the colon, a control character
            raise BadRequestError(400)
        pairs.append((header[1].decode("latin-1"), header[2].decode("latin-1")))
    headers = Headers(pairs)
    minor = int(first[3])
    if len(headers.all("host")) != 1 and minor == 1:
        raise BadRequestError(400)
    return Head(first[1].decode(), first[2].decode(), minor, headers)


def _length(headers: Headers, minor: int) -> int | None:
    """The length of the body, None where it comes in chunks. What could be read in two ways is refused."""
    lengths, codings = headers.all("content-length"), headers.all("transfer-encoding")
    if codings:
        if lengths or minor == 0:
            raise BadRequestError(400)
        if len(codings) != 1 or codings[0].lower() != "chunked":
            raise BadRequestError(501)
        return None
    if not lengths:
        return 0
    text = lengths[0]
    if len(lengths) != 1 or not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequestError(400)
    return int(text)


class Chunks:
    """A body in chunks, taken out of a buffer as it grows. Trailers are read and left out."""

    def __init__(self) -> None:
        self.body = bytearray()
        self._left = -1  # bytes of the chunk that are missing; -1 before its line, -2 in the trailers
        self._trailers = 0

    def feed(self, buffer: bytearray, most: int) -> bool:
        """Takes what is there. Whether the body is complete, or longer than most. Raises BadRequestError."""
        while len(self.body) <= most:
            if self._left >= 0:
                if not self._take_data(buffer):
                    return False
                continue
            end = buffer.find(b"\r\n")
            if end < 0 or end > MAX_CHUNK_LINE:
                if len(buffer) > MAX_CHUNK_LINE:
                    raise BadRequestError(400)
                return False
            line = bytes(buffer[:end])
            del buffer[: end + 2]
            if self._take_line(line):
                return True
        return True

    def _take_data(self, buffer: bytearray) -> bool:
        taken = buffer[: self._left]
        self.body += taken
        self._left -= len(taken)
        del buffer[: len(taken)]
        if self._left or len(buffer) < 2:
            return False
        if not buffer.startswith(b"\r\n"):
            raise BadRequestError(400)
        del buffer[:2]
        self._left = -1
        return True

    def _take_line(self, line: bytes) -> bool:
        if self._left == -2:
            self._trailers += len(line) + 2
            if self._trailers > MAX_HEAD:
                raise BadRequestError(431)
            return not line
        size = _CHUNK.match(line)
        if size is None:
            raise BadRequestError(400)
        self._left = int(size[1], 16) or -2
        return False


def render(answer: Answer, keep_alive: bool) -> bytes:
    """The bytes of an answer."""
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if answer.status != 204:
        lines.append(f"content-length: {len(answer.body)}")
    if not keep_alive:
        lines.append("connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + answer.body
