"""The examples that run models/default.onnx without this project say what it says."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from threading import Thread

import numpy as np
import onnxruntime
import pytest
import soundfile
from numpy.typing import NDArray

from realtime_mer.audio.demo import compose
from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.model.files import find_checkpoint
from realtime_mer.recognizer.light import LightRecognizer
from tests.patience import PATIENCE_S
from tests.web.browser import Browser, browser, missing

ROOT = Path(__file__).parents[1]
SHIPPED = find_checkpoint("default")
FOR_PAGES = "onnxruntime-web@1.30.0"
WITH_HEADERS = "com.github.asus4.onnxruntime@0.4.9"
"""Microsoft's release as a package for Unity. No other on npm or PyPI was found to have headers."""

UNPACKED = "; or unpack a release of ONNX Runtime and name its folder by the variable ORT"


@pytest.fixture(scope="module")
def sound() -> NDArray[np.float32]:
    """Music of 35 s that goes from calm to joyful, and half a hop; exact in 16 bits."""
    piece = compose().mean(axis=1)[: 35 * 24_000 + 1200]
    return (np.round(piece * 32_767) / 32_768).astype(np.float32)


@pytest.fixture(scope="module")
def expected(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the light recogniser says of it: a row a hop, as the examples print them."""
    said = LightRecognizer.load(SHIPPED).run(sound[None])
    points = (said.valence, said.arousal, said.valence_sd, said.arousal_sd)
    times = np.arange(1, 351, dtype=np.float32)[:, None] / 10
    return np.concatenate(
        (times, *(point.T for point in points), said.quadrants[0], said.gems[0]), axis=1
    )


def assert_says(text: str, expected: NDArray[np.float32]) -> None:
    """Check a table of estimates, heading and numbers."""
    heading, *rows = csv.reader(io.StringIO(text))
    points = ["t", "valence", "arousal", "valence_sd", "arousal_sd"]
    assert heading == [*points, *QUADRANTS, *GEMS]
    np.testing.assert_allclose(np.array(rows, np.float32), expected, atol=1e-4, rtol=0)


def npm(*arguments: str, folder: Path, otherwise: str = "") -> None:
    """Fetch from npm's registry, or from what it has fetched before; skip if there is neither."""
    program = shutil.which("npm")
    if program is None:
        pytest.skip(f"npm is not installed{otherwise}")
    done = subprocess.run(
        [program, *arguments, "--prefer-offline", "--fetch-retries=1", "--loglevel=error"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode != 0:
        why = done.stderr.strip().partition("\n")[0]
        pytest.skip(f"npm cannot fetch {arguments[-1]} ({why}){otherwise}")


# -- C++ -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ONNX Runtime as its releases have it: headers in `include`, the library in `lib`.

    Yours, named by `ORT`, or the headers that a package has, and Python's library.
    """
    if "ORT" in os.environ:
        return Path(os.environ["ORT"])
    libraries = [*Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.1*")]
    if not libraries:
        pytest.skip(f"Python's onnxruntime has no library apart{UNPACKED}")
    folder = tmp_path_factory.mktemp("onnxruntime")
    npm("pack", WITH_HEADERS, folder=folder, otherwise=UNPACKED)
    (folder / "include").mkdir()
    (package,) = folder.glob("*.tgz")
    with tarfile.open(package) as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            content = archive.extractfile(member)
            if name.match("ios-arm64/onnxruntime.framework/Headers/*.h") and content is not None:
                (folder / "include" / name.name).write_bytes(content.read())
    package.unlink()
    (folder / "lib").mkdir()
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (folder / "lib" / name).symlink_to(libraries[0])
    return folder


@pytest.fixture(scope="module")
def program(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built as the README says."""
    page = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^g\+\+ .*$", page, re.MULTILINE)
    command = line.replace("$ORT", str(release)).split()
    built = tmp_path_factory.mktemp("built") / "model_file"
    assert command[-2:] == ["-o", "model_file"]
    warned = subprocess.run(
        [*command[:-1], str(built), "-Wall", "-Wextra", "-Werror"],
        cwd=ROOT / "examples",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert warned.returncode == 0, warned.stderr
    return built


def run(program: Path, model: Path, sound: NDArray[np.float32]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [program, model],
        input=sound.tobytes(),
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


compiled = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("g++") is None,
    reason="the example was built by g++ on Linux alone, and that is not here",
)


@compiled
@pytest.mark.slow
def test_the_cpp_example_says_hop_by_hop_what_python_says(
    program: Path, sound: NDArray[np.float32], expected: NDArray[np.float32]
) -> None:
    done = run(program, Path(f"{SHIPPED}.onnx"), sound)
    assert (done.returncode, done.stderr) == (0, "")
    assert_says(done.stdout, expected)


@compiled
@pytest.mark.slow
def test_the_cpp_example_goes_on_after_a_sample_that_is_not_finite(
    program: Path, sound: NDArray[np.float32]
) -> None:
    spoilt, zeroed = sound[:9600].copy(), sound[:9600].copy()
    spoilt[100:102] = np.nan, np.inf
    zeroed[100:102] = 0.0
    model = Path(f"{SHIPPED}.onnx")
    assert run(program, model, spoilt).stdout == run(program, model, zeroed).stdout


@compiled
@pytest.mark.slow
def test_the_cpp_example_tells_that_a_model_is_not_there(program: Path, tmp_path: Path) -> None:
    done = run(program, tmp_path / "none.onnx", np.zeros(2400, np.float32))
    assert done.returncode == 1
    assert "none.onnx" in done.stderr
    assert done.stdout == ""


# -- a browser -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    """A browser, and where it finds the page, which was installed as the README says."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("repository")
    shutil.copytree(SHIPPED.parent, folder / "models")
    (folder / "examples").mkdir()
    for name in ("model_file.html", "model_file.js"):
        shutil.copy(ROOT / "examples" / name, folder / "examples")
    page = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^npm (.* )onnxruntime-web$", page, re.MULTILINE)
    npm(*line.split(), FOR_PAGES, folder=folder)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as pages, browser() as tab:
        thread = Thread(target=pages.serve_forever)
        thread.start()
        try:
            yield tab, f"http://localhost:{pages.server_address[1]}/examples/model_file.html"
        finally:
            pages.shutdown()
            thread.join()


def hear(tab: Browser, file: Path) -> None:
    tab.wait_for("!document.getElementById('file').disabled")
    tab.driver.find_element("id", "file").send_keys(str(file))


@pytest.mark.slow
def test_the_page_says_what_python_says(
    page: tuple[Browser, str],
    sound: NDArray[np.float32],
    expected: NDArray[np.float32],
    tmp_path: Path,
) -> None:
    tab, address = page
    tab.driver.get(address)
    # In stereo, so that it has to be mixed. Twice, since each file begins anew.
    soundfile.write(tmp_path / "piece.wav", np.stack((sound, sound), axis=1), 24_000)
    for name in ("first.wav", "again.wav"):
        shutil.copy(tmp_path / "piece.wav", tmp_path / name)
        hear(tab, tmp_path / name)
        tab.wait_for(f"document.getElementById('told').textContent === '350 estimates of {name}'")
        text = tab.js("return fetch(document.getElementById('csv').href).then((csv) => csv.text())")
        assert_says(text, expected)
    assert [line for line in tab.console() if "favicon" not in line] == []


@pytest.mark.slow
def test_the_page_tells_what_is_no_sound_and_hears_the_next(
    page: tuple[Browser, str], tmp_path: Path
) -> None:
    tab, address = page
    tab.driver.get(address)
    (tmp_path / "text.wav").write_text("no sound")
    hear(tab, tmp_path / "text.wav")
    tab.wait_for("document.getElementById('told').textContent.startsWith('text.wav cannot be ')")
    soundfile.write(tmp_path / "zeros.wav", np.zeros(24_000, np.float32), 24_000)
    hear(tab, tmp_path / "zeros.wav")
    tab.wait_for("document.getElementById('told').textContent === '10 estimates of zeros.wav'")


@pytest.mark.slow
def test_the_page_tells_that_a_model_is_not_there(page: tuple[Browser, str]) -> None:
    tab, address = page
    tab.driver.get(f"{address}?model=../models/none")
    tab.wait_for("document.getElementById('told').textContent.startsWith('The model cannot be ')")
    assert tab.js("return document.getElementById('file').disabled")
