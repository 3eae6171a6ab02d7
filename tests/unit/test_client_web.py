"""What the tools say when they cannot talk to a relay: why, and what to do."""

from __future__ import annotations

import datetime as dt
import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from relay.client import Web, tls_context
from relay.errors import AccessError, CandorError, InputError
from relay.vault.certificate import certificate_days

TODAY = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing about a handshake that failed."""


@contextmanager
def served(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on a free port, with or without TLS."""
    with _Server(("127.0.0.1", 0), _Answer) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def cafile(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def context(issued: trustme.LeafCert) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued.configure_cert(made)
    return made


@pytest.mark.parametrize(
    ("name", "first", "last", "said"),
    [
        ("localhost", -9, -2, "has expired"),
        ("localhost", 2, 9, "is not valid yet"),
        ("candor.corp.example", -2, 9, "is for another host name"),
    ],
)
def test_each_fault_of_a_certificate_has_its_own_advice(
    authority: trustme.CA, cafile: Path, name: str, first: int, last: int, said: str
) -> None:
    issued = authority.issue_cert(
        name, not_before=TODAY + first * DAY, not_after=TODAY + last * DAY
    )
    days = certificate_days(issued.cert_chain_pems[0].bytes())
    assert (days.first.date(), days.last.date()) == (
        (TODAY + first * DAY).date(),
        (TODAY + last * DAY).date(),
    )
    with served(context(issued)) as port, pytest.raises(AccessError, match=said) as caught:
        Web(f"https://localhost:{port}", tls_context(cafile)).get("/")
    assert caught.value.code == "untrusted_relay"
    assert "--cafile" not in str(caught.value)


def test_only_an_unknown_authority_is_mended_with_its_file(authority: trustme.CA) -> None:
    tls = context(authority.issue_cert("localhost"))
    with served(tls) as port, pytest.raises(AccessError, match="--cafile"):
        Web(f"https://localhost:{port}").get("/")


def test_the_wrong_scheme_is_named(authority: trustme.CA, cafile: Path) -> None:
    with served(context(authority.issue_cert("localhost"))) as port:
        assert Web(f"https://localhost:{port}", tls_context(cafile)).get("/") == b"ok"
        with pytest.raises(CandorError, match="https:// if it uses TLS"):
            Web(f"http://localhost:{port}").get("/")
    with served() as port:
        assert Web(f"http://localhost:{port}").get("/") == b"ok"
        with pytest.raises(CandorError, match="does not use TLS"):
            Web(f"https://localhost:{port}", tls_context(cafile)).get("/")
    with pytest.raises(CandorError, match="cannot be reached"):
        Web(f"http://localhost:{port}").get("/")


def test_what_is_no_certificate_has_no_days() -> None:
    for text in (b"", b"no", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"):
        with pytest.raises(InputError, match="no PEM certificate"):
            certificate_days(text)
