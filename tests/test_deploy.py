"""What `deploy/` starts exists as it is called there, and what it watches is really told."""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from _machines import Cluster
from typer.main import get_command

from realtime_mer.cli import app
from realtime_mer.sessions.store import FOLDER_VARIABLE
from tests.rooms.serving import serving

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
BOARD = DEPLOY / "grafana" / "boards" / "rooms.json"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
CONTAINER = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def check_command(words: list[str]) -> str:
    """Hold words behind ``realtime-mer`` to the command line; return the command's name."""
    command: Any = get_command(app)
    name = ""
    while words and words[0] in getattr(command, "commands", {}):
        name, command = words[0], command.commands[words[0]]
        words = words[1:]
    known = {each: param for param in command.params for each in param.opts}
    while words:
        assert words[0] in known, f"{name} {words[0]}"
        words = words[1 if known[words[0]].is_flag else 2 :]
    return name


# -- what is started


def ours() -> dict[str, dict[str, Any]]:
    return {
        name: service
        for name, service in COMPOSE["services"].items()
        if str(service["image"]).startswith("realtime-mer:")
    }


@pytest.mark.parametrize("name", ours())
def test_services_of_compose_are_commands_that_exist(name: str) -> None:
    started = check_command(["rooms", *map(str, ours()[name]["command"])])
    assert started == ("serve" if name.startswith("node") else "worker")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_start_commands_that_exist(unit: Path) -> None:
    (line,) = re.findall("^ExecStart=(.+)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    program, *words = shlex.split(line)
    assert program.endswith("/bin/realtime-mer")
    name = check_command(words)
    assert name in unit.name.replace("node", "serve")
    params = get_command(app).commands["rooms"].commands[name].params  # type: ignore[attr-defined]
    read = {str(param.envvar) for param in params} | {FOLDER_VARIABLE}
    given = set(re.findall(r"\b(REALTIME_MER_\w+)=", unit.read_text(encoding="utf-8")))
    assert "REALTIME_MER_NATS" in given
    assert given <= read


def test_the_image_starts_a_command_that_exists_with_variables_that_are_read() -> None:
    entry, command = (
        json.loads(found) for found in re.findall(r"^(?:ENTRYPOINT|CMD) (\[.+\])$", CONTAINER, re.M)
    )
    assert entry[0] == "realtime-mer"
    assert check_command([*entry[1:], *command]) == "serve"
    serve = get_command(app).commands["rooms"].commands["serve"]  # type: ignore[attr-defined]
    read = {str(param.envvar) for param in serve.params} | {FOLDER_VARIABLE}
    assert set(re.findall(r"\b(REALTIME_MER_\w+)=", CONTAINER)) <= read


def test_what_the_image_is_made_of_is_there_and_its_user_is_not_root() -> None:
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINER, re.MULTILINE)
        for name in line.split()
    ]
    assert len(copied) > 5
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignored
    user = re.findall(r"^USER (\d+)", CONTAINER, re.MULTILINE)[-1]
    assert int(user) > 0
    assert re.search("^STOPSIGNAL SIGTERM$", CONTAINER, re.MULTILINE)


def test_files_that_compose_mounts_are_there_and_secrets_are_not() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), source
            else:
                assert source in COMPOSE["volumes"]
    for secret in COMPOSE["secrets"].values():
        ignored = subprocess.run(
            ["git", "check-ignore", "-q", str(DEPLOY / secret["file"])], cwd=ROOT, check=False
        )
        assert ignored.returncode == 0, secret


# -- health


def healthy(url: str) -> int:
    check = DEPLOY / "healthy.py"
    return subprocess.run(
        [sys.executable, str(check)], env={**os.environ, "HEALTH_URL": url}, check=False
    ).returncode


def test_the_container_is_well_while_the_service_answers(tmp_path: Path) -> None:
    with serving(tmp_path) as at:
        url = at.service.url.replace("ws:", "http:")
        assert healthy(f"{url}/healthz") == 0
        assert healthy(f"{url}/readyz") == 0
        assert healthy(f"{url}/nowhere") == 1
    assert healthy(f"{url}/healthz") == 1
    assert healthy("nonsense") == 1


def test_without_a_word_it_asks_at_the_port_of_the_image() -> None:
    url = runpy.run_path(str(DEPLOY / "healthy.py"))["URL"]
    assert f":{re.findall('^EXPOSE (.+)$', CONTAINER, re.MULTILINE)[0]}/" in url


# -- what is watched


def metrics_of(expression: Any) -> Iterator[str]:
    """Yield the names of the metrics in an expression that was parsed."""
    if isinstance(expression, promql_parser.VectorSelector):
        assert expression.name is not None
        yield expression.name
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        part = getattr(expression, name, None)
        if part is not None:
            yield from metrics_of(part)
    for part in getattr(expression, "args", ()):
        yield from metrics_of(part)


def expressions() -> dict[str, str]:
    """Return what the board and the alerts ask, by where."""
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    found = {
        f"board: {panel['title']} {target['refId']}": target["expr"]
        for panel in board["panels"]
        for target in panel.get("targets", ())
    }
    alerts = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))
    for group in alerts["groups"]:
        for rule in group["rules"]:
            found[f"alert: {rule['alert']}"] = rule["expr"]
    return found


def parsed(expression: str) -> Any:
    for variable, value in {"$__rate_interval": "1m", "$room": ".*"}.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return promql_parser.parse(expression)


ASKED = expressions()


def asked() -> set[str]:
    return {name for each in ASKED.values() for name in metrics_of(parsed(each))}


def rendered(text: str) -> set[str]:
    """Return the names of the metrics in what an address answers, also where they hold no value."""
    families = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    parts = {"histogram": ("_bucket", "_sum", "_count")}
    return {f"{name}{part}" for name, kind in families for part in parts.get(kind, ("",))}


@pytest.mark.parametrize("where", ASKED)
def test_every_expression_is_one_and_asks_for_something(where: str) -> None:
    assert list(metrics_of(parsed(ASKED[where])))


def test_metrics_in_an_expression_are_found_wherever_they_stand() -> None:
    expression = (
        "histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m]))) > bool 1 or vector(0) unless "
        "topk(3, abs(-b)) + on (room) (count(c offset 1m == 1) or d)"
    )
    assert set(metrics_of(parsed(expression))) == {"a_bucket", "b", "c", "d"}
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        parsed("sum by (le rate(a[5m])")


def test_families_without_a_value_are_found_and_histograms_by_their_parts() -> None:
    text = "# TYPE a_total counter\n# HELP b x\n# TYPE b histogram\nb_sum 1\n"
    assert rendered(text) == {"a_total", "b_bucket", "b_sum", "b_count"}


def test_prometheus_asks_each_process_by_the_name_that_it_answers_at() -> None:
    """Nodes and workers refuse a name that is not their machine's, as pages of others have them."""
    asked = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    names = {
        target.partition(":")[0]
        for job in asked["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    }
    assert names >= ours().keys()
    for name, service in ours().items():
        assert service.get("hostname") == name


def test_workers_take_as_many_rooms_as_nodes_take_in() -> None:
    def most(command: list[Any]) -> int:
        return int(command[command.index("--rooms") + 1])

    started = [(name, service["command"]) for name, service in ours().items()]
    nodes = {most(command) for name, command in started if name.startswith("node")}
    workers = [most(command) for name, command in started if name.startswith("worker")]
    assert nodes == {1000}
    assert sum(workers) >= max(nodes)


OF_OTHERS = {"up": "Prometheus", "jetstream_server_total_message_bytes": "prometheus-nats-exporter"}
"""Metrics that nobody of this project tells, by who tells them."""
_VARZ = "gnatsd_varz_"


@pytest.mark.slow
def test_every_metric_that_is_asked_for_is_told_by_a_node_a_worker_or_nats(tmp_path: Path) -> None:
    """NATS by the numbers of its `/varz`, whose names prometheus-nats-exporter takes over."""
    with ExitStack() as closing:
        cluster = Cluster(tmp_path, ["hall"], nodes=1, workers=1, model="default", record_at=0)
        closing.callback(cluster.close)
        cluster.start(lambda line: None)
        told = rendered(cluster.metrics(0)) | rendered(cluster.metrics(1))
        numbers = {
            f"{_VARZ}{name}" for name, value in cluster.varz().items() if isinstance(value, int)
        }
    assert told
    assert asked() - told - numbers - OF_OTHERS.keys() == set()
    assert OF_OTHERS.keys() <= asked()
