"""Killed by signal 9 before and after every point of the commit protocol, and run again: as if nothing had happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.engine.points import POINTS
from lakehouse.errors import OffsetError
from lakehouse.names import TableName
from tests.crash import guards, lakes, meanwhile, project
from tests.crash.child import Task
from tests.crash.test_kill_cleaned import CLEANED
from tests.crash.test_kill_drained import DRAINED
from tests.crash.test_kill_replayed import REPLAYED

ELSEWHERE = {CLEANED, *DRAINED, *REPLAYED}
"""Points of which other files have the tests."""
UPSTREAM = {"bronze": "", "silver": "bronze.orders", "gold": "bronze.orders silver.orders"}
"""Layer -> what a table of it reads."""


@dataclass(frozen=True)
class Kill:
    """One process and where it ends.

    `fresh`: it starts from a lake in which the table is not there yet; otherwise every table has the first instalment.
    `loaded`: Bronze has both.
    """

    where: str
    table: str
    fresh: bool = False
    loaded: bool = False
    off: str = ""
    meanwhile: str = ""
    java: bool = False
    """Java dies with the process, as on a real machine, and the whole project is run; otherwise Java is the tests' own
    and only the table is run, on a lake in which all that it reads is there: that saves most of the time."""

    @property
    def select(self) -> str:
        """The one table that is run; empty for the whole project."""
        return "" if self.java else self.table

    @property
    def upstream(self) -> str:
        """The tables that have both instalments when the process starts, each after those that it reads."""
        if self.java:
            return ""
        return UPSTREAM[TableName.parse(self.table).layer] or ("bronze.orders" if self.loaded else "")

    def __str__(self) -> str:
        return " ".join(filter(None, [self.where, self.table, self.meanwhile, "and Java" if self.java else ""]))


TABLES = {
    "create": "bronze.orders",
    "ledger": "bronze.orders",
    "planned": "silver.orders",
    "failed": "bronze.orders",
    "companions": "silver.orders",
    "data": "silver.orders",
    "confirmed": "silver.log",
    "result": "bronze.orders",
    "maintenance": "silver.orders",
    "audit": "silver.orders",
}
"""Point -> the table at which the process is killed there."""
MORE = {
    "create": ["silver.log"],
    "planned": ["bronze.orders"],
    "companions": ["bronze.orders"],
    "data": ["bronze.orders", "gold.by_customer", "silver.log"],
    "confirmed": ["bronze.orders", "gold.by_customer"],
}
"""Other tables at the same points: only by `make soak`."""


def _kills(tables: Mapping[str, list[str]]) -> list[Kill]:
    both = [(side, point) for point in POINTS for side in ("before", "after")]
    return [Kill(f"{s} {p}", t, fresh=p == "create") for s, p in both for t in tables.get(p, [])]


KILLS = [
    *_kills({point: [table] for point, table in TABLES.items()}),
    Kill("before data", "silver.orders", java=True),
]
SPECIAL = {
    "restore": Kill("after data", "silver.log", meanwhile="restore"),
    "hide file": Kill("after failed", "bronze.orders", meanwhile="hide file"),
    "other planner": Kill("after data", "bronze.orders", meanwhile="other planner"),
    "later planner": Kill("after data", "bronze.orders", meanwhile="later planner"),
    "restore twice": Kill("after ledger", "bronze.orders", loaded=True, meanwhile="restore twice"),
    "other run": Kill("after confirmed", "silver.log", meanwhile="other run"),
}


@dataclass
class World:
    """The project, its lakes to start from, and what an undisturbed run makes of each."""

    root: Path
    spark: SparkSession
    pool: ThreadPoolExecutor
    lakes: dict[tuple[bool, str], Path]
    expected: dict[str, dict[str, Counter[str]]]
    """What an undisturbed run makes of a loaded lake, under "", and of a fresh one, under the table that was run."""
    statuses: dict[str, str]
    done: dict[Kill, Future[tuple[int, Path]]]
    numbers: Iterator[int] = field(default_factory=count)

    def new_lake(self, fresh: bool, upstream: str) -> Path:
        """A lake of its own in which the tables of `upstream` have both instalments and the others what they start with."""
        if upstream and (fresh, upstream) not in self.lakes:
            before, _, last = upstream.rpartition(" ")
            lake = self.new_lake(fresh, before)
            assert lakes.run(self.root, lake, self.spark, select=last).ok
            self.lakes[fresh, upstream] = lake
        lake = self._place()
        return lakes.copy(self.lakes[fresh, upstream], lake) if (fresh, upstream) in self.lakes else lake

    def _place(self) -> Path:
        return self.root.parent / f"lake{next(self.numbers)}"

    def undisturbed(self, kill: Kill) -> dict[str, Counter[str]]:
        """The tables that the killed process was about to write, and what they hold when nothing happens."""
        key = kill.select if kill.fresh else ""
        if key not in self.expected:
            lake = self.new_lake(kill.fresh, kill.upstream)
            assert lakes.run(self.root, lake, self.spark, select=key).ok
            self.expected[key] = lakes.contents(self.root, lake, self.spark, key)
        return {n: rows for n, rows in self.expected[key].items() if n.startswith(kill.select)}

    def kill(self, kill: Kill) -> tuple[int, Path]:
        """The exit code of the killed process and a copy of what it left; the next one is begun meanwhile."""
        place = KILLS.index(kill) if kill in KILLS else len(KILLS)
        for wanted in (kill, *KILLS[place + 1 : place + 2]):
            if wanted not in self.done:
                self.submit(wanted)
        code, lake = self.done[kill].result()
        return code, lakes.copy(lake, self._place())

    def submit(self, kill: Kill) -> None:
        """Have it killed by one of the workers."""
        lake = self.new_lake(kill.fresh, kill.upstream)

        def work() -> tuple[int, Path]:
            java = None if kill.java else lakes.java(self.spark)
            code = lakes.killed(
                Task(self.root, lake, kill.where, kill.table, kill.select, kill.off, kill.meanwhile, java)
            )
            if kill.meanwhile in meanwhile.AFTERWARDS:
                meanwhile.AFTERWARDS[kill.meanwhile](project.load(self.root, lake), self.spark)
            return code, lake

        self.done[kill] = self.pool.submit(work)

    def run_again(self, lake: Path, kill: Kill) -> None:
        """Run again, undisturbed, and compare with a lake on which nothing had happened."""
        again = lakes.run(self.root, lake, self.spark, select=kill.select)
        assert again.ok, [str(s.error) for s in again.steps.values() if s.error]
        found = lakes.contents(self.root, lake, self.spark, kill.select)
        wanted = self.undisturbed(kill)
        for name, rows in wanted.items():
            assert found.get(name) == rows, name
        assert found.keys() == wanted.keys()
        assert lakes.statuses(self.root, lake) == self.statuses
        lakes.check_control_plane(self.root, lake, kill.select)
        versions = lakes.commits_of(self.root, lake)
        idle = lakes.run(self.root, lake, self.spark, select=kill.select)
        assert not idle.used_spark, {str(s.name): s.reason for s in idle.steps.values()}
        assert lakes.commits_of(self.root, lake) == versions


@pytest.fixture(scope="module")
def world(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = project.make(tmp_path_factory.mktemp("crash") / "project")
    project.first_instalment(root)
    base = root.parent / "base"
    assert lakes.run(root, base, spark).ok
    project.second_instalment(root)
    with ThreadPoolExecutor(2) as pool:
        world = World(root, spark, pool, {(False, ""): base}, {}, {}, {})
        lake = world.new_lake(False, "bronze.orders")
        assert lakes.run(root, lake, spark).ok
        world.expected[""] = lakes.contents(root, lake, spark)
        assert world.expected[""].keys() == set(project.DATA_TABLES)
        world.statuses |= lakes.statuses(root, lake)
        assert world.statuses[project.BAD] == "failed"
        yield world


@pytest.mark.parametrize("kill", KILLS, ids=str)
def test_killed_and_run_again_equals_undisturbed(world: World, kill: Kill) -> None:
    code, lake = world.kill(kill)
    assert code == -9
    world.run_again(lake, kill)


@pytest.mark.soak
@pytest.mark.parametrize("kill", [*_kills(MORE), Kill("after data", "bronze.orders", java=True)], ids=str)
def test_killed_at_other_tables_and_run_again_equals_undisturbed(world: World, kill: Kill) -> None:
    code, lake = world.kill(kill)
    assert code == -9
    world.run_again(lake, kill)


def test_every_point_is_killed_on_both_sides(world: World) -> None:
    killed = {k.where for k in KILLS if world.done[k].result()[0] == -9}
    assert killed == {f"{side} {point}" for point in POINTS if point not in ELSEWHERE for side in ("before", "after")}


def test_restore_under_a_running_step_is_refused(world: World) -> None:
    code, lake = world.kill(SPECIAL["restore"])
    assert code == -9
    assert _refuses(world, lake)


def test_file_that_was_away_for_a_moment_is_loaded_once(world: World) -> None:
    code, lake = world.kill(SPECIAL["hide file"])
    assert code == -9
    world.run_again(lake, SPECIAL["hide file"])


def test_two_planners_do_not_load_a_file_twice(world: World) -> None:
    code, lake = world.kill(SPECIAL["other planner"])
    assert code == -9
    world.run_again(lake, SPECIAL["other planner"])


def test_what_another_planner_planned_is_loaded_once_and_so_is_what_we_would_have_planned(world: World) -> None:
    code, lake = world.kill(SPECIAL["later planner"])
    assert code == -9
    _bronze_again(world, lake)


def test_run_that_was_overtaken_changes_nothing(world: World) -> None:
    code, lake = world.kill(SPECIAL["other run"])
    # the overtaken attempt decides anew, finds nothing to do and never confirms
    assert code == 0
    world.run_again(lake, SPECIAL["other run"])


def test_batches_that_a_restore_undid_are_loaded_again(world: World) -> None:
    _, lake = world.kill(Kill("after result", "bronze.orders"))
    meanwhile.restore("bronze.orders", 1)(project.load(world.root, lake), world.spark)
    _bronze_again(world, lake)


def test_batches_that_a_second_restore_brought_back_are_not_loaded_again(world: World) -> None:
    code, lake = world.kill(SPECIAL["restore twice"])
    assert code == -9
    world.run_again(lake, SPECIAL["restore twice"])


KILL_OF_GUARD = {
    "of two planners one decides anew": SPECIAL["later planner"],
    "what was planned before a RESTORE is void": SPECIAL["restore twice"],
    "the batch is planned in the ledger before the data": Kill("after data", "bronze.orders"),
    "failed rows are written before the data": Kill("after data", "bronze.orders"),
    "a failed row counts only if its attempt committed": SPECIAL["hide file"],
    "the data commit carries a txn": Kill("after data", "silver.log"),
    "the data commit carries the offsets": Kill("after data", "silver.log"),
    "companions are written before the data": Kill("after data", "silver.orders"),
    "companion rows exist only if their attempt committed": Kill("after companions", "silver.orders"),
    "a commit is looked for after it was written": SPECIAL["other run"],
    "a RESTORE between decision and commit is looked for": SPECIAL["restore"],
    "a commit of a dead attempt is confirmed": Kill("after data", "silver.log"),
    "the result of a dead attempt's batch is noted": Kill("after data", "bronze.orders"),
}
IN_THE_KILLED = {
    "of two planners one decides anew",
    "the batch is planned in the ledger before the data",
    "failed rows are written before the data",
    "the data commit carries a txn",
    "the data commit carries the offsets",
    "companions are written before the data",
    "a commit is looked for after it was written",
}
"""Guards that the killed process needs; the others are needed by the run after it."""


@pytest.mark.parametrize("guard", guards.GUARDS)
def test_every_guard_carries_weight(world: World, guard: str) -> None:
    kill = KILL_OF_GUARD[guard]
    if guard in IN_THE_KILLED:
        kill = Kill(kill.where, kill.table, off=guard, meanwhile=kill.meanwhile)
    code, lake = world.kill(kill)
    assert code == -9, "without the guard the process gets to the same point"
    with nullcontext() if guard in IN_THE_KILLED else guards.off(guard):
        if guard.startswith("a RESTORE"):
            assert not _refuses(world, lake)
        else:
            with pytest.raises(AssertionError):
                _run_again(world, lake, kill)


def _refuses(world: World, lake: Path) -> bool:
    step = lakes.run(world.root, lake, world.spark, select="silver.log")["silver.log"]
    return isinstance(step.error, OffsetError) and step.error.code == "offset.restored"


def _run_again(world: World, lake: Path, kill: Kill) -> None:
    if kill.meanwhile == "later planner":
        _bronze_again(world, lake)
    else:
        world.run_again(lake, kill)


def _bronze_again(world: World, lake: Path) -> None:
    again = lakes.run(world.root, lake, world.spark, select="bronze.orders")
    assert again.ok, again["bronze.orders"].error
    found = lakes.contents(world.root, lake, world.spark, "bronze.orders")["bronze.orders"]
    assert _rows(found) == _rows(world.expected[""]["bronze.orders"])


def _rows(found: Counter[str]) -> Counter[str]:
    """Rows without the batch, which is another one when a file is loaded again."""
    return Counter({",".join(p for p in row.split(",") if "_batch=" not in p): n for row, n in found.items()})
