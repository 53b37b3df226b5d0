"""Whatever stands in the files of a session, it is read or refused in one line."""

from pathlib import Path

import pytest

from tests.sessions.fuzz import EVER_FAILED, files_of, fuzz, made

SEEDS = range(60)


@pytest.mark.filterwarnings("ignore:overflow encountered")  # of numbers near the largest
def test_a_session_that_was_damaged_or_forged_at_random_is_read_or_refused(tmp_path: Path) -> None:
    session = made()
    files = files_of(session)
    for seed in (*SEEDS, *EVER_FAILED):
        fuzz(seed, session, files, tmp_path / "out")
