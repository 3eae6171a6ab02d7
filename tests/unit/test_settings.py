"""Settings come from defaults, the file, the environment and options, in that order."""

from pathlib import Path

import msgspec
import pytest

from relay.errors import SettingsError
from relay.settings import SHIPPED_EXTENSION_ID, Settings, load_settings, shown

KEY = "A" * 43


def load(tmp_path: Path, text: str = "", **environment: str) -> Settings:
    """Load settings from a file with this text and this environment."""
    (tmp_path / "candor.toml").write_text(text)
    return load_settings(tmp_path, environment)


def test_defaults_hold_without_a_file(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    assert settings == Settings(data_dir=str(tmp_path))
    assert (settings.host, settings.linger_ms, settings.credit) == ("127.0.0.1", 10, 64)


def test_each_source_overrides_the_one_before(tmp_path: Path) -> None:
    assert load(tmp_path, "port = 1").port == 1
    assert load(tmp_path, "port = 1", CANDOR_PORT="2").port == 2
    assert load_settings(tmp_path, {"CANDOR_PORT": "2"}, {"port": 3, "host": None}).port == 3


def test_text_of_the_environment_is_converted(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        CANDOR_BEHIND_PROXY="true",
        CANDOR_HELLO_TIMEOUT_S="2.5",
        CANDOR_EXTENSION_IDS=f"{SHIPPED_EXTENSION_ID}, {'a' * 32}",
        CANDOR_CHROMIUM="/somewhere",
        HOME="/",
    )
    assert settings.behind_proxy is True
    assert settings.hello_timeout_s == 2.5
    assert settings.extension_ids == (SHIPPED_EXTENSION_ID, "a" * 32)


def test_the_shipped_id_is_the_extension_s() -> None:
    shipped = Path(__file__).parents[2] / "extension" / "ID"
    assert shipped.read_text().strip() == SHIPPED_EXTENSION_ID


def test_a_relative_data_directory_starts_where_the_file_lies(tmp_path: Path) -> None:
    assert load(tmp_path, 'data_dir = "data"').path("ledger_key") == tmp_path / "data/ledger.key"
    assert load(tmp_path, 'data_dir = "/data"').data_dir == "/data"


def test_relative_paths_start_at_the_data_directory(tmp_path: Path) -> None:
    settings = load(tmp_path, 'tls_cert = "/etc/tls.pem"\ntls_key = "tls.key"')
    assert settings.path("ledger_key") == tmp_path / "ledger.key"
    assert settings.path("tls_cert") == Path("/etc/tls.pem")
    assert settings.path("tls_key") == tmp_path / "tls.key"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "prot"),
        ("port = 65536", "port"),
        ('port = "many"', "port"),
        ('log_level = "loud"', "log_level"),
        ('tls_cert = "a.pem"', "tls_cert and tls_key"),
        ('controller_key = "short"', "controller_key"),
        ('extension_ids = ["abc"]', "extension_ids"),
        ("port = ", "no TOML"),
        ("credit = 0", "credit"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(tmp_path, text)


def test_an_unknown_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CANDOR_PROT sets nothing"):
        load(tmp_path, CANDOR_PROT="1")


@pytest.mark.parametrize(
    ("variables", "options", "said"),
    [
        ({"CANDOR_PORT": "abc"}, {}, "^CANDOR_PORT: "),
        ({"CANDOR_EXTENSION_IDS": "a", "CANDOR_CREDIT": "0"}, {}, "^CANDOR_CREDIT: "),
        ({"CANDOR_PORT": "1"}, {"port": 70_000}, "^--port: "),
    ],
)
def test_whoever_set_it_wrong_finds_their_own_name_for_it(
    tmp_path: Path, variables: dict[str, str], options: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(tmp_path, variables, options)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "candor.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path, {})
    (tmp_path / "candor.toml").rmdir()
    (tmp_path / "candor.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="no TOML"):
        load_settings(tmp_path, {})


def test_what_is_shown_holds_no_path(tmp_path: Path) -> None:
    settings = load(tmp_path, f'controller_key = "{KEY}"')
    values = shown(settings)
    assert values.keys() == msgspec.to_builtins(settings).keys()
    assert str(tmp_path) not in str(values)
    assert values["data_dir"] == "(set)"
    assert values["tls_key"] == ""
    assert values["controller_key"] == KEY


@pytest.mark.parametrize(
    "text",
    [
        "port = " + "9" * 5_000,
        "port = " + "[" * 2_000,
        "idle_timeout_s = inf",
        "idle_timeout_s = nan",
        "port.port.port = 1",
    ],
)
def test_what_no_setting_holds_is_refused_by_name(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        load(tmp_path, text)


def test_variables_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="UTF-8"):
        load(tmp_path, CANDOR_PORT="\udcff")
    (tmp_path / "candor.toml").write_bytes(b"host = '\xff'")
    with pytest.raises(SettingsError, match="no TOML"):
        load_settings(tmp_path, {})
