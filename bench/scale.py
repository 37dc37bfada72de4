"""The tables and pictures of ``docs/scale.md``: ``python -m bench.scale [--up-to DEVICES]``.

Sizes up to DEVICES (100,000 unless said otherwise; a million takes half an hour) are simulated again, larger ones are kept as they are in
``bench/scale.json``. Running it again leaves no difference.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import msgspec
import numpy as np
from matplotlib.figure import Figure
from msgspec import Struct

from bench.designs import GATEHOUSE, ONE_EACH, RETRY_ONLY
from bench.results import Result
from bench.simulation import Burst
from bench.walk import Walk, walk

ROOT = Path(__file__).parents[1]
KEPT, PAGE, PICTURES = ROOT / "bench/scale.json", ROOT / "docs/scale.md", ROOT / "docs/pictures"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
DESIGNS = (GATEHOUSE, ONE_EACH, RETRY_ONLY)
COLORS = dict(zip((design.name for design in DESIGNS), ("#1b7f3b", "#b07d00", "#b3261e"), strict=True))
PICTURED = 100_000
HEADINGS = ("devices", "design", "last one in", "of the least", "99 % in, of the least", "calls for each needed", "started", "failed",
            "transitions a device", "USD a million")  # fmt: skip


class Figures(Struct, frozen=True, kw_only=True):
    """The figures of one simulation. Times in seconds; `admitted_at` by hundredths of the devices; `calls` a minute."""

    design: str
    devices: int
    drained_at: float
    nearly: float
    least: float
    calls_each: float
    started: int
    duplicates: int
    failed: int
    transitions_each: float
    dollars_a_million: float
    most_open: int
    admitted_at: list[float]
    calls: list[int]


def figures(result: Result) -> Figures:
    places = np.linspace(0, result.devices - 1, 101).astype(int)
    return Figures(
        design=result.design,
        devices=result.devices,
        drained_at=round(result.drained_at, 1),
        nearly=round(result.nearly, 1),
        least=round(result.least, 1),
        calls_each=round(result.calls / result.needed, 4),
        started=result.started,
        duplicates=result.duplicates,
        failed=result.failed,
        transitions_each=round(result.transitions / result.devices, 2),
        dollars_a_million=round(result.dollars_a_million, 1),
        most_open=result.most_open,
        admitted_at=[round(float(at)) for at in result.joined[places]],
        calls=result.calls_by_minute.tolist()[:600],
    )


def simulate(up_to: int, kept: dict[str, Figures]) -> dict[str, Figures]:
    """One account with all the devices, and one of four with a quarter of them: the four are the same."""
    walked: Walk = walk()
    for devices in sorted({part for size in SIZES if size <= up_to for part in (size // 4, size)}):
        for design in DESIGNS:
            if design is ONE_EACH and devices > PICTURED:
                continue
            kept[f"{design.name}|{devices}"] = figures(Burst(walked, design, devices).run())
            KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(kept, order="deterministic"), indent=0) + b"\n")
            print(f"{design.name}, {devices:,} devices: done", flush=True)
    return kept


def tables(kept: dict[str, Figures]) -> str:
    """Markdown: a table for one account, and one for four."""
    lines = []
    for accounts, title in (
        (1, "One account and Region"),
        (4, "Four accounts or Regions, a quarter of the devices in each"),
    ):
        lines += [
            f"### {title}\n",
            _row(HEADINGS),
            _row(("---:", "---", *["---:"] * 8)),
        ]
        for size in SIZES:
            for design in DESIGNS:
                found = kept.get(f"{design.name}|{size // accounts}")
                if found is not None:
                    lines.append(_line(found, size, accounts))
        lines.append("")
    return "\n".join(lines)


def _line(found: Figures, size: int, accounts: int) -> str:
    return _row(
        (
            f"{size:,}",
            found.design,
            _duration(found.drained_at),
            f"{found.drained_at / found.least:.3f}",
            f"{found.nearly / found.least:.3f}",
            f"{found.calls_each:.3f}",
            f"{found.started * accounts:,}",
            f"{found.failed * accounts:,}",
            f"{found.transitions_each:.1f}",
            f"{found.dollars_a_million:,.0f}",
        )
    )


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds < 7_200 else f"{seconds / 3600:.1f} h"


def draw(kept: dict[str, Figures]) -> None:
    """Two pictures: how fast a hundred thousand devices are admitted, and the calls for that."""
    mpl.use("svg")
    mpl.rcParams.update(
        {
            "svg.hashsalt": "gatehouse",
            "svg.fonttype": "none",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    PICTURES.mkdir(exist_ok=True)
    shown = [kept[f"{design.name}|{PICTURED}"] for design in DESIGNS]

    picture, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for found in shown:
        color = COLORS[found.design]
        left.plot([at / 3600 for at in found.admitted_at], range(101), color=color, label=found.design)
        right.plot(
            [minute / 60 for minute in range(len(found.calls))], [calls / 60 for calls in found.calls], color=color
        )
    left.axline((0, 0), (shown[0].least / 3600, 100), color="#888888", linestyle=":", label="least possible")
    left.set(xlabel="hours", ylabel="% of 100,000 devices admitted", xlim=(0, 3.6))
    right.set(xlabel="hours", ylabel="AWS IoT calls a second", yscale="log", xlim=(0, 3.6), ylim=(1, 5_000))
    left.legend(frameon=False)
    _save(picture, "scale-drain.svg")

    picture, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
    for design in DESIGNS:
        sizes = [size for size in SIZES if f"{design.name}|{size}" in kept]
        found_all = [kept[f"{design.name}|{size}"] for size in sizes]
        columns = (
            [found.calls_each for found in found_all],
            [found.failed / found.devices for found in found_all],
            [found.dollars_a_million for found in found_all],
        )
        for axis, values in zip(axes, columns, strict=True):
            axis.plot(sizes, values, marker="o", color=COLORS[design.name], label=design.name)
    titles = ("AWS IoT calls for each needed", "failed executions a device", "USD for a million devices")
    for axis, title in zip(axes, titles, strict=True):
        axis.set(xscale="log", xlabel="devices in the burst", title=title)
    axes[0].set(yscale="log")
    axes[2].set(ylim=(0, None))
    axes[1].legend(frameon=False, fontsize=8)
    _save(picture, "scale-sizes.svg")


def _save(picture: Figure, name: str) -> None:
    picture.savefig(PICTURES / name, metadata={"Date": None})
    plt.close(picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--up-to", type=int, default=PICTURED, metavar="DEVICES")
    up_to: int = parser.parse_args().up_to
    kept = msgspec.json.decode(KEPT.read_bytes(), type=dict[str, Figures]) if KEPT.exists() else {}
    kept = simulate(up_to, kept)
    before, _, rest = PAGE.read_text().partition("<!-- results -->\n")
    _, _, after = rest.partition("<!-- /results -->")
    PAGE.write_text(f"{before}<!-- results -->\n{tables(kept)}<!-- /results -->{after}")
    draw(kept)


if __name__ == "__main__":
    main()
