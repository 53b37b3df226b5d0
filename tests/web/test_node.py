"""The client module outside a browser: on Node, if there is one."""

import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from realtime_mer import web
from realtime_mer.service.server import Service
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.web.browser import HELLO

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")

FIRST_ESTIMATE = """
const stream = m.connect(address, options);
stream.addEventListener("estimate", ({ detail }) => {
  console.log(stream.hello.model, detail.seq, detail.mood);
  stream.close();
});
"""
OWN = "const options = { WebSocket: globalThis.WebSocket }; delete globalThis.WebSocket;"


def node(
    folder: Path, script: str, *arguments: str, flags: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a script with the module as `m` and the first argument as `address`."""
    main = folder / "main.mjs"
    with as_file(files(web) / "realtime-mer.js") as module:
        # As the documentation says: Node takes a file of this ending for a module whatever its age.
        (folder / "realtime-mer.mjs").write_text(module.read_text())
    main.write_text(
        'import * as m from "./realtime-mer.mjs"; const [address] = process.argv.slice(2);' + script
    )
    assert NODE is not None
    return subprocess.run(
        [NODE, *flags, str(main), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture(scope="module")
def websocket() -> tuple[str, ...]:
    """The flags with which this Node has a WebSocket of its own."""
    assert NODE is not None
    for flags in ((), ("--experimental-websocket",)):  # Node 22 and newer; 20.10 and newer
        probe = [NODE, *flags, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return flags
    pytest.skip("this node has no WebSocket of its own")


@pytest.mark.parametrize("own", ["const options = {};", OWN])
def test_the_module_subscribes_on_node_with_its_websocket_or_one_that_is_passed_in(
    tmp_path: Path, websocket: tuple[str, ...], own: str
) -> None:
    with Service(hello=HELLO, port=0) as service:
        service.publish(sample_estimate(seq=7))
        done = node(tmp_path, own + FIRST_ESTIMATE, service.url, flags=websocket)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{HELLO.model} 7 {sample_estimate().mood}\n"


# Like the package ws, it ends the program where nobody listens for its errors.
STRICT = """
class Strict extends globalThis.WebSocket {
  constructor(...all) {
    super(...all);
    this.addEventListener("error", () => { if (!this.onerror) process.exit(9); });
  }
}
let lost = 0;
const stream = m.connect(address, { WebSocket: Strict });
stream.addEventListener("link", ({ detail }) => {
  console.log(detail.state, detail.reason);
  if (detail.state === "lost" && (lost += 1) === 2) stream.close();
});
"""


def test_no_error_of_a_connection_ends_the_program(
    tmp_path: Path, websocket: tuple[str, ...]
) -> None:
    done = node(tmp_path, STRICT, "ws://127.0.0.1:1", flags=websocket)
    assert done.returncode == 0, done.stderr
    attempt = ["connecting ", "lost no connection to the service"]
    assert done.stdout.splitlines() == [*attempt, *attempt, "closed "]


def test_a_node_without_a_websocket_is_told_what_is_needed_when_it_connects(tmp_path: Path) -> None:
    tried = """
    delete globalThis.WebSocket;
    try { m.connect(address); } catch (error) { console.log(error.name, error.message); }
    """
    done = node(tmp_path, tried, "ws://127.0.0.1:1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "TypeError there is no WebSocket here: use a browser or Node 22 or newer, or pass one, as "
        'in connect(url, { WebSocket }) with import { WebSocket } from "ws"\n'
    )


def test_outside_a_page_there_is_no_fragment_but_one_that_is_given(tmp_path: Path) -> None:
    script = 'console.log(m.tokenFromFragment(), m.tokenFromFragment("#token=a+b"))'
    assert node(tmp_path, script).stdout == "null a+b\n"
