"""The page that people read: tables, plots, what the figures do not say.

Owns README.md and the plots; every number comes from the results' JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench.figures import Row, Spread, ratio, select
from tests.bench.plots import bars

_SERVERS: Final = ("candor", "bare loop", "node", "fastapi")
_RECORDERS: Final = ("candor", "rrweb", "rrweb, equal fidelity", "clarity")
_RELAY_AIMS: Final = (
    ("saturated, 500 connections", "bare loop", 2.5),
    ("paced, 1000 connections", "bare loop", 1.3),
    ("paced, 5000 connections", "bare loop", 1.3),
    ("saturated, 500 connections", "node", 0.7),
    ("paced, 1000 connections", "node", 0.7),
    ("paced, 5000 connections", "node", 0.7),
    ("saturated, 500 connections", "fastapi", 0.2),
    ("paced, 1000 connections", "fastapi", 0.2),
    ("paced, 5000 connections", "fastapi", 0.2),
)


def write_report(results: Path, page: Path) -> None:
    """Write the page and its plots.

    Args:
        results: Folder of the JSON files; the plots go there too.
        page: The Markdown file to write, beside or above `results`.
    """
    where = results.name
    text = _text("head")
    recorders = _read(results / "recorders.json")
    if recorders:
        text += _recorders(recorders, results, where)
    relay = _read(results / "relay.json")
    if relay:
        text += _relay(relay, results, where)
    profile = _read(results / "profile.json")
    if profile:
        text += _profile(profile)
    page.write_text(text, encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def _text(name: str) -> str:
    """Return the prose of this name."""
    return (Path(__file__).parent / "texts" / f"{name}.md").read_text("utf-8") + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n\n"


def _machine(results: dict[str, Any]) -> str:
    machine, rows = results["machine"], results["rows"]
    loads = [row["load_average_before"] for row in rows if "load_average_before" in row]
    return (
        f"*{results['date']}, {results['effort']} effort, {results['repetitions']} interleaved "
        f"repetitions; "
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']}, Node {machine['node']}, "
        f"SQLite {machine['sqlite']}; load average before the runs "
        f"{min(loads):.1f}\u2013{max(loads):.1f}. {results.get('note', '')}*\n\n"
    )


# -------------------------------------------------------------------------------------- recorders


def _net(rows: Sequence[Row], name: str) -> Callable[[Row], float]:
    """Return a value less what the page costs without any recorder, in the same repetition."""
    base = {row["repetition"]: row[name] for row in select(rows, recorder="none")}
    return lambda row: max(0.001, row[name] - base[row["repetition"]])


def _recorders(results: dict[str, Any], folder: Path, where: str) -> str:
    rows = results["rows"]
    bundles = next(row["bundles"] for row in rows if "bundles" in row)
    values: list[tuple[str, Callable[[Row], float], int]] = [
        ("script, ms", _net(rows, "script_ms"), 1),
        ("start-up script, ms", _net(rows, "start_script_ms"), 1),
        ("raw B, interaction", lambda row: row["interaction_bytes"], 0),
        ("raw B, all", lambda row: row["raw_bytes"], 0),
        ("events", lambda row: row["events"], 0),
        ("B an event", lambda row: row["interaction_bytes"] / row["events"], 1),
        (
            "deflated B an event",
            lambda row: row["interaction_deflated_bytes"] / row["events"],
            1,
        ),
    ]
    table = _table(
        ("recorder", *(name for name, _, _ in values), "bundle, B gzip"),
        (
            (
                name,
                *(
                    Spread.of(map(value, select(rows, recorder=name))).text(digits)
                    for _, value, digits in values
                ),
                f"{bundles[name.partition(',')[0]]['gzip_bytes']:,}",
            )
            for name in _RECORDERS
        ),
    )
    script, interaction = values[0][1], values[2][1]
    ours = select(rows, recorder="candor")
    aims = [
        ("script time", "rrweb", 0.8, script),
        ("script time", "rrweb, equal fidelity", 0.8, script),
        ("script time", "clarity", 0.3, script),
        ("interaction bytes", "rrweb", 0.1, interaction),
        ("interaction bytes", "rrweb, equal fidelity", 0.1, interaction),
    ]
    ratios = _table(
        ("what", "against", "ratio", "aim", "met"),
        (
            _aim_row(what, peer, ratio(ours, select(rows, recorder=peer), value), aim)
            for what, peer, aim, value in aims
        ),
    )
    large = _table(
        ("recorder", "its longest stay, ms", "tasks over 50 ms on the page", "calls"),
        (
            (
                name,
                Spread.of(row["large"]["longest_own_ms"] for row in found).text(),
                Spread.of(row["large"]["tasks_over_50_ms"] for row in found).text(0),
                Spread.of(row["large"]["calls"] for row in found).text(0),
            )
            for name in ("none", "candor", "rrweb", "clarity")
            if (found := [row for row in select(rows, recorder=name) if "large" in row])
        ),
    )
    bars(
        folder / "recorders-script.svg",
        "Main-thread script time of the scripted work and of the start, by recorder",
        [
            (
                heading,
                [(name, Spread.of(map(value, select(rows, recorder=name)))) for name in _RECORDERS],
            )
            for heading, value in (("work", script), ("start-up", values[1][1]))
        ],
        "ms",
    )
    bars(
        folder / "recorders-bytes.svg",
        "Bytes an event, by recorder",
        [
            (
                heading,
                [(name, Spread.of(map(value, select(rows, recorder=name)))) for name in _RECORDERS],
            )
            for heading, value in (("raw", values[5][1]), ("deflated", values[6][1]))
        ],
        "B",
    )
    done = ours[0]["done"]
    sealed = Spread.of(row["sealed_bytes"] for row in ours)
    return (
        _text("recorders").format(**done)
        + _machine(results)
        + table
        + f"![script time]({where}/recorders-script.svg)\n\n"
        + f"![bytes an event]({where}/recorders-bytes.svg)\n\n"
        + ratios
        + f"Sealed and padded, Candor sends {sealed.text(0)} B of ciphertext for this work: padding"
        " to at least 256 bytes hides how much happened, and costs that.\n\n"
        + _text("large")
        + large
        + _text("recorders_unlike")
    )


def _aim_row(what: str, peer: str, found: Spread, aim: float) -> tuple[str, ...]:
    met = "yes" if found.middle <= aim else "no"
    return what, peer, found.text(2), f"\u2264{aim}", met


# ------------------------------------------------------------------------------------------ relay


def _relay(results: dict[str, Any], folder: Path, where: str) -> str:
    rows = results["rows"]
    loads = list(dict.fromkeys(row["load"] for row in rows))
    cost: Callable[[Row], float] = lambda row: row["us_per_batch"]  # noqa: E731
    text = _text("relay") + _machine(results)
    for load in loads:
        text += f"**{load[0].upper()}{load[1:]}**\n\n" + _table(
            ("server", "CPU \u00b5s a batch", "batches/s", "ack p50, ms", "ack p99, ms", "client"),
            (
                (
                    name,
                    Spread.of(map(cost, found)).text(),
                    Spread.of(row["acked"] / row["wall_s"] for row in found).text(0),
                    Spread.of(row["ack_p50_ms"] for row in found).text(),
                    Spread.of(row["ack_p99_ms"] for row in found).text(),
                    f"{max(row['client_cpu_s'] / row['wall_s'] for row in found):.0%}",
                )
                for name in _SERVERS
                if (found := select(rows, load=load, server=name))
            ),
        )
    bars(
        folder / "relay.svg",
        "Server CPU per durably acked batch, by load and server",
        [
            (
                load,
                [
                    (name, Spread.of(map(cost, select(rows, load=load, server=name))))
                    for name in _SERVERS
                ],
            )
            for load in loads
        ],
        "\u00b5s",
    )
    text += f"![server CPU per batch]({where}/relay.svg)\n\n"
    text += _table(
        ("load", "against", "ratio", "aim", "met"),
        (
            _aim_row(
                load,
                peer,
                ratio(
                    select(rows, load=load, server="candor"),
                    select(rows, load=load, server=peer),
                    cost,
                ),
                aim,
            )
            for load, peer, aim in _RELAY_AIMS
        ),
    )
    return text + _text("relay_unlike")


def _profile(results: dict[str, Any]) -> str:
    text = _text("profile")
    for load, parts in results["loads"].items():
        text += f"**{load[0].upper()}{load[1:]}**\n\n" + _table(
            ("where", "share"), ((name, f"{share:.0%}") for name, share in parts)
        )
    return text
