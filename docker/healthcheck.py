"""Exit 0 when the relay in this container answers `/healthz` with 200, else 1 with the reason.

The request goes to the loopback address, which no certificate names, so the certificate is not
checked: this asks whether the process serves, and says nothing about TLS.
"""

import http.client
import os
import ssl
import sys
from pathlib import Path

from relay.errors import SettingsError
from relay.settings import load_settings

TIMEOUT_S = 4


def connection() -> http.client.HTTPConnection:
    """Return a connection to where the settings say that the relay listens.

    Raises:
        SettingsError: No relay could start with these settings.
    """
    settings = load_settings(Path.cwd(), os.environ)
    if not settings.tls_cert:
        return http.client.HTTPConnection("127.0.0.1", settings.port, timeout=TIMEOUT_S)
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(
        "127.0.0.1", settings.port, timeout=TIMEOUT_S, context=unchecked
    )


def main() -> int:
    """Ask once and return the exit code."""
    try:
        asked = connection()
        asked.request("GET", "/healthz")
        status = asked.getresponse().status
    except (OSError, http.client.HTTPException, SettingsError) as error:
        sys.stderr.write(f"/healthz cannot be asked: {error}\n")
        return 1
    if status == http.HTTPStatus.OK:
        return 0
    sys.stderr.write(f"/healthz answered {status}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
