"""Explicit-state model of the ledger of a Bronze table (design.md section 3): files, ledger rows, signed commits, crashes, two runners.

Files 1..F arrive one by one; file 2 is unreadable until it is repaired (its modification time changes then). A batch takes at most one
new file and one repaired file. Ledger rows: (planned, batch, attempt, files), (failed, batch, attempt, file, mtime), (result, batch,
attempt, version), (void, batch), (seen, version: an idle run's note), (restored, version, target: a RESTORE that a run met). The append of a `planned` row conflicts with any planned append since the ledger was opened.
Variants switch single sentences off. usage: python -m tests.models.ledger_model
"""

from collections import namedtuple

from tests.models.search import search, told

T = namedtuple("T", "id txn hist snaps")  # hist entries: None (expired) or (kind, batch, attempt, base, restore target)
R = namedtuple("R", "pc m att files base open")
S = namedtuple("S", "files mt t led run crashes env att")
IDLE = R("idle", 0, 0, (), 0, 0)


class V:
    failed_by_attempt = True  # a failed row counts only if its attempt committed the batch
    failed_first = True  # failed rows are written before the data commit
    plan_conflicts = True  # application transaction on the plan
    void_any_restore = True  # batches undone by any RESTORE are voided, not only by ours
    result_needed = True  # expired history: only batches with a result row are loaded
    keyed_by_id = True  # ledger rows belong to the table's id, not to its name
    restores_noted = True  # every RESTORE is noted, so that the lineage can be followed through expired history
    stale_plans_void = True  # a planned batch is voided when the table was restored since it was planned
    void_yields = True  # a void batch that another RESTORE brought back counts again
    empty_ledger_fails = True  # a table whose sequence no ledger row planned refuses: the ledger is gone, or older

    def __init__(s, **k):
        s.__dict__.update(k)


def lineage(t):
    out, i = {}, len(t.hist) - 1
    while i >= 0:
        k = t.hist[i]
        if k is None:
            return out, i
        if k[0] == "restore":
            i = k[4]
            continue
        if k[0] == "ours":
            out.setdefault(k[1], (k[2], i))
        i -= 1
    return out, None


def rows_of(v, s):
    return [x for x in s.led if x[-1] == s.t.id or not v.keyed_by_id]


def status(v, s):
    """batch -> committed attempt, for every batch whose commit the content stands on; unsettled batches; void ones."""
    led = rows_of(v, s)
    line, cut = lineage(s.t)
    void = {x[1] for x in led if x[0] == "void"}
    com = {b: a for b, (a, _) in line.items()}
    if cut is not None:
        noted, i, on = {x[1]: x[2] for x in led if x[0] == "restored"}, cut, set()
        while i >= 0:
            if v.restores_noted and i in noted:
                i = noted[i]
                continue
            on.add(i)
            i -= 1
        for x in led:
            if x[0] == "result" and x[3] in on and (v.void_yields or x[1] not in void):
                com.setdefault(x[1], x[2])
            if not v.result_needed and x[0] == "planned" and x[1] <= s.t.txn and x[1] not in void:
                com.setdefault(x[1], x[2])
    return com, void, cut


def taken(v, s):
    """file -> mtime as loaded or failed; files of unsettled batches count as taken."""
    com, void, _ = status(v, s)
    led = rows_of(v, s)
    got = {}
    if v.void_yields:
        void -= set(com)
    for b in sorted({x[1] for x in led if x[0] == "planned"} - void):  # the newest batch that knows a file decides
        for x in led:
            if x[0] == "planned" and x[1] == b and (b in com or b > s.t.txn):
                got.update({f: "loaded" for f, _ in x[3]})
        for x in led:
            if x[0] == "failed" and x[1] == b and (not v.failed_by_attempt or com.get(b) == x[2]):
                got[x[3]] = x[4]
    return got


def step(v, s, i):
    r = s.run[i]
    t = s.t

    def put(r2, **k):
        return s._replace(run=s.run[:i] + (r2,) + s.run[i + 1 :], **k)

    if r.pc == "idle":
        led = rows_of(v, s)
        com, void, cut = status(v, s)
        if t.txn and not any(x[:2] == ("planned", t.txn) for x in led) and v.empty_ledger_fails:
            yield f"r{i} refuses: no ledger", put(r._replace(pc="failed"))
            return
        line, _ = lineage(t)
        for b, (a, j) in sorted(line.items()):
            k = t.hist[j]
            if any(x is None or x[0] == "restore" for x in t.hist[k[3] + 1 : j]) and not any(
                x[:3] == ("result", b, a) for x in led
            ):
                yield f"r{i} refuses: restored under a load", put(r._replace(pc="failed"))
                return
            if not any(x[:3] == ("result", b, a) for x in led):
                yield f"r{i} result of {b} late", s._replace(led=s.led + (("result", b, a, j, t.id),))
                return
        undone = {x[1] for x in led if x[0] == "planned" and x[1] <= t.txn and x[1] not in com and x[1] not in void}
        if (
            cut is not None
            and v.result_needed
            and not any((x[0] == "result" and x[3] == cut) or (x[0] == "seen" and x[1] == cut) for x in led)
        ):
            yield f"r{i} refuses: nobody saw version {cut}", put(r._replace(pc="failed"))
            return
        new = {(j, k[4]) for j, k in enumerate(t.hist) if k and k[0] == "restore"} - {
            x[1:3] for x in led if x[0] == "restored"
        }
        if v.restores_noted and new:
            yield (
                f"r{i} notes RESTORE {sorted(new)}",
                s._replace(led=s.led + tuple(("restored", j, k, t.id) for j, k in sorted(new))),
            )
            return
        if v.stale_plans_void:
            back = [j for j, k in enumerate(t.hist) if k and k[0] == "restore"] + [
                x[1] for x in led if x[0] == "restored"
            ]
            undone |= {
                x[1]
                for x in led
                if x[0] == "planned" and x[1] > t.txn and x[1] not in void and any(j > x[4] for j in back)
            }
        if undone and v.void_any_restore:
            yield (
                f"r{i} voids {sorted(undone)}",
                s._replace(led=s.led + tuple(("void", b, t.id) for b in sorted(undone))),
            )
            return
        open_ = [x for x in led if x[0] == "planned" and x[1] > t.txn and x[1] not in void]
        if open_:
            x = min(open_, key=lambda x: x[1])
            yield f"r{i} replays {x[1]}", put(R("read", x[1], s.att + 1, x[3], len(t.hist) - 1, 0), att=s.att + 1)
            return
        got = taken(v, s)
        new = [f for f in range(1, s.files + 1) if f not in got][:1] + [
            f for f, m in got.items() if m != "loaded" and m != s.mt[f]
        ][:1]
        if not new:
            top = len(t.hist) - 1
            if t.txn and not any((x[0] == "result" and x[3] == top) or (x[0] == "seen" and x[1] == top) for x in led):
                yield f"r{i} idle, notes version {top}", s._replace(led=s.led + (("seen", top, t.id),))
                return
            yield f"r{i} done", put(r._replace(pc="done"))
            return
        m = max([t.txn] + [x[1] for x in led if x[0] == "planned"]) + 1
        yield (
            f"r{i} decides {m} {new}",
            put(
                R(
                    "plan",
                    m,
                    s.att + 1,
                    tuple((f, s.mt[f]) for f in new),
                    len(t.hist) - 1,
                    sum(x[0] == "planned" for x in s.led),
                ),
                att=s.att + 1,
            ),
        )
        return
    if r.pc == "plan":
        if v.plan_conflicts and sum(x[0] == "planned" for x in s.led) != r.open:
            yield f"r{i} plan conflicts", put(IDLE)
            return
        yield (
            f"r{i} plans {r.m}",
            put(r._replace(pc="read"), led=s.led + (("planned", r.m, r.att, r.files, r.base, t.id),)),
        )
        return
    if r.pc == "read":
        bad = [f for f, _ in r.files if f == 2 and s.mt[2] == 0]
        ok = tuple((f, m) for f, m in r.files if f not in bad)
        led = s.led
        if bad and v.failed_first:
            led += tuple(("failed", r.m, r.att, f, s.mt[f], t.id) for f in bad)
        yield (
            f"r{i} reads {r.m}" + (f", {bad} fails" if bad else ""),
            put(r._replace(pc="data", files=(r.files, ok, tuple(bad))), led=led),
        )
        return
    if r.pc == "data":
        if t.txn >= r.m:
            yield f"r{i} data {r.m} dropped", put(r._replace(pc="back"))
            return
        prev = t.snaps[-1] if t.snaps else ()
        yield (
            f"r{i} data {r.m}",
            put(
                r._replace(pc="back"),
                t=T(
                    t.id,
                    r.m,
                    t.hist + (("ours", r.m, r.att, r.base, None),),
                    t.snaps + (prev + tuple(f for f, _ in r.files[1]),),
                ),
            ),
        )
        return
    if r.pc == "back":
        mine = [j for j, k in enumerate(t.hist) if k and k[0] == "ours" and k[1] == r.m and k[2] == r.att]
        if not mine:
            yield f"r{i} sees {r.m} is another's", put(IDLE)
            return
        if any(x is None or x[0] == "restore" for x in t.hist[r.base + 1 : mine[0]]):
            yield f"r{i} refuses: restored under it", put(r._replace(pc="failed"))
            return
        led = s.led + (() if v.failed_first else tuple(("failed", r.m, r.att, f, 0, t.id) for f in r.files[2]))
        if not any(x[:3] == ("result", r.m, r.att) for x in led):
            led += (("result", r.m, r.att, mine[0], t.id),)
        yield f"r{i} result {r.m}", put(IDLE, led=led)
        return


def wake(s):
    return s._replace(run=tuple(IDLE if r.pc in ("done", "failed") else r for r in s.run))


def moves(v, s, sc):
    busy = [i for i, r in enumerate(s.run) if r.pc not in ("idle", "done", "failed")]
    for i, r in enumerate(s.run):
        if r.pc in ("done", "failed") or (sc["lock"] and busy and i not in busy):
            continue
        yield from step(v, s, i)
        if s.crashes and r.pc != "idle":
            yield f"r{i} CRASH", s._replace(run=s.run[:i] + (IDLE,) + s.run[i + 1 :], crashes=s.crashes - 1)
    if s.files < sc["files"]:
        yield "file arrives", wake(s._replace(files=s.files + 1))

    def env(name, s2):
        return wake(s2._replace(env=s2.env - {name}))

    if "repair" in s.env and s.files >= 2:
        yield "file 2 repaired", env("repair", s._replace(mt=s.mt[:2] + (1,) + s.mt[3:]))
    again = next((e for e in ("restore", "restore again") if e in s.env), None)
    if again and len(s.t.hist) > 1:
        for k in [k for k in range(len(s.t.hist) - 1) if s.t.hist[k] is not None]:
            yield (
                f"foreign RESTORE to {k}",
                env(
                    again,
                    s._replace(
                        t=s.t._replace(hist=s.t.hist + (("restore", 0, 0, 0, k),), snaps=s.t.snaps + (s.t.snaps[k],))
                    ),
                ),
            )
    once = next((e for e in ("expiry", "expiry again") if e in s.env), None)
    if once and len(s.t.hist) > 1:
        for c in [c for c in range(1, len(s.t.hist)) if s.t.hist[c - 1] is not None]:
            yield (
                f"history before {c} expires",
                s._replace(t=s.t._replace(hist=(None,) * c + s.t.hist[c:]), env=s.env - {once}),
            )
    if "optimize" in s.env and s.t.hist:
        yield (
            "foreign OPTIMIZE",
            env(
                "optimize",
                s._replace(
                    t=s.t._replace(hist=s.t.hist + (("foreign", 0, 0, 0, None),), snaps=s.t.snaps + (s.t.snaps[-1],))
                ),
            ),
        )
    if "drop" in s.env and s.t.txn and not busy:
        yield "table folder deleted", env("drop", s._replace(t=T(s.t.id + 1, 0, (), ())))
    if "wipe" in s.env and s.led and not busy:
        yield "_lakehouse deleted", env("wipe", s._replace(led=()))
    if "older copy" in s.env and not busy:
        for k, x in enumerate(s.led):
            if x[0] == "planned":
                yield f"_lakehouse put back as before batch {x[1]}", env("older copy", s._replace(led=s.led[:k]))


def check(v, s, sc):
    f = s._replace(run=(IDLE,), crashes=0)
    for _ in range(80):
        if f.run[0].pc in ("done", "failed"):
            break
        f = next(step(v, f, 0))[1]
    else:
        return "never settles"
    if f.run[0].pc == "failed":
        return None if {"restore", "expiry", "wipe", "older copy"} & set(sc["env"]) else "refuses without cause"
    stored = list(f.t.snaps[-1]) if f.t.snaps else []
    got = taken(v, f)
    for x in range(1, f.files + 1):
        n = stored.count(x)
        if x == 2 and f.mt[2] == 0 and n == 0 and got.get(2) == 0:
            continue  # failed, with a trace
        if n != 1:
            return f"file {x} stored {n} times"
    return None


def start(sc):
    s0 = S(1, (0,) * 5, T(1, 0, (), ()), (), (IDLE,) * sc["runners"], sc["crashes"], frozenset(sc["env"]), 0)
    if sc.get("start"):  # batches 1 and 2 done, file 2 failed in batch 2, file 3 there
        s0 = s0._replace(
            files=3,
            att=2,
            t=T(1, 2, (("ours", 1, 1, -1, None), ("ours", 2, 2, 0, None)), ((1,), (1,))),
            led=(
                ("planned", 1, 1, ((1, 0),), -1, 1),
                ("result", 1, 1, 0, 1),
                ("planned", 2, 2, ((2, 0),), 0, 1),
                ("failed", 2, 2, 2, 0, 1),
                ("result", 2, 2, 1, 1),
            ),
        )
    return s0


def explore(v, sc, limit=1_200_000):
    s0 = start(sc)
    quiet = lambda s: all(r.pc in ("idle", "done", "failed") for r in s.run)  # noqa: E731
    return search(s0, lambda s: moves(v, s, sc), quiet, lambda s: check(v, s, sc), limit)


SC = {
    "lock, 2 crashes, repair": dict(lock=True, runners=1, files=3, crashes=2, env=["repair"]),
    "lock, 2 runners, 1 crash, repair": dict(lock=True, runners=2, files=2, crashes=1, env=["repair"]),
    "no lock, 2 runners, 1 crash, repair": dict(lock=False, runners=2, files=2, crashes=1, env=["repair"]),
    "lock, RESTORE, 1 crash": dict(lock=True, runners=1, files=3, crashes=1, env=["restore"]),
    "lock, RESTORE, expiry, repair": dict(
        lock=True, runners=1, files=3, crashes=0, env=["restore", "expiry", "repair"]
    ),
    "lock, OPTIMIZE, RESTORE, expiry, 1 crash": dict(
        lock=True, runners=1, files=3, crashes=1, env=["optimize", "restore", "expiry"]
    ),
    "lock, RESTORE twice, 1 crash": dict(lock=True, runners=1, files=3, crashes=1, env=["restore", "restore again"]),
    "lock, RESTORE twice, expiry, repair": dict(
        lock=True, runners=1, files=2, crashes=0, env=["restore", "restore again", "expiry", "repair"]
    ),
    "lock, RESTORE twice, expiry twice": dict(
        lock=True, runners=1, files=3, crashes=0, env=["restore", "restore again", "expiry", "expiry again"]
    ),
    "lock, RESTORE twice, expiry, 1 crash": dict(
        lock=True, runners=1, files=2, crashes=1, env=["restore", "restore again", "expiry"]
    ),
    "no lock, 2 runners, RESTORE twice": dict(
        lock=False, runners=2, files=2, crashes=0, env=["restore", "restore again"]
    ),
    "lock, expiry, 1 crash": dict(lock=True, runners=1, files=3, crashes=1, env=["expiry"]),
    "lock, table folder deleted, repair, 1 crash": dict(
        lock=True, runners=1, files=2, crashes=1, env=["drop", "repair"]
    ),
    "no lock, file 2 failed, file 3 there": dict(lock=False, runners=2, files=3, crashes=0, env=["repair"], start=True),
    "lock, _lakehouse deleted, 1 crash": dict(lock=True, runners=1, files=2, crashes=1, env=["wipe"]),
    "lock, older _lakehouse, repair, 1 crash": dict(
        lock=True, runners=1, files=3, crashes=1, env=["older copy", "repair"]
    ),
    "lock, older _lakehouse, RESTORE": dict(lock=True, runners=1, files=3, crashes=0, env=["older copy", "restore"]),
}
VARIANTS = {
    "all sentences kept": V(),
    "failed rows count whoever committed": V(failed_by_attempt=False),
    "failed rows after the data": V(failed_first=False),
    "plans do not conflict": V(plan_conflicts=False),
    "no void after a foreign RESTORE": V(void_any_restore=False),
    "RESTOREs are not noted": V(restores_noted=False),
    "plans outlive a RESTORE": V(stale_plans_void=False),
    "void for ever": V(void_yields=False),
    "expired history: planned = loaded": V(result_needed=False),
    "ledger keyed by name": V(keyed_by_id=False),
    "empty ledger accepted": V(empty_ledger_fails=False),
}
if __name__ == "__main__":
    for line in told(explore, VARIANTS, SC):
        print(line, flush=True)
