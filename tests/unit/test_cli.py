"""The holders' commands, from new keys to enrolment strings, and how each refusal reads."""

import http.server
import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import msgpack
import pytest
from click.testing import CliRunner, Result

from relay.cli import EXIT_RETRY, CandorGroup, exit_code, main
from relay.consent.draft import read_draft
from relay.consent.policy import SignedPolicy, verify_signed
from relay.errors import (
    AccessError,
    CandorError,
    ColumnsError,
    InputError,
    PolicyError,
    ProtocolError,
    ReceiptError,
    SettingsError,
    SignatureError,
    StoreError,
)
from relay.protocol.transcript import sha256
from relay.settings import load_settings
from relay.vault.keys import load_keys
from relay.vault.sign import is_valid

REPOSITORY = Path(__file__).parents[2]


def run(*arguments: object, typed: str = "") -> Result:
    """Run a command line in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=typed)


def ok(*arguments: object, typed: str = "") -> str:
    """Run a command line that must succeed, and return its output."""
    result = run(*arguments, typed=typed)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """Return the directory of a demonstration."""
    ok("init", tmp_path / "demo", "--demo", "--relay", "http://127.0.0.1:1")
    return tmp_path / "demo"


def sign_both(demo: Path) -> tuple[Path, Path]:
    """Sign the demonstration's policy with both keys."""
    for role in ("controller", "representative"):
        ok("policy", "sign", demo / "policy.toml", "--key", demo / f"keys/{role}.key.json", "--yes")
    return demo / "policy.controller.sig", demo / "policy.representative.sig"


def test_holders_make_keys_and_init_never_sees_a_private_one(tmp_path: Path) -> None:
    holders = {role: tmp_path / role for role in ("controller", "representative", "research")}
    for role, directory in holders.items():
        shown = ok("keys", "new", "--role", role, "--out", directory, "--name", "Ada")
        assert (directory / f"{role}.pub.json").read_text() in shown
        (directory / f"{role}.key.json").rename(tmp_path / f"{role}.hidden")
    directory = tmp_path / "relay"
    public = [
        part
        for role, holder in holders.items()
        for part in (f"--{role}", holder / f"{role}.pub.json")
    ]
    ok(
        "init",
        directory,
        *public,
        "--relay",
        "https://c.example",
        "--app",
        "https://crm.c.example/",
    )
    assert {path.name for path in directory.iterdir()} == {
        "candor.toml",
        "ledger.key",
        "policy.toml",
    }
    assert stat.S_IMODE((directory / "ledger.key").stat().st_mode) == 0o600
    settings = load_settings(directory, {})
    ledger = load_keys(settings.path("ledger_key")).signing("ledger")
    text = (directory / "policy.toml").read_text()
    keys = json.loads((holders["controller"] / "controller.pub.json").read_text())["keys"]
    assert settings.controller_key == keys["controller"]
    assert 'origins = ["https://crm.c.example"]' in text

    unfilled = run("policy", "check", directory / "policy.toml")
    assert unfilled.exit_code == 2
    wrong = re.findall(r"^- ([a-z_.]+)", unfilled.output, re.MULTILINE)
    assert set(wrong) == {
        "contacts.controller.email",
        "contacts.controller.name",
        "contacts.data_protection_officer.email",
        "contacts.data_protection_officer.name",
        "contacts.representative.email",
        "contacts.representative.name",
        "eligible",
        "programme",
        "purposes",
        "window.first_day",
        "window.last_day",
    }
    for field, value in (
        ("programme", '"pilot"'),
        ("eligible", '"All."'),
        ("purposes", '["Help."]'),
        ("name", '"Ada"'),
        ("email", '"ada@c.example"'),
        ("first_day", "2026-11-24"),
        ("last_day", "2026-12-24"),
    ):
        text = re.sub(rf'^{field} = (""|\[\])$', f"{field} = {value}", text, flags=re.MULTILINE)
    (directory / "policy.toml").write_text(text)
    ok("policy", "check", directory / "policy.toml")
    policy = read_draft(text.encode(), is_json=False).policy
    assert policy.mark == "none"
    assert policy.key("ledger") == ledger.public


def test_keys_are_shown_as_words(demo: Path) -> None:
    shown = ok("keys", "words", demo / "keys/representative.pub.json")
    lines = dict(line.strip().split(": ") for line in shown.splitlines())
    assert set(lines) == {"representative", "outer", "codes", "cosigning"}
    assert lines["representative"] in ok("policy", "check", demo / "policy.toml")


def test_check_says_what_it_means_and_writes_the_notice(demo: Path) -> None:
    shown = ok("policy", "check", demo / "policy.toml", "--body", demo / "policy.json")
    body = (demo / "policy.json").read_bytes()
    assert sha256(body).hex() in shown
    assert "one machine holds all keys" in shown
    draft = read_draft(body, is_json=True)
    assert (demo / "policy.notice.txt").read_bytes() == draft.notice.encode()
    again = ok("policy", "check", demo / "policy.json", "--notice", demo / "again.txt")
    assert sha256(body).hex() in again
    assert (demo / "again.txt").read_text() == draft.notice


def test_a_file_that_is_no_policy_is_named(demo: Path) -> None:
    absent = run("policy", "check", demo / "absent.toml")
    assert absent.exit_code == 2
    assert "cannot be read" in absent.output
    (demo / "long.toml").write_text("#" * 1_048_577)
    assert "too long for a policy" in run("policy", "check", demo / "long.toml").output


def test_signing_asks_and_no_means_no(demo: Path) -> None:
    arguments = ("policy", "sign", demo / "policy.toml", "--key", demo / "keys/controller.key.json")
    declined = run(*arguments, typed="n\n")
    assert declined.exit_code == 2
    assert "Nothing was signed" in declined.output
    assert not (demo / "policy.controller.sig").exists()
    agreed = ok(*arguments, "--out", demo / "mine.sig", typed="y\n")
    assert "Sign this as the controller?" in agreed
    assert (demo / "mine.sig").exists()


def test_the_wrong_key_does_not_sign(demo: Path) -> None:
    result = run(
        "policy", "sign", demo / "policy.toml", "--key", demo / "keys/research.key.json", "--yes"
    )
    assert result.exit_code == 3
    assert "does not sign policies" in result.output


class OneAnswer(http.server.BaseHTTPRequestHandler):
    """Keep what is posted and give the answer that the test chose."""

    posted: list[tuple[str, bytes]]
    answer: tuple[int, bytes]

    def do_POST(self) -> None:
        """Answer one request."""
        self.posted.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def listener() -> Iterator[tuple[str, type[OneAnswer]]]:
    """Return the origin of a listener on this computer and its handler."""
    handler = type("Handler", (OneAnswer,), {"posted": [], "answer": (200, b"")})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


def test_publishing_sends_body_signatures_and_notice(
    demo: Path, listener: tuple[str, type[OneAnswer]]
) -> None:
    origin, handler = listener
    signatures = sign_both(demo)
    shown = ok("policy", "publish", demo / "policy.toml", *signatures, "--relay", origin)
    ((path, sent),) = handler.posted
    body, controller, representative, notice = msgpack.unpackb(sent)
    assert path == "/v1/policy"
    policy = verify_signed(SignedPolicy(body, controller, representative), is_valid)
    assert policy.notice_hash == sha256(notice)
    assert sha256(body).hex() in shown


def test_a_refusal_is_quoted_and_a_failure_may_be_retried(
    demo: Path, listener: tuple[str, type[OneAnswer]]
) -> None:
    origin, handler = listener
    arguments = ("policy", "publish", demo / "policy.toml", *sign_both(demo))
    handler.answer = (409, json.dumps({"detail": "number: it must rise."}).encode())
    refused = run(*arguments, "--relay", origin)
    assert refused.exit_code == 4
    assert "number: it must rise." in refused.output
    handler.answer = (503, b"")
    assert run(*arguments, "--relay", origin).exit_code == EXIT_RETRY
    unreachable = run(*arguments)
    assert unreachable.exit_code == EXIT_RETRY
    assert "cannot be reached" in unreachable.output


def test_nothing_is_published_without_both_signatures(
    demo: Path, listener: tuple[str, type[OneAnswer]]
) -> None:
    origin, handler = listener
    first, second = sign_both(demo)
    publish = ("policy", "publish", demo / "policy.toml")
    assert run(*publish, first, first, "--relay", origin).exit_code == 3
    assert run(*publish, first, second, "--relay", "https://a/b").exit_code == 2
    text = (demo / "policy.toml").read_text()
    (demo / "policy.toml").write_text(text.replace("k = 10", "k = 11"))
    changed = run(*publish, first, second, "--relay", origin)
    assert changed.exit_code == 3
    assert "another version" in changed.output
    assert handler.posted == []


def test_enrolment_strings_are_one_a_line_and_all_different(demo: Path) -> None:
    key = demo / "keys/representative.key.json"
    shown = ok("enrol", "codes", "-n", 3, "--key", key, "--policy", demo / "policy.toml")
    lines = shown.splitlines()
    assert len(set(lines)) == 3
    assert all(line.startswith("candor1.") for line in lines)


def test_only_the_policy_s_own_code_key_issues(demo: Path, tmp_path: Path) -> None:
    ok("keys", "new", "--role", "representative", "--out", tmp_path / "other")
    for key, code in ((tmp_path / "other/representative", 3), (demo / "keys/controller", 2)):
        result = run("enrol", "codes", "--key", f"{key}.key.json", "--policy", demo / "policy.toml")
        assert result.exit_code == code, result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing: --controller, --representative, --research, --relay"),
        (["--demo", "--controller", "x.pub.json"], "--demo makes all keys itself"),
        (["--demo", "--relay", "https://127.0.0.1:1/path"], "--relay"),
        (["--demo", "--app", "http://crm.corp.example"], "--app"),
    ],
)
def test_init_says_what_is_missing(tmp_path: Path, arguments: list[str], said: str) -> None:
    result = run("init", tmp_path / "new", *arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "new").exists()


def pilot(demo: Path, directory: Path, *arguments: object) -> str:
    """Prepare a relay that is no demonstration, with the demonstration's public files."""
    roles = ("controller", "representative", "research")
    public = [part for role in roles for part in (f"--{role}", demo / f"keys/{role}.pub.json")]
    return ok("init", directory, *public, *arguments)


@pytest.mark.parametrize(
    ("relay", "host", "port"),
    [
        ("https://candor.corp.example", "0.0.0.0", 443),  # noqa: S104 - what a pilot listens on
        ("https://candor.corp.example:8443/", "0.0.0.0", 8443),  # noqa: S104
        ("https://127.0.0.1:9443", "127.0.0.1", 9443),
        ("https://[::1]", "127.0.0.1", 443),
    ],
)
def test_init_writes_where_devices_reach_the_relay(
    demo: Path, tmp_path: Path, relay: str, host: str, port: int
) -> None:
    pilot(demo, tmp_path / "new", "--relay", relay)
    settings = load_settings(tmp_path / "new", {})
    assert (settings.host, settings.port) == (host, port)


def test_a_draft_without_apps_shows_how_one_is_written(demo: Path, tmp_path: Path) -> None:
    pilot(demo, tmp_path / "new", "--relay", "https://candor.corp.example")
    draft = tmp_path / "new" / "policy.toml"
    said = run("policy", "check", draft).output
    assert "- apps: are 0. List 1 to 64." in said
    assert "- programme: " in said
    text = draft.read_text()
    assert "# [[apps]]\n# app = 1\n" in text
    table = text[text.index("# [[apps]]") : text.index("\n\n# Public keys")]
    draft.write_text(text.replace(table, table.replace("# ", "")))
    said = run("policy", "check", draft).output
    assert "- apps" not in said
    assert "- programme: " in said


def test_only_the_demonstration_s_own_apps_have_an_excluded_part(tmp_path: Path) -> None:
    for app, excluded in (("http://localhost:8000", 0), ("https://crm.corp.example", 1)):
        directory = tmp_path / str(excluded)
        ok("init", directory, "--demo", "--app", app)
        policy = read_draft((directory / "policy.toml").read_bytes(), is_json=False).policy
        assert len(policy.apps[0].excluded_paths) == excluded


@pytest.mark.parametrize("command", ["serve", "settings"])
def test_a_directory_without_a_relay_is_named(tmp_path: Path, command: str) -> None:
    for directory in (tmp_path, tmp_path / "absent"):
        result = run(command, directory)
        assert result.exit_code == 2
        assert result.output == (
            f"candor: {directory} holds no relay. Run `candor init {directory}` first. [settings]\n"
        )


def test_init_overwrites_nothing(demo: Path) -> None:
    before = {path: path.read_bytes() for path in demo.rglob("*") if path.is_file()}
    result = run("init", demo, "--demo")
    assert result.exit_code == 2
    assert "not overwritten" in result.output
    assert before == {path: path.read_bytes() for path in demo.rglob("*") if path.is_file()}


def test_init_takes_each_role_s_own_file(demo: Path, tmp_path: Path) -> None:
    public = [
        part
        for role, other in (
            ("controller", "research"),
            ("representative", "representative"),
            ("research", "controller"),
        )
        for part in (f"--{role}", demo / f"keys/{other}.pub.json")
    ]
    result = run("init", tmp_path / "new", *public, "--relay", "https://c.example")
    assert result.exit_code == 2
    assert "is the research's, not the controller's" in result.output
    assert not (tmp_path / "new").exists()


def test_settings_are_shown_without_paths(demo: Path) -> None:
    shown = json.loads(ok("settings", demo))
    assert shown["port"] == 1
    assert shown["data_dir"] == "(set)"
    assert str(demo) not in json.dumps(shown)


def test_the_settings_page_is_current() -> None:
    page = REPOSITORY / "relay/docs/settings.md"
    assert page.read_text() == ok("settings", "--help-all")


def test_every_error_has_an_exit_code() -> None:
    kinds = {
        CandorError: 1,
        InputError: 2,
        PolicyError: 2,
        ReceiptError: 2,
        ColumnsError: 2,
        SettingsError: 2,
        SignatureError: 3,
        AccessError: 4,
        StoreError: 5,
        ProtocolError: 1,
    }
    known = {CandorError}
    while (more := {sub for kind in known for sub in kind.__subclasses__()} | known) != known:
        known = more
    assert {kind for kind in known if kind.__module__ == "relay.errors"} == set(kinds)
    for kind, code in kinds.items():
        assert exit_code(kind("")) == code
    assert exit_code(StoreError("", retryable=True)) == EXIT_RETRY


def test_an_operating_system_error_is_one_line_too() -> None:
    @click.group(cls=CandorGroup)
    def group() -> None:
        """Hold one command."""

    @group.command()
    @click.argument("path")
    def read(path: str) -> None:
        Path(path).read_bytes()

    result = CliRunner().invoke(group, ["read", "/absent"])
    assert result.exit_code == 1
    assert result.output.startswith("candor: /absent: No such file or directory.")
    assert len(result.output.splitlines()) == 1


def test_the_installed_command_ends_in_one_line_without_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "relay", "policy", "check", str(tmp_path / "absent.toml")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("candor: ")
    assert line.endswith("[input]")


@pytest.mark.parametrize(("command", "code"), [("serve", 0), ("settings", -signal.SIGTERM)])
def test_serve_hears_sigterm_while_it_is_still_loading(command: str, code: int) -> None:
    loading = f"""
import os, signal, sys
class Told:
    def find_spec(self, name, *_):
        if name == "uvloop":
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Told())
sys.argv = ["candor", "{command}", "absent"]
import relay.cli
"""
    ended = subprocess.run([sys.executable, "-c", loading], cwd=REPOSITORY, check=False, timeout=60)
    assert ended.returncode == code
