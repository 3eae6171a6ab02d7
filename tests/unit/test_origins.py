"""Origins are exact: one way to write each, http only to loopback in a demo."""

import pytest

from relay.consent.origins import host_of, is_loopback, join_origin, origin_fault

GOOD = [
    "https://crm.corp.example",
    "https://crm.corp.example:8443",
    "https://my_app.corp.example",
    "https://127.0.0.1:8443",
    "https://[::1]:8443",
    "https://[2001:db8::1]",
    "https://localhost",
]


@pytest.mark.parametrize("origin", GOOD)
def test_an_exact_origin_is_accepted(origin: str) -> None:
    assert origin_fault(origin, demo=False) is None


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("crm.corp.example", "https://"),
        ("ftp://crm.corp.example", "https://"),
        ("https://*.corp.example", "wildcards"),
        ("https://CRM.corp.example", "lower case"),
        ("https://crm.corp.example/", "trailing slash"),
        ("https://crm.corp.example:443", "default port"),
        ("https://crm.corp.example:0443", "port"),
        ("https://crm.corp.example:", "port"),
        ("https://crm.corp.example:70000", "port"),
        ("https://crm.corp.example.", "trailing dot"),
        ("https://a@crm.corp.example", "host"),
        ("https://crm..example", "host"),
        ("https://" + "a" * 254, "host"),
        ("https://münchen.example", "host"),
        ("https://", "host"),
        ("https://127.1", "numeric"),
        ("https://2130706433", "numeric"),
        ("https://127.0.0.01", "numeric"),
        ("http://crm.corp.example", "http is only"),
        ("http://127.0.0.1:8080", "http is only"),
    ],
)
def test_anything_else_is_refused_with_its_mend(origin: str, said: str) -> None:
    assert said in str(origin_fault(origin, demo=False))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_demo_may_use_http_to_this_computer_only(host: str) -> None:
    assert origin_fault(f"http://{host}:8080", demo=True) is None
    assert is_loopback(f"http://{host}:8080")
    assert origin_fault("http://crm.corp.example", demo=True) is not None
    assert not is_loopback("https://127.0.0.1.example")


def test_default_ports_are_left_out() -> None:
    assert join_origin("https", "a.example:443") == "https://a.example"
    assert join_origin("http", "a.example:443") == "http://a.example:443"
    assert host_of("https://[::1]:8443") == "[::1]"
    assert host_of("https://[::1]") == "[::1]"
