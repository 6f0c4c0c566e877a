"""Hostile bodies, always the same ones: wrong for every operation, made from a body that it takes."""

import gzip
import json
from collections.abc import Iterable, Iterator
from typing import Any

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def _lines(text: str) -> list[bytes]:
    r"""Read one body a line; `\xff` and the like are bytes."""
    return [line.encode().decode("unicode_escape").encode("latin-1") for line in text.strip().splitlines()]


# No field of any body takes one of these: no object, no number, no text that is none, no role that is none.
WRONG_VALUES = [
    *r"""
0 -1 1.5 -0.0 1e999 -1e999 1e-999 {} {"a":1} {"$ne":null} {"$ref":"#"} ["a",1] [[]] [[[]]] [null] [{"a":[]}] [true]
"\ud800" "a\udfffb" "\ud83d" ["\ud800"] ["\u0000"] ["admin\n"] ["Admin"] ["ok","ok",""] ["a","a\u202e"] [0] ["a"[""]]
    """.split(),  # noqa: SIM905 - a list of them would be three times as long
    *("1" * 64, "1" * 65, "1." + "0" * 100, '"' + "y" * 2000 + '"', '["' + "x" * 60_000 + '"]', '["' + "a" * 65 + '"]'),
    *("[" * 200 + "]" * 200, '{"a":' * 200 + "1" + "}" * 200, "[" + ",".join(['"r"'] * 33) + "]"),
]

# Not JSON at all, or JSON that two parsers would read differently.
NOT_JSON = [
    *(b"", b" ", b"\n", b"\x1f\x8b\x08", gzip.compress(b"{}"), '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-32")),
    *(
        b"[" * 60_000,
        b'{"a":' * 12_000,
        b"[" * 30_000 + b"]" * 30_000,
        b"1" * 60_000,
        b"1e" + b"9" * 60_000,
        b'"' * 60_000,
    ),
    *_lines(r"""
{
}
{]
[
"
"a
nul
True
None
undefined
-
+1
01
.5
1.
0x10
1_000
NaN
Infinity
-Infinity
{"a":NaN}
{"a":[Infinity]}
{'a':1}
{a:1}
{"a":1,}
{"a" 1}
{"a":}
{,"a":1}
{"a":1}{"a":1}
{"a":1} x
[1,]
/**/{}
{"a":1}//
#
<xml/>
a=1&b=2
--x\r\n\r\n--x--
\xff
\xc0\x80
\xed\xa0\x80
\xf8\x88\x80\x80\x80
{"a":"\xff"}
{"\xff":1}
\x00
\x00{}
{}\x00
{"a":"\x00"}
{"a":"\x1f"}
{"a":"\\x00"}
{"a":"\\u12"}
{"a":"\\
\xef\xbb\xbf{}
\xe2\x80\xa8
    """),
]

# JSON, but never the object that is asked for.
NOT_OBJECTS = [*_lines('null\ntrue\nfalse\n0\n""\n"{}"\n[]\n[{}]\n[null]\n[1e400]\n[[],[]]'), b"[" * 500 + b"]" * 500]

EXTRA_KEYS = [
    *r"""
extra __proto__ constructor __class__ id status self model_config EMAIL é ~ / ~1 $ref {} %s '; \u0000 \ud800 a\udc00b
\ud83d \u202e \uffff \" \\
    """.split(),  # noqa: SIM905 - a list of them would be three times as long
    *("", " ", "email ", "x" * 5000),
]

MEDIA_TYPES = [
    *(
        "",
        "json",
        "/json",
        ";",
        "*/*",
        "application",
        "application/jsonx",
        "text/plain",
        "text/json",
        "application/xml",
    ),
    *("application/ld+json", "application/problem+json", "application/octet-stream", "multipart/form-data", "a" * 5000),
    *("multipart/form-data; boundary=x", "application/json; charset=utf-16", "application/json; charset=latin-1"),
    *(
        'application/json;charset="\\"',
        "application/json, text/plain",
        f"{FORM}; charset=utf-7",
        "\\",
        "application json",
    ),
]

NOT_FORMS = [
    *(
        b"",
        b"a" * 60_000,
        b"&".join([b"a=1"] * 9000),
        b"grant_type=" + b"x" * 101,
        b"client_id=" + b"x" * 201 + b"&grant_type=a",
    ),
    b"grant_type=refresh_token&refresh_token=" + b"v1." * 200,
    *_lines(r"""
&
=
&&==
%
%zz=%zz
%00=%00
%ff=%ff
\xff=\xff
grant_type=
grant_type=password
grant_type=%00
grant_type=\xed\xa0\x80
grant_type[]=refresh_token
grant_type=refresh_token
grant_type=refresh_token;refresh_token=x
grant_type=refresh_token&grant_type=refresh_token
grant_type=refresh_token&refresh_token=
grant_type=refresh_token&refresh_token=%00
grant_type=refresh_token&refresh_token=%ff%fe
grant_type=refresh_token&refresh_token=x&refresh_token=y
grant_type=refresh_token&refresh_token=v1.a.b.c.d
client_id=&grant_type=refresh_token&refresh_token=x
client_id=%F0%9F%92%A9&grant_type=refresh_token&refresh_token=x
refresh_token=x
{}
{"grant_type":1}
    """),
]
TOO_LARGE = [b" " * 65_537, b"x" * 10_000_000]


def bodies(good: dict[str, Any], fields: Iterable[str]) -> Iterator[bytes]:
    """Give hostile JSON for an operation that takes `good` and knows these fields."""
    yield from NOT_JSON
    yield from NOT_OBJECTS
    yield from _wrong_fields(good, fields)
    yield from _wrong_keys(json.dumps(good))
    yield from _damaged(json.dumps(good).encode())


def _wrong_fields(good: dict[str, Any], fields: Iterable[str]) -> Iterator[bytes]:
    for name in fields:
        others = "".join(f", {json.dumps(key)}: {json.dumps(value)}" for key, value in good.items() if key != name)
        yield from (f'{{"{name}": {wrong}{others}}}'.encode() for wrong in WRONG_VALUES)


def _wrong_keys(good: str) -> Iterator[bytes]:
    yield from (f'{{"{key}": 1, {good[1:]}'.encode() for key in EXTRA_KEYS)
    yield f"{good[:-1]}, {good[1:]}".encode()
    yield json.dumps({f"k{number}": number for number in range(4000)}).encode()


def _damaged(good: bytes) -> Iterator[bytes]:
    """Cut the good body short everywhere, and put in its places a byte that JSON nowhere has."""
    yield from (good[:end] for end in range(1, len(good), 2))
    for place in range(0, len(good), 2):
        yield good[:place] + b"\x00" + good[place + 1 :]
        yield good[:place] + b"\xff" + good[place + 1 :]
