"""What is put into inputs that are changed: numbers at bounds, odd words, msgpack of other kinds.

Owns these lists; draws nothing.
"""

from __future__ import annotations

from typing import Final

from tests.fuzz.canary import CANARY, POINTING

MANY: Final = 40
"""What is longer is not repeated thousands of times."""
_BITS: Final = (5, 7, 8, 10, 15, 16, 20, 31, 32, 52, 53, 63, 64)
NUMBERS: Final = sorted(
    {0, 1, 2, *(sign * 2**bits + more for sign in (1, -1) for bits in _BITS for more in (-1, 0, 1))}
)
WORDS: Final = (
    *("", " ", "\0", "\n", "é", "e\u0301", "\u2028", "\ufeff", "\x85", "\x1c", "\U0001f600"),
    *(CANARY, POINTING, "none", "demo", "grant", "click", "pointer", "key_timing", "__proto__"),
    *("2026-11-24", "0000-01-01", "0001-01-01", "9999-12-31", "2026-02-30", "a.b", "a@b", "/a"),
    *(
        "https://crm.corp.example",
        "http://127.0.0.1",
        "http://[::1]:8443",
        "https://1.2.3",
        "x" * 90,
    ),
)


class Raw(bytes):
    """Bytes that stand in a tree as they are, whether or not they are msgpack."""

    __slots__ = ()


RAWS: Final = tuple(
    Raw(bytes.fromhex(text))
    for text in (
        *(
            "c1",
            "c2",
            "c3",
            "80",
            "81a16101",
            "de0000",
            "df00000000",
            "dfffffffff",
            "cb3ff0000000000000",
        ),
        *("ca3f800000", "cbfff8000000000000", "d4017f", "d6ff00000000", "c70cff", "c9ffffffff01"),
        *(
            "ddffffffff",
            "dd0000ffff",
            "dcffff",
            "dbffffffff",
            "c6ffffffff",
            "a1ff",
            "a3eda080",
            "d3",
            "cf",
        ),
        *("cfffffffffffffffff", "d38000000000000000", "cf001fffffffffffff", "cf0020000000000000"),
    )
)

TEXT_PIECES: Final = (
    *("%", "%2", "%2e", "%2F", "%25", "%252e", "%C3%A9", "%c3", "%ED%A0%80", "%f4%90%80%80", "%00"),
    *(
        "/",
        "\\",
        "//",
        "/.",
        "/..",
        "/../",
        "/ .. /",
        ";",
        "?",
        "#",
        "@",
        ":",
        ":443",
        ":0",
        ":65536",
    ),
    *(
        "://",
        "http://",
        "HTTPS://",
        "[::1]",
        "127.0.0.1",
        "1.2.3",
        "xn--",
        "*.",
        "payroll",
        "PAYROLL",
    ),
    *(
        ".",
        "...",
        " ",
        "\t",
        "\r\n",
        "\0",
        "\x1c",
        "\x85",
        "\xa0",
        "\u3000",
        "\ufeff",
        "\u017f",
        "\u212a",
    ),
    *(
        "\ud800",
        "\udc00",
        "\U0001f600",
        "e\u0301",
        "=",
        "==",
        "-",
        "_",
        "+",
        "candor1.",
        "'",
        '"',
        "[",
        "{",
    ),
    *("1e999", "nan", "inf", "-0", "9" * 5_000, "[" * 600, "true", "2026-11-24", "[[", "a=", "\n"),
    *("\nport = ", "\nidle_timeout_s = ", "\nk = ", "\n[keys]\n", CANARY, POINTING),
)
