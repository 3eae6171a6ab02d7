"""Settings of the relay: defaults, then DIR/candor.toml, then CANDOR_* in the environment.

Owns names, units, ranges and help; never holds a secret, only paths of files that do.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from relay.errors import SettingsError

FILE_NAME = "candor.toml"
ENVIRONMENT_PREFIX = "CANDOR_"
SHIPPED_EXTENSION_ID = "chnhohbobicpbajhobibbbdadcfbjlgm"
"""The id that the manifest's key gives the shipped Chromium build."""

LogLevel = Literal["debug", "info", "warning", "error"]

_NOT_SETTINGS = frozenset({"CANDOR_CHROMIUM", "CANDOR_EFFORT"})
"""Variables of the tests, which a relay started by them inherits."""
_EXTENSION_ID = re.compile(r"[a-p]{32}")
_KEY = re.compile(r"[A-Za-z0-9_-]{43}|")
_PATHS = frozenset({"data_dir", "tls_cert", "tls_key", "ledger_key", "extension_dir"})


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Effective settings of one relay; get them from `load_settings`."""

    data_dir: Annotated[
        str,
        Meta(
            description="Directory of stores and the ledger key; relative to that of candor.toml."
        ),
    ] = "."
    host: Annotated[str, Meta(description="Address to listen on.", min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(description="TCP port; 0 takes a free one.", ge=0, le=65_535)] = 8443
    tls_cert: Annotated[str, Meta(description="Path of the certificate chain, PEM.")] = ""
    tls_key: Annotated[str, Meta(description="Path of its private key, PEM.")] = ""
    behind_proxy: Annotated[
        bool,
        Meta(description="A proxy ends TLS before the relay, so other addresses may be used."),
    ] = False
    ledger_key: Annotated[
        str, Meta(description="Path of the key that signs the relay's confirmations.")
    ] = "ledger.key"
    controller_key: Annotated[
        str, Meta(description="Public key of the controller, base64url; policies need it.")
    ] = ""
    representative_key: Annotated[
        str, Meta(description="Public key of the representative, base64url; policies need it.")
    ] = ""
    extension_dir: Annotated[
        str,
        Meta(description="Directory with a folder per browser, offered as /extension/FOLDER.zip."),
    ] = ""
    extension_ids: Annotated[
        tuple[str, ...], Meta(description="Chromium extension ids that may connect.")
    ] = (SHIPPED_EXTENSION_ID,)
    linger_ms: Annotated[
        int, Meta(description="How long a commit waits for company, in ms.", ge=0, le=1_000)
    ] = 10
    credit: Annotated[
        int, Meta(description="Batches a device may have unacked.", ge=1, le=1_024)
    ] = 64
    hello_timeout_s: Annotated[
        float, Meta(description="Life of a challenge, in seconds.", ge=0.1, le=60)
    ] = 10.0
    idle_timeout_s: Annotated[
        float, Meta(description="Silence after which a session is closed, in seconds.", ge=1)
    ] = 60.0
    max_connections: Annotated[
        int, Meta(description="Open connections before 503.", ge=1, le=1_000_000)
    ] = 10_000
    slow_reader_bytes: Annotated[
        int, Meta(description="Unread answers before a session is closed, in bytes.", ge=4_096)
    ] = 262_144
    drain_seconds: Annotated[
        float, Meta(description="Time to settle and ack after SIGTERM, in seconds.", ge=0, le=600)
    ] = 10.0
    min_free_bytes: Annotated[
        int, Meta(description="Free space below which nothing new is stored, in bytes.", ge=0)
    ] = 67_108_864
    metrics: Annotated[bool, Meta(description="Whether /metrics answers.")] = True
    log_level: Annotated[LogLevel, Meta(description="Least level that is logged.")] = "info"

    def path(self, name: str) -> Path:
        """Return a path setting, relative to `data_dir` unless absolute."""
        value: str = getattr(self, name)
        return Path(self.data_dir) / value


def load_settings(
    directory: Path, environment: Mapping[str, str], overrides: Mapping[str, object] | None = None
) -> Settings:
    """Read the effective settings of a relay.

    Args:
        directory: Where candor.toml lies; the default of `data_dir`. The file may be absent.
        environment: Such as `os.environ`; CANDOR_PORT sets `port`, lists are comma-separated.
        overrides: Options of the command line, which win; None values are skipped.

    Raises:
        SettingsError: A setting is unknown, malformed or out of range.
    """
    values = _from_file(directory / FILE_NAME) | _from_environment(environment)
    values |= {name: value for name, value in (overrides or {}).items() if value is not None}
    values["data_dir"] = str(directory / str(values.get("data_dir", "")))
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        name = _source(where.strip("`").removeprefix("$.") or FILE_NAME, environment, overrides)
        raise SettingsError(
            f"{name}: {what}. `candor settings` lists every setting with its range."
        ) from None
    except UnicodeEncodeError:
        raise SettingsError(
            "A CANDOR_* variable holds bytes that are no text. Set it again, in UTF-8."
        ) from None
    _check(settings)
    return settings


def has_relay(directory: Path) -> bool:
    """Tell whether a directory is one that `candor init` prepared."""
    return (directory / FILE_NAME).is_file()


def no_relay(directory: Path) -> SettingsError:
    """Return the error of a command that was given a directory without a relay."""
    return SettingsError(f"{directory} holds no relay. Run `candor init {directory}` first.")


def _source(
    where: str, environment: Mapping[str, str], overrides: Mapping[str, object] | None
) -> str:
    """Return how whoever set a setting calls it: its option, its variable, or its name."""
    name = re.split(r"[.\[]", where)[0]
    if (overrides or {}).get(name) is not None:
        return f"--{name.replace('_', '-')}"
    variable = f"{ENVIRONMENT_PREFIX}{name.upper()}"
    return variable if variable in environment else where


def _from_file(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name} is no TOML: {error}. Mend that line.") from None
    except (ValueError, RecursionError):  # no UTF-8, a number of 5,000 digits, a thousand brackets
        raise SettingsError(f"{path.name} is no TOML. Mend it in an editor.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}. Check the path.") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in _NOT_SETTINGS:
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name not in Settings.__struct_fields__:
            raise SettingsError(
                f"{variable} sets nothing. Unset it, or take a name from `candor settings`."
            )
        found[name] = (
            [part.strip() for part in text.split(",") if part.strip()]
            if name == "extension_ids"
            else text
        )
    return found


def _check(settings: Settings) -> None:
    """Refuse what no type can."""
    for name, value in msgspec.structs.asdict(settings).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise SettingsError(f"{name}: is no finite number. Give a number of seconds.")
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise SettingsError(
            "tls_cert and tls_key: only one is set, and TLS needs both. Set the other, or neither."
        )
    for name in ("controller_key", "representative_key"):
        if not _KEY.fullmatch(getattr(settings, name)):
            raise SettingsError(
                f"{name}: is no Ed25519 public key of 43 characters. Copy it from a .pub.json file."
            )
    for extension_id in settings.extension_ids:
        if not _EXTENSION_ID.fullmatch(extension_id):
            raise SettingsError(
                "extension_ids: an id has 32 letters from a to p. Copy it from the browser's "
                "extensions page."
            )


def shown(settings: Settings) -> dict[str, Any]:
    """Return every setting as it may be shown: paths only as set or not."""
    values: dict[str, Any] = msgspec.to_builtins(settings)
    return {
        name: ("(set)" if value else "") if name in _PATHS else value
        for name, value in values.items()
    }
