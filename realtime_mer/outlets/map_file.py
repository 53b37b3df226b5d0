"""A mapping's file that is taken up again whenever it changes."""

from collections.abc import Callable
from pathlib import Path

from realtime_mer.errors import InputError
from realtime_mer.outlets.mapping.evaluation import Evaluation
from realtime_mer.outlets.mapping.tables import Plan, about, load_plan


class MapFile:
    """A mapping's file, and the evaluation of what it said last that could be used.

    Args:
        path: of the file.
        check: refuses a plan that can be read, but not be used.

    Attributes:
        evaluation: changes with the file.

    Raises:
        InputError: it cannot be read or used.
    """

    def __init__(self, path: Path, *, check: Callable[[Plan], None]) -> None:
        self._path, self._check = path, check
        self._stamp = _stamp(path)
        self.evaluation = Evaluation(self._load())

    def take_changes(self, tell: Callable[[str], None]) -> bool:
        """Evaluate what the file says by now, if that has changed and can be used.

        Args:
            tell: is told that it has changed, or why what it says cannot be used.

        Returns:
            whether there is another evaluation.
        """
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            plan = self._load()
        except InputError as error:
            tell(f"{error} The mapping of before stays in force.")
            return False
        self.evaluation = Evaluation(plan, before=self.evaluation)
        tell(f"{self._path}: read again, {about(plan)}.")
        return True

    def _load(self) -> Plan:
        plan = load_plan(self._path)
        self._check(plan)
        return plan


def refuse_missing(plan: Plan) -> None:
    """Refuse a plan for which something is to be installed first.

    Raises:
        InputError: it says what.
    """
    if missing := plan.missing():
        raise InputError(f"{plan.file}: {'; '.join(missing)}.")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes with a file's content; None where there is none."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino
