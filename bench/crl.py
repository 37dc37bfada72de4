"""Revocation lists: how a check of a million entries compares with the usual way, in time and memory."""

import subprocess
import time

from bench.crl_ways import MOMENT
from bench.make_lists import KINDS, Made, make
from bench.measure import Row, at_least, at_most, fastest, fresh
from tests import pki

MILLION = 1_000_000
ROUNDS = 5


def rows() -> list[Row]:
    if MOMENT != pki.NOW:
        raise AssertionError("the lists are dated around another moment than the checks are made at")
    return [row for kind in KINDS for row in _against_the_usual_way(kind)] + _flat() + _publication()


def _against_the_usual_way(kind: str) -> list[Row]:
    folder = make(MILLION, kind).crl.parent
    fresh("bench.crl_ways:publish", folder)
    runs = [{way: fresh(f"bench.crl_ways:{way}", folder) for way in ("usual", "cold", "limit")} for _ in range(ROUNDS)]
    usual, cold, limit = (fastest([run[way] for run in runs]) for way in ("usual", "cold", "limit"))
    warm, index = fresh("bench.crl_ways:warm", folder), fresh("bench.crl_ways:indexed", folder)
    what = f"1,000,000 entries, {'ECDSA P-256' if kind == 'p256' else 'RSA-2048'}"
    return [
        Row(name=f"usual way (load, verify, look up), {what}", value=usual["ms"], unit="ms"),
        Row(name=f"usual way, peak memory, {what}", value=usual["peak_mb"], unit="MB"),
        Row(name=f"cold check, {what}", value=cold["ms"], unit="ms"),
        at_least(f"cold check against the usual way, {what}", usual["ms"] / cold["ms"], "times faster", 8),
        at_most(f"cold check's memory against the usual way's, {what}", cold["peak_mb"] / usual["peak_mb"], "x", 0.6),
        at_most(f"cold check against SHA-256 and one pass, {what}", cold["ms"] / limit["ms"], "x", 4),
        Row(name=f"warm check, {what}", value=warm["ms"], unit="ms"),
        at_least(f"warm check against the usual way, {what}", usual["ms"] / warm["ms"], "times faster", 100),
        Row(name=f"check through the index, {what}", value=index["ms"] * 1_000, unit="us"),
        at_least(
            f"check through the index against the usual way, {what}", usual["ms"] / index["ms"], "times faster", 10_000
        ),
        Row(
            name=f"check through the index and the certificate's own signature, {what}",
            value=index["whole_ms"] * 1_000,
            unit="us",
        ),
        Row(name=f"opening the index and the first check, {what}", value=index["first_ms"] * 1_000, unit="us"),
    ]


def _flat() -> list[Row]:
    times = {}
    for entries in (1_000, MILLION, 5 * MILLION):
        folder = make(entries).crl.parent
        if not (folder / "list.index").exists():
            fresh("bench.crl_ways:publish", folder)
        times[entries] = fresh("bench.crl_ways:indexed", folder)["ms"] * 1_000
    told = [
        Row(name=f"check through the index, {entries:,} entries", value=us, unit="us") for entries, us in times.items()
    ]
    spread = max(times.values()) / min(times.values())
    return [*told, at_most("check through the index, slowest size against fastest", spread, "x", 3)]


def _publication() -> list[Row]:
    made = make(MILLION)
    runs = [{"publish": fresh("bench.crl_ways:publish", made.crl.parent), "openssl": _openssl(made)} for _ in range(3)]
    ours, theirs = (fastest([run[way] for run in runs]) for way in ("publish", "openssl"))
    return [
        Row(name="openssl crl reading 1,000,000 entries", value=theirs["ms"], unit="ms"),
        Row(name="publication of 1,000,000 entries", value=ours["ms"], unit="ms"),
        at_most("publication against openssl crl reading the same list", ours["ms"] / theirs["ms"], "x", 1.5),
        at_most("publication, peak memory", ours["peak_mb"], "MB", 400),
    ]


def _openssl(made: Made) -> dict[str, float]:
    begin = time.perf_counter()
    subprocess.run(["openssl", "crl", "-inform", "DER", "-in", made.crl, "-noout"], check=True)
    return {"ms": (time.perf_counter() - begin) * 1_000}
