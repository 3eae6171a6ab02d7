"""Exit 0 when the relay in this container answers `/healthz` with 200, else 1 with the reason.

The request goes to the loopback address, which no certificate names, so the certificate is not
checked: this asks whether the process serves, and says nothing about TLS.
"""

import os
import ssl
import sys
import urllib.request

URL = os.environ.get("CANDOR_HEALTH_URL", "https://127.0.0.1:8443/healthz")


def main() -> int:
    """Ask once and return the exit code."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(URL, timeout=4, context=unchecked):
            return 0
    except OSError as error:
        sys.stderr.write(f"{URL}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
