"""A throw-away certificate authority that a browser and a client really verify against.

Owns certificates that live as long as their folder; never switches verification off.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    """Files of one server certificate with its key."""

    chain: Path
    key: Path


class Authority:
    """An authority made for one run.

    Args:
        folder: Where its files go; made if absent.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA(organization_name="Candor tests, throw-away")
        self.file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def issue(self, *names: str) -> Certificate:
        """Issue a certificate for these host names or addresses."""
        issued = self._authority.issue_cert(*names)
        stem = names[0].replace("*", "any").replace(":", "-")
        chain = self._folder / f"{stem}.pem"
        key = self._folder / f"{stem}.key"
        for index, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(str(chain), append=index > 0)
        issued.private_key_pem.write_to_path(str(key))
        key.chmod(0o600)
        return Certificate(chain, key)

    def server_context(self, *names: str) -> ssl.SSLContext:
        """Return a server's context with a fresh certificate for these names."""
        certificate = self.issue(*names)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.chain, certificate.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a client's context that trusts this authority only."""
        return ssl.create_default_context(cafile=str(self.file))

    def trust_in(self, home: Path) -> None:
        """Make Chromium trust this authority when it runs with `HOME` set to this folder."""
        self.trust_in_database(home / ".pki" / "nssdb")

    def trust_in_database(self, database: Path) -> None:
        """Trust this authority in an NSS database, made if absent; a Firefox profile is one."""
        certutil = shutil.which("certutil")
        if certutil is None:
            message = (
                "certutil is missing, so the browser cannot be told to trust the throw-away "
                "authority. Run `make setup`, or install libnss3-tools."
            )
            raise FileNotFoundError(message)
        database.mkdir(parents=True, exist_ok=True)
        where = ["-d", f"sql:{database}"]
        subprocess.run([certutil, "-N", *where, "--empty-password"], check=True)
        subprocess.run(
            [certutil, "-A", *where, "-t", "C,,", "-n", "candor-tests", "-i", str(self.file)],
            check=True,
        )
