"""The tables of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.operator_cluster import WRITES
from benchmarks.report import print_table, ratio, spread


def _writes(operator: Mapping[str, Any]) -> dict[str, int]:
    found = {key: n for key, n in operator["requests"].items() if key.split()[0] in WRITES and key[-5:] != "Lease"}
    return dict(sorted(found.items()))


def _cost(step: Mapping[str, Any], count: int) -> list[str]:
    """Return the cells that all steps have: time, CPU, events, looks and writes of the operator."""
    did = step["operator"]
    events, cpu = sum(did["watch_events"].values()), did["cpu_seconds"]
    return [
        f"{step.get('seconds', did['seconds']):.1f} s" + ("" if step.get("complete", True) else ", not all"),
        f"{cpu:.2f} s",
        f"{1000 * cpu / count:.2f} ms",
        f"{1e6 * cpu / events:.0f} µs" if events > count else "-",
        f"{events / count:.1f}",
        f"{did['reconciles'] / count:.1f}",
        f"{sum(_writes(did).values()) / count:.2f}",
    ]


def _server(step: Mapping[str, Any]) -> float:
    return float(step["programs_cpu_seconds"]["kube-apiserver"])


def _restart(found: Mapping[str, Any], count: int) -> None:
    did = found["operator"]
    lists = {key.removeprefix("GET "): n for key, n in did["received_bytes"].items() if key[:4] == "GET "}
    writes, others = sum(found["writes"].values()), sum(found["all_writes_of_the_cluster"].values())
    print(
        f"\nRestart with nothing to do: {found['seconds_to_start_python']:.1f} s until the process answers, then "
        f"{found['seconds_to_read_all']:.1f} s ({found['cpu_seconds_to_read_all']:.2f} s of CPU) to read "
        f"{found['bytes_read'] / 1e6:.1f} MB in {sum(n for key, n in did['requests'].items() if key[:4] == 'GET ')} "
        f"requests; all {count} looked at after {found['seconds']:.1f} s and "
        f"{did['cpu_seconds']:.2f} s of CPU; at most {found['memory_mib']['peak_rss']:.0f} MiB. "
        f"Writes of the operator: {writes}, of the whole cluster meanwhile: {others}.\n"
    )
    print_table(
        ["kind", "requests", "read", "a workspace"],
        [
            [kind, str(did["requests"][f"GET {kind}"]), f"{n / 1e6:.2f} MB", f"{n / count:.0f} bytes"]
            for kind, n in sorted(lists.items(), key=lambda item: -item[1])
            if n > count
        ],
    )


def _bottleneck(step: Mapping[str, Any]) -> None:
    seconds, did = step["operator"]["seconds"], step["operator"]
    used = {"operator": did["cpu_seconds"], **step["programs_cpu_seconds"]}
    used["all else on this machine"] = step["machine_cpu_seconds"] - sum(used.values())
    print("\nWho used the CPU meanwhile:\n")
    print_table(
        ["program", "CPU", "of a core"],
        [[name, f"{cpu:.1f} s", f"{cpu / seconds:.2f}"] for name, cpu in sorted(used.items(), key=lambda x: -x[1])],
    )


def print_tables(run: Mapping[str, Any]) -> None:
    """Print what a run found."""
    count, floor, start = run["workspaces"], run["floor"], run["start"]
    print(f"\n### {count} workspaces\n")
    steps = {"create all until they run": start, "restart, nothing to do": run["restart"], "idle": run["idle"]}
    steps |= {f"{name} all": run[key] for name, key in (("stop", "stop"), ("remove", "removal")) if key in run}
    print_table(
        ["step", "time", "operator's CPU", "a workspace", "an event", "events", "looks", "writes a workspace"],
        [[name, *_cost(step, count)] for name, step in steps.items()],
    )
    print(f"\nAfter all runs: {start['memory_mib']['rss']:.0f} MiB, at most {start['memory_mib']['peak_rss']:.0f} MiB.")
    each = floor["workspaces"]
    made, meanwhile = sum(floor["all_writes"].values()), sum(start["all_writes"].values())
    print(
        f"\nThe floor: the objects of {each} workspaces, written without the operator. A ratio is the operator's "
        "figure by the floor's.\n"
    )
    cpu, floors_cpu = start["operator"]["cpu_seconds"] / count, floor["client_cpu_seconds"] / each
    writes = sum(_writes(start["operator"]).values()) / count
    rows = [
        ("seconds a workspace until it runs", start["seconds"] / count, floor["seconds"] / each, ".4f"),
        ("client's CPU a workspace, ms", 1000 * cpu, 1000 * floors_cpu, ".2f"),
        ("client's writes a workspace", writes, floor["client_writes"] / each, ".2f"),
        ("API server's CPU a workspace, ms", 1000 * _server(start) / count, 1000 * _server(floor) / each, ".1f"),
        ("all writes a workspace", meanwhile / count, made / each, ".1f"),
        ("all writes a second", meanwhile / start["seconds"], made / floor["seconds"], ".0f"),
    ]
    print_table(
        ["", "operator", "floor", "ratio"],
        [[name, f"{value:{form}}", f"{base:{form}}", f"{value / base:.2f}"] for name, value, base, form in rows],
    )
    print("\nThe operator's writes:", ", ".join(f"{n / count:.2f} {k}" for k, n in _writes(start["operator"]).items()))
    _bottleneck(start)
    _restart(run["restart"], count)
    change = run["change"]
    if through := [1000 * each for each in change["seconds"]]:
        direct = [1000 * each for each in change["direct_seconds"]]
        print(
            f"\nOne of {count} is stopped: its Deployment is scaled down after {spread(through, unit='ms')}; a "
            f"change of a Deployment itself shows after {spread(direct, unit='ms')}; ratio "
            f"{spread(ratio(through, direct), digits=1)}."
        )
    if start["logged"]:
        print("\nLogged:", ", ".join(f"{n} x {text}" for text, n in start["logged"].items()))
