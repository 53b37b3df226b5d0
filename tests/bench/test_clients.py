"""The subscribers of ``bench`` get in, however few a service lets wait at its door."""

import json
import subprocess
import sys

from realtime_mer.service.connection import Limits
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import Hello
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate

HELLO = Hello(server_version="1", model="default", hop=0.1, window=3.0, sample_rate=24_000)


def test_more_clients_than_a_service_lets_wait_all_get_in_and_the_first_tells_what_it_got() -> None:
    with (
        Service(hello=HELLO, port=0, limits=Limits(waiting_per_address=16)) as service,
        subprocess.Popen(
            [sys.executable, "-m", "realtime_mer.bench.clients", service.url, "60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stderr.readline() == "ready\n"
        assert process.stderr.readline() == "all in\n"
        assert service.clients == 60
        service.publish(sample_estimate(seq=7))
        service.close()
        output, _ = process.communicate(timeout=PATIENCE_S)
    assert [seq for seq, _ in json.loads(output)] == [7]
