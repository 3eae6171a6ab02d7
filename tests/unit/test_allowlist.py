"""A page is in an app, outside, or excluded; doubt counts as outside."""

import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.consent.allowlist import Match, NoMatch, is_excluded, match, match_app, path_segments
from tests.unit.examples import app_document, policy

POLICY = policy(
    apps=[
        app_document(
            excluded_paths=["/hr/gehälter", "/payroll"],
            origins=["https://crm.corp.example", "https://crm.corp.example:8443"],
        ),
        app_document(app=2, id="wiki", origins=["https://[2001:db8::1]"], excluded_paths=[]),
    ]
)


@pytest.mark.parametrize(
    ("url", "app"),
    [
        ("https://crm.corp.example", 1),
        ("https://crm.corp.example/", 1),
        ("HTTPS://CRM.corp.example:443/a?b#c", 1),
        ("https://crm.corp.example:8443/a", 1),
        ("https://crm.corp.example?x=/payroll", 1),
        ("https://crm.corp.example#/payroll", 1),
        ("https://crm.corp.example/payrolls", 1),
        ("https://crm.corp.example/pay/roll", 1),
        ("https://crm.corp.example/a/payroll", 1),
        ("https://crm.corp.example/hr", 1),
        ("https://crm.corp.example/a%20b/c.d", 1),
        ("https://[2001:DB8::1]/payroll/..%2f%ff", 2),
    ],
)
def test_a_page_of_an_app_is_found(url: str, app: int) -> None:
    assert match(url, POLICY) == Match(app)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "about:blank",
        "data:text/html,x",
        "blob:https://crm.corp.example/1",
        "ftp://crm.corp.example/",
        "//crm.corp.example/",
        "https:/crm.corp.example/",
        " https://crm.corp.example/",
        "https://",
        "https:///crm.corp.example",
        "https://user@crm.corp.example/",
        "https://crm.corp.example@evil.example/",
        "https://crm.corp.example./",
        "https://crm.corp.example:/",
        "https://crm.corp.example:0443/",
        "https://crm.corp.example:99999/",
        "https://crm.corp.example\u00a0evil/",
        "https://crm.corp.example\n.evil/",
        "http\u017f://crm.corp.example/",
    ],
)
def test_a_malformed_address_is_outside(url: str) -> None:
    assert match(url, POLICY) == NoMatch("malformed")


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.corp.example/",
        "https://crm.corp.example:9443/",
        "https://x.crm.corp.example/",
        "https://corp.example/",
        "https://crm.corp.example.evil.example/",
        "https://evil.example?https://crm.corp.example/",
        "https://evil.example\\@crm.corp.example/",
    ],
)
def test_another_origin_is_outside(url: str) -> None:
    assert match(url, POLICY) == NoMatch("not_approved")


@pytest.mark.parametrize(
    "path",
    [
        "/payroll",
        "/payroll/",
        "/payroll/2026",
        "/PayRoll",
        "//payroll",
        "/./payroll",
        "\\payroll",
        "/payroll;jsessionid=1/x",
        "/;a/payroll",
        "/payroll.",
        "/payroll%20",
        "/%20payroll",
        "/payroll%2e",
        "/%70ayroll",
        "/%2570ayroll",
        "/%252570ayroll",
        "/payroll%2F2026",
        "/payroll%5c2026",
        "/payroll%3Fx",
        "/payroll%23x",
        "/payroll%3bx",
        "/hr/gehälter",
        "/hr/geh%C3%A4lter/x",
        "/hr/geha%CC%88lter",
        "/payroll?x",
        "/payroll#x",
    ],
)
def test_an_excluded_path_is_excluded_however_it_is_written(path: str) -> None:
    assert match(f"https://crm.corp.example{path}", POLICY) == NoMatch("excluded_path")


@pytest.mark.parametrize(
    "path",
    [
        "/a/../b",
        "/..%2fb",
        "/%2e%2e/b",
        "/..;/b",
        "/...",
        "/.%20./b",
        "/100%",
        "/%zz",
        "/%ff",
        "/%C3",
        "/%ED%A0%80",
        "/a%00b",
        "/a%0ab",
        "/%" + "25" * 8 + "41",
    ],
)
def test_a_path_that_cannot_be_read_with_certainty_is_excluded(path: str) -> None:
    assert path_segments(path) is None
    assert match(f"https://crm.corp.example{path}", POLICY) == NoMatch("excluded_path")


def test_seven_rounds_of_decoding_are_read_and_eight_are_not() -> None:
    assert path_segments("/%" + "25" * 6 + "41") == ["a"]
    assert path_segments("/%" + "25" * 7 + "41") is None


SEGMENTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(SEGMENTS, max_size=4), st.integers(0, 5))
def test_what_lies_under_an_excluded_path_is_never_in_the_app(tail: list[str], rounds: int) -> None:
    path = "/payroll" + "".join(f"/{segment}" for segment in tail)
    for _ in range(rounds):
        path = quote(path, safe="/")
    assert is_excluded(path.partition("?")[0].partition("#")[0], ["/payroll"])


@given(st.text(max_size=60))
def test_any_text_has_an_answer(text: str) -> None:
    for url in (text, f"https://{text}", f"https://crm.corp.example{text}"):
        assert isinstance(match_app(url, POLICY.apps), Match | NoMatch)
    assert isinstance(match(f"https://crm.corp.example.{text}", POLICY), NoMatch)


@pytest.mark.parametrize("piece", [".", ". ", " ", "%2e", "a.", "/."])
def test_a_path_is_read_in_one_pass_however_long(piece: str) -> None:
    started = time.thread_time()
    match_app(f"https://crm.corp.example/{piece * 10_000}x", POLICY.apps)
    assert time.thread_time() - started < 1
