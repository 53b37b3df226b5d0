"""Mappings for tests: plans of a few tables, and what they send."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from realtime_mer.outlets.mapping.evaluation import Evaluation, Sending
from realtime_mer.outlets.mapping.tables import Plan, read_plan

TO = "osc://127.0.0.1:9000"


def plan_of(
    *routes: Mapping[str, Any], rules: Sequence[Mapping[str, Any]] = (), **output: Any
) -> Plan:
    """Return a plan of one OSC output with these routes, and of rules that send to it.

    A route has its number as its address unless it says otherwise; a rule sends 1 to ``/rule``.
    """
    placed = [{"address": f"/{number}", **route} for number, route in enumerate(routes)]
    told = [{"send": {"to": TO, "address": "/rule", "value": 1}, **rule} for rule in rules]
    tables = {"output": [{"to": TO, "routes": placed, **output}], "rule": told}
    return read_plan(tables, file="test.toml")


def evaluation_of(*routes: Mapping[str, Any], **rest: Any) -> Evaluation:
    """Return an evaluation of ``plan_of`` at its start."""
    return Evaluation(plan_of(*routes, **rest))


def sent(sendings: Iterable[Sending]) -> list[tuple[str, Any]]:
    """Return the addresses and values of what is sent."""
    return [(message.place.address, message.value) for _, message in sendings]
