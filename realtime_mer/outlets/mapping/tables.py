"""A mapping as it stands in its file, and how it is read; what is wrong is told by its place."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError
from pydantic_core import ErrorDetails

from realtime_mer.errors import InputError, foreign
from realtime_mer.outlets.finding import find_wire
from realtime_mer.outlets.mapping.conditions import (
    Condition,
    Happening,
    parse_condition,
    unknown_value,
)
from realtime_mer.outlets.mapping.values import is_known, is_text, usual_range
from realtime_mer.outlets.wires import Table, Target, Url, Wire
from realtime_mer.wording import counted, nearest

MAX_BYTES = 1 << 20
"""Longest file that is read."""

_Number = StrictFloat  # whole ones too
_Pair = tuple[_Number, _Number]
_Seconds = Annotated[_Number, Field(ge=0, le=3600)]
_Text = Annotated[StrictStr, Field(max_length=1000)]
_Given = StrictInt | StrictFloat | _Text | StrictBool
_Name = Annotated[StrictStr, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
_Silence = Literal["pass", "hold", "home"]


class Shape(Table):
    """How a route shapes its value; ``docs/outlets.md`` tells of every key."""

    source: _Name = Field(alias="from")
    range: _Pair | None = None
    target: _Pair | None = None
    curve: Literal["linear", "s"] | Annotated[_Number, Field(gt=0, le=20)] = "linear"
    invert: StrictBool = False
    attack_s: _Seconds = 0.0
    release_s: _Seconds = 0.0
    step: Annotated[_Number, Field(ge=0)] = 0.0
    max_rate: Annotated[_Number, Field(gt=0, le=1000)] | None = None
    only_changes: StrictBool = False
    unsure: Literal["pass", "slow", "hold"] = "pass"
    unsure_sd: Annotated[_Number, Field(gt=0, le=10)] = 0.3
    silence: _Silence = "pass"
    no_music: _Silence = "pass"
    too_quiet: _Silence = "pass"
    home: _Given | None = None
    start: Literal["home", "wait"] = "home"
    end: Literal["home", "hold"] = "home"
    words: Annotated[dict[str, _Given], Field(max_length=100)] | None = None


class _Output(Table):
    to: _Text | Annotated[list[_Text], Field(min_length=1, max_length=64)]
    name: _Name | None = None
    defaults: dict[str, Any] = Field(default_factory=dict)
    routes: Annotated[list[dict[str, Any]], Field(max_length=2000)] | None = None


class _Rule(Table):
    name: _Name | None = None
    when: StrictStr
    for_s: _Seconds = 0.0
    until: StrictStr | None = None
    rest_s: _Seconds = 0.0
    send: dict[str, Any] | Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100)]


class _Sending(Table):
    to: _Text
    value: _Given | None = None
    source: _Name | None = Field(default=None, alias="from")


@dataclass(frozen=True, kw_only=True)
class Route:
    """A value on its way to a place on each of some targets.

    Attributes:
        shape: what is done to it.
        place: on the wire.
        targets: all on one wire.
        range, target: what is brought to what; None where numbers are left as they are.
    """

    shape: Shape
    place: Table
    targets: tuple[Target, ...]
    range: tuple[float, float] | None
    target: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Send:
    """What a rule sends: a value, or that which a name has at the moment."""

    targets: tuple[Target, ...]
    place: Table
    value: float | int | str | bool | None
    source: str | None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Sends once when something is so for some time, and again when it has been otherwise.

    Attributes:
        name: for people.
        when: what must be so, or happen.
        for_s: seconds of sound for which it must be so.
        until: what must be so before it can fire again; None for that ``when`` is not.
        rest_s: least seconds of sound between two times.
        sends: what it sends.
    """

    name: str
    when: Condition | Happening
    for_s: float
    until: Condition | None
    rest_s: float
    sends: tuple[Send, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a mapping's file says.

    Attributes:
        file: its name, for people.
        routes, rules: in the order of the file.
        targets: all that they lead to, each once.
        names: of targets, as the file calls their outputs.
    """

    file: str
    routes: tuple[Route, ...]
    rules: tuple[Rule, ...]
    targets: tuple[Target, ...]
    names: Mapping[Target, str]

    def missing(self) -> list[str]:
        """Return what is to be installed first, a line each."""
        lines = (target.wire.missing() for target in self.targets)
        return list(dict.fromkeys(line for line in lines if line is not None))


def load_plan(path: str | Path) -> Plan:
    """Read a mapping's file.

    Raises:
        InputError: it cannot be read, or something in it cannot be used; the message names the
            file, the table, the key and what is allowed.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"the mapping {path} cannot be read: {reason}.") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"the mapping {path} is longer than {MAX_BYTES >> 20} MiB.")
    try:
        tables = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path} is no TOML: {error}.") from error
    return read_plan(tables, file=str(path))


def read_plan(tables: Mapping[str, Any], *, file: str) -> Plan:
    """Read the tables of a mapping.

    Args:
        tables: as of its TOML.
        file: what to call it.

    Raises:
        InputError: see ``load_plan``.
    """
    return _Reading(file).plan(tables)


T = TypeVar("T", bound=Table)


class _Reading:
    def __init__(self, file: str) -> None:
        self._file = file
        self._named: dict[str, tuple[Target, ...]] = {}
        self._by_url: dict[str, Target] = {}

    def plan(self, tables: Mapping[str, Any]) -> Plan:
        self._refuse_unknown(tables, "the file", ["output", "rule"])
        routes: list[Route] = []
        for number, table in self._each(tables, "output"):
            routes += self._output(table, f"[[output]] {number}")
        rules = [
            self._rule(table, f"[[rule]] {number}", number)
            for number, table in self._each(tables, "rule")
        ]
        if not routes and not rules:
            raise self._wrong("the file", None, "there is neither an [[output]] nor a [[rule]]")
        led_to = [route.targets for route in routes]
        led_to += [send.targets for rule in rules for send in rule.sends]
        targets = dict.fromkeys(target for targets in led_to for target in targets)
        names = {target: name for name, those in self._named.items() for target in those}
        return Plan(
            file=self._file,
            routes=tuple(routes),
            rules=tuple(rules),
            targets=tuple(targets),
            names=names,
        )

    def _each(self, tables: Mapping[str, Any], key: str) -> Iterable[tuple[int, Any]]:
        found = tables.get(key, [])
        if not isinstance(found, list):
            raise self._wrong("the file", key, f"write it as [[{key}]], once for each")
        return enumerate(found, 1)

    def _output(self, table: Any, where: str) -> list[Route]:
        own, rest = self._split(table, _Output, where)
        output = self._checked(_Output, own, where)
        if output.name is not None:
            where += f" ({output.name})"
        to = [output.to] if isinstance(output.to, str) else output.to
        urls = [self._url(text, where) for text in to]
        wire = self._wire(urls[0], where)
        if others := [url.text for url in urls if url.scheme != urls[0].scheme]:
            raise self._wrong(where, "to", f"{others[0]} is on another wire than {to[0]}")
        options = self._of_wire(wire.options, rest, where, beside=_Output)
        for url in urls[1:]:
            self._wire(url, where)
        targets = tuple(self._target(wire, url, options) for url in urls)
        if output.name is not None:
            if output.name in self._named:
                raise self._wrong(where, "name", "there is another output of that name")
            self._named[output.name] = targets
        if output.routes is None and not wire.routes and not output.defaults:
            return []  # only rules go there
        given = wire.routes if output.routes is None else output.routes
        return [
            self._route(
                {**_fitting(output.defaults, route), **route}, targets, f"{where}, route {number}"
            )
            for number, route in enumerate(given, 1)
        ]

    def _route(self, table: Mapping[str, Any], targets: tuple[Target, ...], where: str) -> Route:
        wire = targets[0].wire
        own, rest = self._split(table, Shape, where)
        shape = self._checked(Shape, own, where)
        name = shape.source
        where += f" ({name})"
        place = self._of_wire(wire.place, rest, where, beside=Shape)
        self._refuse_misfit(place, targets, where)
        if not is_known(name):
            raise self._wrong(where, "from", unknown_value(name))
        brings = shape.range is not None or shape.target is not None or wire.target is not None
        scaled = brings and not is_text(name) and shape.words is None
        source = shape.range or usual_range(name)
        if scaled and source is None:
            raise self._wrong(where, "range", f"give the range of {name}, such as [0, 1]")
        if source is not None and not source[0] < source[1]:
            raise self._wrong(
                where, "range", f"{_pair(source)} must go upwards; `invert = true` turns it round"
            )
        if (is_text(name) or shape.words is not None) and shape.target is not None:
            raise self._wrong(where, "target", f"{name} is a text here, which has no range")
        target = (shape.target or wire.target or (0.0, 1.0)) if scaled else None
        home = shape.home
        if target is not None and home is not None:
            if isinstance(home, str | bool):
                raise self._wrong(where, "home", f"{home!r} is no number")
            if not min(target) <= home <= max(target):
                raise self._wrong(where, "home", f"{home} lies outside of target {_pair(target)}")
        return Route(
            shape=shape,
            place=place,
            targets=targets,
            range=source if scaled else None,
            target=target,
        )

    def _rule(self, table: Any, where: str, number: int) -> Rule:
        rule = self._checked(_Rule, table, where)
        if rule.name is not None:
            where += f" ({rule.name})"
        when = self._condition(rule.when, where, "when")
        until: Condition | None = None
        if rule.until is not None:
            found = self._condition(rule.until, where, "until")
            if isinstance(found, Happening):
                raise self._wrong(where, "until", "give a comparison, such as arousal < 0")
            until = found
        if isinstance(when, Happening):
            for key, given in (("for_s", rule.for_s), ("until", rule.until)):
                if given:
                    raise self._wrong(where, key, f"{rule.when!r} happens at once: leave {key} out")
        sends = [rule.send] if isinstance(rule.send, dict) else rule.send
        return Rule(
            name=rule.name or f"rule {number}",
            when=when,
            for_s=rule.for_s,
            until=until,
            rest_s=rule.rest_s,
            sends=tuple(
                self._send(send, f"{where}, send" if len(sends) == 1 else f"{where}, send {count}")
                for count, send in enumerate(sends, 1)
            ),
        )

    def _send(self, table: Any, where: str) -> Send:
        own, rest = self._split(table, _Sending, where)
        sending = self._checked(_Sending, own, where)
        targets = self._named.get(sending.to)
        if targets is None:
            url = self._url(sending.to, where)
            targets = (self._by_url.get(url.text) or self._plain_target(url, where),)
        wire = targets[0].wire
        place = self._of_wire(wire.place, rest, where, beside=_Sending)
        self._refuse_misfit(place, targets, where)
        if (sending.value is None) == (sending.source is None):
            raise self._wrong(where, "value", "give either a value, or a name behind from")
        if sending.source is not None and not is_known(sending.source):
            raise self._wrong(where, "from", unknown_value(sending.source))
        return Send(targets=targets, place=place, value=sending.value, source=sending.source)

    def _plain_target(self, url: Url, where: str) -> Target:
        wire = self._wire(url, where)
        return self._target(wire, url, self._of_wire(wire.options, {}, where, beside=_Output))

    def _condition(self, text: str, where: str, key: str) -> Condition | Happening:
        try:
            return parse_condition(text)
        except InputError as error:
            raise self._wrong(where, key, str(error)) from error

    def _url(self, text: str, where: str) -> Url:
        try:
            return Url.parse(text)
        except InputError as error:
            names = f" Outputs are called {', '.join(self._named)}." if self._named else ""
            raise self._wrong(where, "to", f"{str(error).removesuffix('.')}.{names}") from error

    def _wire(self, url: Url, where: str) -> Wire[Any, Any]:
        try:
            wire = find_wire(url.scheme)
            wire.check(url)
        except InputError as error:
            raise self._wrong(where, "to", str(error)) from error
        return wire

    def _target(self, wire: Wire[Any, Any], url: Url, options: Table) -> Target:
        target = Target(wire=wire, url=url, options=options)
        self._by_url[url.text] = target
        return target

    def _refuse_misfit(self, place: Table, targets: tuple[Target, ...], where: str) -> None:
        try:
            wrong = targets[0].wire.misfit(place, targets[0].options)
        except InputError as error:
            wrong = str(error)
        if wrong:
            raise self._wrong(where, None, wrong)

    def _split(
        self, table: Any, own: type[Table], where: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Part a table into what is of its own, and what its wire has to understand."""
        if not isinstance(table, dict):
            raise self._wrong(where, None, f"{table!r} is no table: write {{ key = value }}")
        keys = set(_keys(own))
        mine = {key: value for key, value in table.items() if key in keys}
        return mine, {key: value for key, value in table.items() if key not in keys}

    def _refuse_unknown(self, table: Mapping[str, Any], where: str, known: Sequence[str]) -> None:
        for key in table:
            if key not in known:
                raise self._wrong(where, key, _unknown_key(key, known))

    def _checked(
        self, kind: type[T], table: Any, where: str, *, among: Sequence[str] | None = None
    ) -> T:
        if isinstance(table, dict):
            self._refuse_unknown(
                {key: value for key, value in table.items() if key not in _keys(kind)},
                where,
                among or _keys(kind),
            )
        try:
            return kind.model_validate(table)
        except ValidationError as error:
            problems = error.errors(include_url=False)
            key = str(problems[0]["loc"][0]) if problems[0]["loc"] else None
            of_key = [problem for problem in problems if problem["loc"][:1] == (key,)]
            raise self._wrong(where, key, _told(of_key or problems[:1])) from error

    def _of_wire(self, kind: type[T], table: Any, where: str, *, beside: type[Table]) -> T:
        """Check what a wire has to understand, which another package may have brought."""
        what = f"{self._file}: {where}: {kind.__module__}.{kind.__name__}"
        with foreign(what, InputError):
            found = self._checked(kind, table, where, among=_keys(beside, kind))
            hash(found)  # places and targets are told apart by it
        return found

    def _wrong(self, where: str, key: str | None, what: str) -> InputError:
        at = where if key is None else f"{where}, {key}"
        return InputError(f"{self._file}: {at}: {what.removesuffix('.')}.")


def _keys(*kinds: type[Table]) -> list[str]:
    return [field.alias or name for kind in kinds for name, field in kind.model_fields.items()]


def _fitting(defaults: Mapping[str, Any], route: Mapping[str, Any]) -> dict[str, Any]:
    """Return those defaults that a route can have: a text has neither range nor position."""
    text = "words" in route or is_text(str(route.get("from")))
    of_numbers = {"range", "target", "home"} if text else set()
    return {key: value for key, value in defaults.items() if key not in of_numbers}


def _unknown_key(key: str, known: Sequence[str]) -> str:
    near = nearest(key, known)
    guess = f" Did you mean {near}?" if near else ""
    return f"there is no such key; there are: {', '.join(known)}.{guess}"


def _told(problems: Sequence[ErrorDetails]) -> str:
    """Return what is wrong with a value, and what is allowed, from what pydantic says."""
    first = problems[0]
    if first["type"] == "missing":
        return "it is missing"
    if first["type"] == "value_error":  # in words of our own
        return str(first.get("ctx", {}).get("error", first["msg"]))
    allowed = dict.fromkeys(
        problem["msg"].removeprefix("Input should be ").replace("a valid ", "a ")
        for problem in problems
    )
    return f"{first['input']!r} is not allowed; it should be {' or '.join(allowed)}"


def _pair(pair: tuple[float, float]) -> str:
    return f"[{pair[0]:g}, {pair[1]:g}]"


def about(plan: Plan) -> str:
    """Return what a plan holds, in one line."""
    return (
        f"{counted(len(plan.routes), 'route')} and {counted(len(plan.rules), 'rule')} "
        f"to {counted(len(plan.targets), 'target')}"
    )
