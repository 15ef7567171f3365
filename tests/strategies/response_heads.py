"""Answers byte by byte: status lines, headers and framing as servers, proxies and attackers write them.

It is not for what an answer says (see `registry_behaviour`). A quirk has a name, so that a visit prints as what it is,
and changes an answer that is right. What the two backends are known to take differently (docs/deviations.md, and the
rows DIFFERENT of tests/parity/matrix/test_response_heads.py) is not among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tests.strategies.choices import Choices


@dataclass(frozen=True)
class RawAnswer:
    """An answer before it is laid out. `body` is as it stands on the wire, once a framing has been chosen."""

    first: bytes
    headers: tuple[bytes, ...]
    body: bytes
    before: bytes = b""
    end_of_line: bytes = b"\r\n"

    def laid_out(self) -> bytes:
        """Its bytes."""
        return self.before + self.end_of_line.join((self.first, *self.headers, b"", self.body))


Quirk = Callable[[RawAnswer], RawAnswer]


def _first(version: bytes = b"HTTP/1.1", space: bytes = b" ", reason: bytes | None = None, **status: bytes) -> Quirk:
    def change(answer: RawAnswer) -> RawAnswer:
        code = status.get("status", answer.first.split(b" ")[1])
        return replace(answer, first=version + space + code + (b" OK" if reason is None else reason))

    return change


def _with(*lines: bytes, last: bool = False) -> Quirk:
    return lambda answer: replace(answer, headers=(*answer.headers, *lines) if last else (*lines, *answer.headers))


def _before(head: bytes, times: int = 1) -> Quirk:
    return lambda answer: replace(answer, before=head * times)


STATUS_LINES: Mapping[str, Quirk] = {
    "no reason": _first(reason=b""),
    "an empty reason": _first(reason=b" "),
    "a reason in UTF-8": _first(reason=" \u00fc\u4e2d".encode()),
    "a reason in Latin 1": _first(reason=b" \xfc"),
    "a reason with a tab": _first(reason=b" a\tb"),
    "a long reason": _first(reason=b" " + b"r" * 5000),
    "a reason of digits": _first(reason=b" 404"),
    "HTTP/1.2": _first(version=b"HTTP/1.2"),
    "HTTP/2.0": _first(version=b"HTTP/2.0"),
    "HTTP/1.0": _first(version=b"HTTP/1.0"),
    "HTTP/0.9": _first(version=b"HTTP/0.9"),
    "HTTP/1.10": _first(version=b"HTTP/1.10"),
    "HTTP/1": _first(version=b"HTTP/1"),
    "HTTP": _first(version=b"HTTP"),
    "http/1.1": _first(version=b"http/1.1"),
    "HTTP/x.y": _first(version=b"HTTP/x.y"),
    "ICY": _first(version=b"ICY"),
    "a tab after the version": _first(space=b"\t"),
    "a space first": _first(version=b" HTTP/1.1"),
    "two digits": _first(status=b"20"),
    "four digits": _first(status=b"2000"),
    "a negative status": _first(status=b"-20"),
    "letters": _first(status=b"2x0"),
    "Arabic digits": _first(status="\u0662\u0660\u0660".encode()),
    "no status": _first(status=b""),
}
_EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
BEFORE: Mapping[str, Quirk] = {
    "an empty line first": _before(b"\r\n"),
    "100 first": _before(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "103 first": _before(_EARLY),
    "102 and 103 first": _before(b"HTTP/1.1 102 Processing\r\n\r\n" + _EARLY),
    "199 first": _before(b"HTTP/1.1 199 Whatever\r\nX: y\r\n\r\n"),
    "twenty informational answers": _before(_EARLY, 20),
    "100 with a length": _before(b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n"),
    "100 with chunks": _before(b"HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "100 with a broken length": _before(b"HTTP/1.1 100 Continue\r\nContent-Length: x\r\n\r\n"),
    "100 with a length beyond int64": _before(b"HTTP/1.1 100 Continue\r\nContent-Length: 9999999999999999999\r\n\r\n"),
    "100 with two lengths": _before(b"HTTP/1.1 100 Continue\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    "100 with another coding": _before(b"HTTP/1.1 100 Continue\r\nTransfer-Encoding: x\r\n\r\n"),
    "100 with a bad trailer announced": _before(
        b"HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\nTrailer: Trailer\r\n\r\n"
    ),
    "100 with a bad header": _before(b"HTTP/1.1 100 Continue\r\njunk\r\n\r\n"),
    "an informational answer in HTTP/1.0": _before(b"HTTP/1.0 100 Continue\r\n\r\n"),
    "an informational answer's other type": _before(b"HTTP/1.1 103 Early\r\nContent-Type: text/plain\r\n\r\n"),
}
HEADERS: Mapping[str, Quirk] = {
    "folded": _with(b"X-A: b\r\n c"),
    "folded with a tab": _with(b"X-A: b\r\n\tc"),
    "folded twice": _with(b"X-A: b\r\n c\r\n  d"),
    "folded, nothing": _with(b"X-A:\r\n "),
    "a fold before any header": _with(b" X-A: b"),
    "a fold of the last": _with(b"X-A: b\r\n c", last=True),
    "no colon": _with(b"junk"),
    "no name": _with(b": b"),
    "a tab in a name": _with(b"X\tA: b"),
    "a name in UTF-8": _with("X-\u00fc: b".encode()),
    "a name with a bracket": _with(b"X(a): b"),
    "a name with an octet": _with(b"X\x80: b"),
    "NUL in a value": _with(b"X-A: \0"),
    "a control character in a value": _with(b"X-A: \x01\x7f"),
    "CR in a value": _with(b"X-A: a\rb"),
    "a value in UTF-8": _with("X-A: \u00fc\u2028".encode()),
    "a value in Latin 1": _with(b"X-A: \xfc"),
    "no value": _with(b"X-A:"),
    "no space before a value": _with(b"X-A:b"),
    "space around a value": _with(b"X-A: \t b \t "),
    "a vertical tab around a value": _with(b"X-A: \x0bb\x0b"),
    "a long value": _with(b"X-A: " + b"a" * 40_000),
    "many headers": _with(*(b"X-%d: a" % number for number in range(300))),
    "one header often": _with(*(b"X-A: a" for _ in range(300))),
    "another type first": _with(b"Content-Type: text/plain"),
    "another type last": _with(b"Content-Type: text/plain", last=True),
    "an empty type first": _with(b"Content-Type:"),
    "a folded type first": _with(b"Content-Type: application/vnd.oci.image.index.v1+json;\r\n a=b"),
    "a type in capitals": _with(b"CONTENT-TYPE: text/html"),
    "close": _with(b"Connection: close"),
    "keep-alive, close": _with(b"Connection: keep-alive, close"),
    "a trailer announced": _with(b"Trailer: X-T"),
    "a length announced as trailer": _with(b"Trailer: Content-Length"),
    "trailers announced in a list": _with(b"Trailer: X-T,, \ttRansfer-encoding\t,"),
    "a trailer announced oddly": _with(b"Trailer: content length, Content-Length;a=b"),
    "encoded by nothing": _with(b"Content-Encoding:"),
    "encoded as identity": _with(b"Content-Encoding: identity"),
    "gzip that is none": _with(b"Content-Encoding: gzip"),
    "GZIP in capitals that is none": _with(b"Content-Encoding: GZIP"),
    "gzip twice that is none": _with(b"Content-Encoding: gzip", b"Content-Encoding: gzip"),
    "upgraded": _with(b"Upgrade: h2c", b"Connection: Upgrade"),
    "a location": _with(b"Location: /elsewhere/manifest"),
    "LF alone": lambda answer: replace(answer, end_of_line=b"\n"),
}


def _length(*values: bytes, name: bytes = b"Content-Length: ") -> Quirk:
    return lambda answer: replace(
        answer, headers=(*answer.headers, *(name + value.replace(b"N", b"%d" % len(answer.body)) for value in values))
    )


def _off_by(more: int) -> Quirk:
    return lambda answer: replace(
        answer, headers=(*answer.headers, b"Content-Length: %d" % max(0, len(answer.body) + more))
    )


LENGTHS: Mapping[str, Quirk] = {
    "a length": _length(b"N"),
    "no length": _length(),
    "a length in capitals": _length(b"N", name=b"CONTENT-LENGTH: "),
    "the length twice": _length(b"N", b"N"),
    "two lengths": _length(b"N", b"5"),
    "a length and an empty one": _length(b"N", b""),
    "a list of lengths": _length(b"N, 5"),
    "a length with a sign": _length(b"+N"),
    "a negative length": _length(b"-1"),
    "an empty length": _length(b""),
    "a length with zeros": _length(b"000N"),
    "a length in hexadecimal": _length(b"0x5"),
    "a length with an underscore": _length(b"1_0"),
    "a length that is no number": _length(b"x"),
    "a length with a comma": _length(b"N,"),
    "a length with space around": _length(b" \tN \t"),
    "a length with a vertical tab": _length(b"\x0bN"),
    "a length in Arabic digits": _length("\u0665".encode()),
    "a length with a fraction": _length(b"N.0"),
    "a length beyond int64": _length(b"9" * 19),
    "a length of 30 digits": _length(b"9" * 30),
    "a folded length": _length(b"\r\n N"),
    "a length too large": _off_by(1),
    "a length too small": _off_by(-1),
    "bytes beyond the length": lambda answer: replace(
        _off_by(0)(answer), body=answer.body + b"HTTP/1.1 200 OK\r\n\r\n"
    ),
}


def _chunks(
    size: Callable[[int], bytes] = lambda count: b"%x" % count,
    *,
    most: int = 1 << 30,
    after_size: bytes = b"\r\n",
    after_data: bytes = b"\r\n",
    end: bytes = b"0\r\n\r\n",
    coding: tuple[bytes, ...] = (b"Transfer-Encoding: chunked",),
) -> Quirk:
    def change(answer: RawAnswer) -> RawAnswer:
        pieces = [answer.body[at : at + most] for at in range(0, len(answer.body), most)]
        body = b"".join(size(len(piece)) + after_size + piece + after_data for piece in pieces) + end
        return replace(answer, headers=(*answer.headers, *coding), body=body)

    return change


def _coded(*lines: bytes) -> Quirk:
    return _chunks(coding=lines)


CHUNKS: Mapping[str, Quirk] = {
    "chunked": _chunks(),
    "a chunk a byte": _chunks(most=1),
    "a chunk a byte with extensions": _chunks(lambda count: b"%x;e=%b" % (count, b"x" * 12), most=1),
    "extensions that outweigh the data": _chunks(lambda count: b"%x;%b" % (count, b"e" * 300), most=1),
    "chunks of seven bytes": _chunks(most=7),
    "sizes in capitals": _chunks(lambda count: b"%X" % count),
    "sizes of 16 digits": _chunks(lambda count: b"%016x" % count),
    "sizes of 17 digits": _chunks(lambda count: b"%017x" % count),
    "a space after sizes": _chunks(lambda count: b"%x " % count),
    "a tab after sizes": _chunks(lambda count: b"%x\t" % count),
    "a space before sizes": _chunks(lambda count: b" %x" % count),
    "a vertical tab after sizes": _chunks(lambda count: b"%x\x0b" % count),
    "sizes with 0x": _chunks(lambda count: b"0x%x" % count),
    "sizes with a sign": _chunks(lambda count: b"+%x" % count),
    "negative sizes": _chunks(lambda count: b"-%x" % count),
    "empty sizes": _chunks(lambda _: b""),
    "sizes of nothing but an extension": _chunks(lambda _: b";a=b"),
    "sizes in UTF-8": _chunks(lambda _: "\u0661".encode()),
    "an extension": _chunks(lambda count: b"%x;a=b" % count),
    "an extension after a space": _chunks(lambda count: b"%x ; a = b" % count),
    "a quoted extension": _chunks(lambda count: b'%x;a="b;\\"c"' % count),
    "an extension with CR": _chunks(lambda count: b"%x;a\rb" % count),
    "an extension with NUL": _chunks(lambda count: b"%x;\0" % count),
    "sizes too large": _chunks(lambda count: b"%x" % (count + 1)),
    "sizes too small": _chunks(lambda count: b"%x" % max(0, count - 1)),
    "a size beyond int64": _chunks(lambda _: b"f" * 16),
    "LF after sizes": _chunks(after_size=b"\n"),
    "CR after sizes": _chunks(after_size=b"\r"),
    "LF after data": _chunks(after_data=b"\n"),
    "nothing after data": _chunks(after_data=b""),
    "CR CR LF after sizes": _chunks(after_size=b"\r\r\n"),
    "no last chunk": _chunks(end=b""),
    "no line after the last chunk": _chunks(end=b"0\r\n"),
    "half a line after the last chunk": _chunks(end=b"0\r\n\r"),
    "LF after the last chunk": _chunks(end=b"0\r\n\n"),
    "many zeros in the last chunk": _chunks(end=b"0000\r\n\r\n"),
    "an extension of the last chunk": _chunks(end=b"0;a=b\r\n\r\n"),
    "a trailer": _chunks(end=b"0\r\nX-T: y\r\n\r\n"),
    "a trailer with LF": _chunks(end=b"0\r\nX-T: y\n\r\n"),
    "a folded trailer": _chunks(end=b"0\r\nX-T: y\r\n z\r\n\r\n"),
    "a trailer that folds first": _chunks(end=b"0\r\n X-T: y\r\n\r\n"),
    "a trailer without a colon": _chunks(end=b"0\r\njunk\r\n\r\n"),
    "a trailer without a name": _chunks(end=b"0\r\n: y\r\n\r\n"),
    "a trailer with a space before its colon": _chunks(end=b"0\r\nX-T : y\r\n\r\n"),
    "a trailer in UTF-8": _chunks(end="0\r\nX-T: \u00fc\r\n\r\n".encode()),
    "a trailer with NUL": _chunks(end=b"0\r\nX-T: \0\r\n\r\n"),
    "a trailer with a control character": _chunks(end=b"0\r\nX-T: \x01\r\n\r\n"),
    "a trailer with DEL": _chunks(end=b"0\r\nX-T: \x7f\r\n\r\n"),
    "a trailer with a space within its name": _chunks(end=b"0\r\nX T: y\r\n\r\n"),
    "a trailer with a tab before its colon": _chunks(end=b"0\r\nX-T\t: y\r\n\r\n"),
    "a trailer with CR": _chunks(end=b"0\r\nX-T: a\rb\r\n\r\n"),
    "a trailer with space behind": _chunks(end=b"0\r\nX-T: y \t\r\n\r\n"),
    "a trailer and an empty fold": _chunks(end=b"0\r\nX-T: y\r\n \r\n\r\n"),
    "a trailer that is a length": _chunks(end=b"0\r\nContent-Length: 5\r\n\r\n"),
    "a trailer that is a coding": _chunks(end=b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "a trailer without an end": _chunks(end=b"0\r\nX-T: y\r\n"),
    "bytes after the last chunk": _chunks(end=b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
    "a chunk after the last": _chunks(end=b"0\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    "Chunked": _coded(b"Transfer-Encoding: Chunked"),
    "chunked with space around": _coded(b"Transfer-Encoding: \t chunked \t"),
    "chunked and a length": _coded(b"Transfer-Encoding: chunked", b"Content-Length: 3"),
    "a length and chunked": _coded(b"Content-Length: 3", b"Transfer-Encoding: chunked"),
    "chunked and two lengths": _coded(b"Transfer-Encoding: chunked", b"Content-Length: 3", b"Content-Length: 4"),
    "chunked and a length beyond int64": _coded(b"Transfer-Encoding: chunked", b"Content-Length: 9999999999999999999"),
    "chunked and a broken length": _coded(b"Transfer-Encoding: chunked", b"Content-Length: x"),
    "chunked twice": _coded(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "chunked, chunked": _coded(b"Transfer-Encoding: chunked, chunked"),
    "gzip, chunked": _coded(b"Transfer-Encoding: gzip, chunked"),
    "chunked and a comma": _coded(b"Transfer-Encoding: chunked,"),
    "chunked with a parameter": _coded(b"Transfer-Encoding: chunked;a=b"),
    "identity": _coded(b"Transfer-Encoding: identity"),
    "no coding": _coded(b"Transfer-Encoding:"),
    "another coding": _coded(b"Transfer-Encoding: x"),
    "chunked with a vertical tab": _coded(b"Transfer-Encoding: \x0bchunked"),
    "chunked in other letters": _coded("Transfer-Encoding: chun\u212aed".encode()),
    "a folded coding": _coded(b"Transfer-Encoding:\r\n chunked"),
    "chunks nobody announces": _coded(),
}
QUIRKS: Mapping[str, Quirk] = {**STATUS_LINES, **BEFORE, **HEADERS, **LENGTHS, **CHUNKS}

_WITHOUT_CHUNKS = ("HTTP/0.9", "HTTP/1.0")
"""h11 takes chunks in every version, net/http from 1.1 on."""


def quirks(choices: Choices) -> tuple[str, ...]:
    """Some quirks, in the order in which they change an answer; the framing is the last."""
    names: list[str] = []
    if choices.chance(4):
        names.append(choices.pick(tuple(STATUS_LINES)))
    if choices.chance(6):
        names.append(choices.pick(tuple(BEFORE)))
    for _ in range(choices.pick((0, 1, 0, 1, 2))):
        names.append(choices.pick(tuple(HEADERS)))
    chunked = choices.chance(2) and not any(name in names for name in _WITHOUT_CHUNKS)
    plain = choices.chance(3)
    framings = CHUNKS if chunked else LENGTHS
    names.append(next(iter(framings)) if plain and names else choices.pick(tuple(framings)))
    return tuple(dict.fromkeys(names))


def raw(status: int, headers: list[tuple[str, str]], body: bytes, names: tuple[str, ...]) -> bytes:
    """An answer with these quirks."""
    lines = tuple(f"{name}: {value}".encode("latin-1") for name, value in headers)
    answer = RawAnswer(b"HTTP/1.1 %d Status" % status, lines, body)
    for name in names:
        answer = QUIRKS[name](answer)
    return answer.laid_out()
