"""`candor serve`: run the relay until it is told to stop.

Owns wiring, signals and what may be listened on; holds no logic of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gc
import os
import resource
import signal
import ssl
import sys
from pathlib import Path
from typing import Final

import click
import structlog
import uvloop

from relay.consent.document import decode_key
from relay.consent.origins import LOOPBACK_HOSTS
from relay.errors import InputError, SettingsError
from relay.logs import set_up_logs
from relay.rights.policies import Pinned, demo_refused
from relay.settings import Settings, has_relay, load_settings, no_relay
from relay.vault.certificate import certificate_days
from relay.vault.keys import load_keys
from relay.web.app import Listener
from relay.web.relay import Relay

log = structlog.get_logger()
_SWITCH_INTERVAL_S: Final = 0.001
"""How soon the writer thread gets the interpreter back from a busy event loop."""
_COLLECT_AFTER: Final = 20_000
"""New objects between two collections; the default of 700 is less than one commit makes."""
_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("directory", metavar="DIR", type=_PATH)
@click.option("--host", help="Address to listen on; 127.0.0.1 by default.")
@click.option("--port", type=int, help="Port; 0 takes a free one.")
@click.option("--tls-cert", type=_PATH, help="Certificate chain, PEM.")
@click.option("--tls-key", type=_PATH, help="Its private key, PEM.")
@click.option("--behind-proxy", is_flag=True, help="A proxy ends TLS before the relay.")
def serve(
    directory: Path,
    host: str | None,
    port: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    *,
    behind_proxy: bool,
) -> None:
    """Serve the relay of DIR until SIGTERM."""
    overrides: dict[str, object] = {
        "host": host,
        "port": port,
        "tls_cert": None if tls_cert is None else str(tls_cert.absolute()),
        "tls_key": None if tls_key is None else str(tls_key.absolute()),
        "behind_proxy": behind_proxy or None,
    }
    settings = load_settings(directory, os.environ, overrides)
    if not has_relay(directory) and not settings.path("ledger_key").exists():
        raise no_relay(directory)
    set_up_logs(settings.log_level)
    tls = _tls_context(settings)
    _check_address(settings, tls)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    _allow_many_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, tls))


async def _serve(settings: Settings, tls: ssl.SSLContext | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ledger = load_keys(settings.path("ledger_key")).signing("ledger")
    relay = Relay(
        settings,
        ledger,
        Pinned(
            controller=_pinned_key("controller_key", settings.controller_key),
            representative=_pinned_key("representative_key", settings.representative_key),
            ledger=ledger.public,
            loopback_only=_is_loopback(settings.host),
        ),
    )
    demo = relay.current is not None and relay.current.policy.is_demo
    if demo and not relay.pinned.loopback_only:
        await relay.close()
        raise demo_refused()
    listener = Listener(relay, tls)
    try:
        port = await listener.start()
    except OSError as error:
        await listener.stop()
        mend = (
            "Ports below 1024 need a privilege (CAP_NET_BIND_SERVICE), or choose another"
            if isinstance(error, PermissionError)
            else "Choose another"
        )
        raise SettingsError(
            f"Port {settings.port} cannot be used: {error.strerror or 'unknown'}. {mend}."
        ) from None
    _settle_memory()
    log.info("serve.ready", port=port, host=settings.host, tls=tls is not None, demo=demo)
    await stop.wait()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(settings.drain_seconds):
            await listener.stop()
            log.info("serve.stopped")


def _tls_context(settings: Settings) -> ssl.SSLContext | None:
    if not settings.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.path("tls_cert"), settings.path("tls_key"))
    except (OSError, ssl.SSLError):
        raise SettingsError(
            "tls_cert and tls_key: the certificate or its key cannot be read as PEM, or they do "
            "not belong together. Check both paths."
        ) from None
    _warn_of_days(settings.path("tls_cert"))
    return context


def _warn_of_days(chain: Path) -> None:
    """Log a certificate that devices do not accept today: they would only say "not connected"."""
    try:
        days = certificate_days(chain.read_bytes())
    except (OSError, InputError):
        return  # OpenSSL read it; what it makes of it, devices will say
    now = dt.datetime.now(dt.UTC)
    if now > days.last:
        log.warning("serve.certificate_expired")
    elif now < days.first:
        log.warning("serve.certificate_not_yet_valid")


def _check_address(settings: Settings, tls: ssl.SSLContext | None) -> None:
    """Refuse to listen for others where nothing protects what they send."""
    if tls is None and not settings.behind_proxy and not _is_loopback(settings.host):
        raise SettingsError(
            f"host: without TLS the relay listens on loopback only, not on {settings.host}. Give "
            "--tls-cert and --tls-key, or --behind-proxy where a proxy ends TLS."
        )


def _is_loopback(host: str) -> bool:
    return host in LOOPBACK_HOSTS or host == "::1" or host.startswith("127.")


def _pinned_key(name: str, text: str) -> bytes:
    if not text:
        raise SettingsError(
            f"{name}: is not set, so no policy could be verified. Run `candor init`, which writes "
            "it into candor.toml."
        )
    return decode_key(text)


def _settle_memory() -> None:
    """Keep the collector from walking what stays for good, and from running at every burst."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 50)


def _allow_many_files() -> None:
    """Raise the soft limit of open files to the hard one: each connection is a file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
