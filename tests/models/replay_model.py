"""Explicit-state model of replay (docs/protocol.md): rejected rows that go through today's definition once more, exactly once.

On top of `protocol_model.py`: the same table, quarantine, `commits`, loaders, crashes, RESTORE and expiry, and runners that replay. A
row of the quarantine has a list of marks, the attempts that took it, newest first (`_replay_id`); it counts as replayed if and only if
one of them is a commit in the lineage. `replays`: planned replays (sequence, attempt); `ended`: those that are settled.
A replay writes: planned, marks (one commit to the quarantine), data, confirmed, ended. Bad rows become good when the rule is mended;
somebody may repair the row of batch 1 by UPDATE while it is open. Runners begin at most 6 attempts: two replays without a lock can end
each other again and again.
Variants switch single sentences off. usage: python -m tests.models.replay_model
"""

from collections import namedtuple

from tests.models import protocol_model as base
from tests.models.protocol_model import IDLE, commit, committed, good, place, rows, wake
from tests.models.search import search, told

S = namedtuple("S", (*base.S._fields, "compv", "replays", "ended"))
R = namedtuple(
    "R", (*base.R._fields, "rows")
)  # of a replay `pin` is the quarantine's version, `rows` what it took there


class V(base.V):
    open_blocks = True  # marks of an attempt that may still commit are left alone until its sequence is taken
    version_checked = True  # marks count only when nobody wrote the quarantine since it was read
    by_lineage = True  # replayed is what stands in the lineage, not what says `_replayed_at`
    marks_stay = True  # the mark of a replay that a RESTORE undid stays beside a newer one
    marked_first = True  # marks are written before the data
    never_committed = True  # only marks of attempts that never committed are taken away


def marks_of(x):
    return x[3] if len(x) > 3 else ()


def marked(x, marks, done=None):
    return (*x[:3], marks, (x[4] if len(x) > 4 else False) if done is None else done)


def key(x):
    return x[0][1], x[1], x[2]  # `_quarantine_id` and `_attempt`: a repair changes neither


def replayed(v, s, x):
    if not v.by_lineage:
        return len(x) > 4 and x[4]
    return bool(set(marks_of(x)) & {a for _, a in committed(v, s)})


def settle_marks(v, s):
    """The one state after open marks are settled; None when nothing is open."""
    live = committed(v, s)
    ever = live | {(k[1], k[2]) for k in s.t.hist if k and k[0] == "ours"} | {(q[0], q[1]) for q in s.conf}
    if not v.never_committed:
        ever = live
    for m, a in sorted(s.replays - s.ended):
        if (m, a) in live:
            comp = tuple(marked(x, marks_of(x), True) if a in marks_of(x) else x for x in s.comp)
            return f"finishes replay {m}", s._replace(comp=comp, ended=s.ended | {(m, a)})
        if (m <= s.t.txn or not v.open_blocks) and (m, a) not in ever:
            comp = tuple(marked(x, tuple(k for k in marks_of(x) if k != a)) if a in marks_of(x) else x for x in s.comp)
            return f"clears marks of {m}", s._replace(comp=comp, ended=s.ended | {(m, a)})
    return None


def step(v, s, i, role):
    r = s.run[i]
    if r.pc == "idle":
        yield from decide(v, s, i, role)
    elif hasattr(r, "rows"):
        yield from replay(v, s, i)
    else:
        yield from versioned(s, base.step(v, s, i))


def versioned(s, moves):
    for name, n in moves:
        yield name, n._replace(compv=s.compv + (n.comp != s.comp))


def decide(v, s, i, role):
    def put(r2, **k):
        return s._replace(run=s.run[:i] + (r2,) + s.run[i + 1 :], **k)

    p = place(v, s)
    if p == "fail":
        yield f"r{i} refuses", put(s.run[i]._replace(pc="failed"))
        return
    open_ = settle_marks(v, s)
    if open_:
        yield from versioned(s, [(f"r{i} {open_[0]}", open_[1])])
        return
    n, off = p
    if role == "load":
        yield from versioned(s, base.step(v, s, i))
        return
    for name, after in base.step(v, s._replace(inp=off), i):  # what is to be settled, but nothing loaded
        if not name.endswith("done"):
            yield from versioned(s, [(name, after._replace(inp=s.inp))])
            return
    m, att, here = n + 1, s.att + 1, len(s.t.hist) - 1
    if not s.t.txn:
        yield f"r{i} done", put(s.run[i]._replace(pc="done"))
        return
    if v.open_blocks and any(q > s.t.txn for q, _ in s.replays - s.ended):
        yield (
            f"r{i} takes {m} empty",
            put(R("data", m, off, s.compv, att, s.rule, here, ()), plan=s.plan | {(m, att)}, att=att),
        )
        return
    live = {(q, a) for q, a in committed(v, s)}
    took = tuple(x for x in s.comp if (x[1], x[2]) in live and not replayed(v, s, x) and s.rule == 2)
    if not took:
        yield f"r{i} done", put(s.run[i]._replace(pc="done"))
        return
    begins = R("mark" if v.marked_first else "data", m, off, s.compv, att, s.rule, here, took)
    yield f"r{i} replays {m}", put(begins, plan=s.plan | {(m, att)}, replays=s.replays | {(m, att)}, att=att)


def replay(v, s, i):
    r, t = s.run[i], s.t

    def put(r2, **k):
        return s._replace(run=s.run[:i] + (r2,) + s.run[i + 1 :], **k)

    def with_marks(then, **k):
        taken = {key(x) for x in r.rows}
        kept = (lambda x: marks_of(x)) if v.marks_stay else (lambda x: ())
        comp = tuple(marked(x, (r.att, *kept(x))) if key(x) in taken else x for x in s.comp)
        return put(then, comp=comp, compv=s.compv + 1, **k)

    if r.pc == "mark":
        fine = s.compv == r.pin or not v.version_checked
        yield f"r{i} marks for {r.m}", with_marks(r._replace(pc="data" if fine else "unmark"))
    elif r.pc == "unmark":
        comp = tuple(
            marked(x, tuple(k for k in marks_of(x) if k != r.att)) if r.att in marks_of(x) else x for x in s.comp
        )
        yield f"r{i} takes its marks back", put(IDLE, comp=comp, compv=s.compv + 1, ended=s.ended | {(r.m, r.att)})
    elif r.pc == "data":
        if t.txn >= r.m:
            yield f"r{i} data {r.m} dropped", put(r._replace(pc="back"))
        else:
            entry = ("ours", r.m, r.att, r.off, r.base)
            after = commit(t, entry, rows(t) + tuple(x[0] for x in r.rows))
            yield f"r{i} data {r.m}", put(r._replace(pc="back"), t=after)
    elif r.pc == "back":
        mine = [j for j, k in enumerate(t.hist) if k and k[0] == "ours" and k[1] == r.m and k[2] == r.att]
        if mine and v.base_checked and any(x is None or x[0] == "restore" for x in t.hist[r.base + 1 : mine[0]]):
            yield f"r{i} refuses: restored under it", put(r._replace(pc="failed"))
        elif mine:
            conf = s.conf | {(r.m, r.att, r.off, mine[0], mine[0])}
            yield f"r{i} confirms {r.m}", put(IDLE, conf=conf) if v.marked_first else with_marks(IDLE, conf=conf)
        else:
            yield f"r{i} sees {r.m} is another's", put(IDLE)


def moves(v, s, sc):
    busy = [i for i, r in enumerate(s.run) if r.pc not in ("idle", "done", "failed")]
    for i, r in enumerate(s.run):
        if r.pc in ("done", "failed") or (sc["lock"] and busy and i not in busy):
            continue
        if r.pc == "idle" and s.att >= 7:
            continue
        yield from step(v, s, i, sc["roles"][i])
        if s.crashes and r.pc != "idle":
            yield f"r{i} CRASH", s._replace(run=s.run[:i] + (IDLE,) + s.run[i + 1 :], crashes=s.crashes - 1)
    if "repair" in s.env:
        live = committed(v, s)
        open_ = [x for x in s.comp if x[0] == ("b", 1) and (x[1], x[2]) in live and not marks_of(x)]
        comp = tuple((("e", 1), *x[1:]) if x in open_ else x for x in s.comp)
        if open_:
            yield "row 1 repaired", wake(s._replace(comp=comp, compv=s.compv + 1, env=s.env - {"repair"}))
    for name, n in base.moves(v, s._replace(run=()), {**sc, "lock": False}):  # what happens around the runners
        yield name, wake(n._replace(run=s.run)) if name != "foreign OPTIMIZE" else n._replace(run=s.run)


def check(v, s, sc):
    for role in ("load", "replay"):
        s = s._replace(run=(IDLE,), crashes=0)
        for _ in range(80):
            if s.run[0].pc in ("done", "failed"):
                break
            s = next(step(v, s, 0, role))[1]
        else:
            return "never settles"
        if s.run[0].pc == "failed":
            return None if {e.split()[0] for e in sc["env"]} & {"expiry", "restore"} else "refuses without cause"
    stored, live = list(rows(s.t)), committed(v, s)
    kept = [x[0] for x in s.comp if (x[1], x[2]) in live and not replayed(v, s, x)]
    for b in range(1, s.inp + 1):
        if stored.count(("g", b)) != 1:
            return f"good row {b} stored {stored.count(('g', b))} times"
        word = "e" if b == 1 and "repair" in sc["env"] and "repair" not in s.env else "b"
        n, q = stored.count((word, b)), kept.count((word, b))
        if word == "e" and ("b", b) in stored:
            return "a repair was lost"
        if n + q != 1:
            return f"bad row {b}: stored {n}, quarantined {q}"
        if q and s.rule == 2:
            return f"bad row {b} was not replayed"
    return None


def start(sc):
    """Batch 1 is loaded, its bad row in quarantine."""
    s = S(*base.start({**sc, "runners": len(sc["roles"])}), 0, frozenset(), frozenset())
    s1 = s._replace(run=(IDLE,))
    while s1.run[0].pc != "done":
        s1 = next(step(V(), s1, 0, "load"))[1]
    return s1._replace(run=s.run, rule=2 if sc.get("mended") else 1)


def explore(v, sc, limit=1_500_000):
    s0 = start(sc)
    quiet = lambda s: all(r.pc in ("idle", "done", "failed") for r in s.run)  # noqa: E731
    return search(s0, lambda s: moves(v, s, sc), quiet, lambda s: check(v, s, sc), limit)


SC = {
    "lock, replay, 2 crashes": dict(lock=True, roles=("replay",), batches=1, crashes=2, env=["rule"]),
    "lock, load and replay, 2 crashes": dict(lock=True, roles=("load", "replay"), batches=2, crashes=2, env=["rule"]),
    "lock, RESTORE, 1 crash": dict(
        lock=True, roles=("load", "replay"), batches=1, crashes=1, env=["restore"], mended=True
    ),
    "lock, RESTORE twice": dict(
        lock=True, roles=("load", "replay"), batches=1, crashes=0, env=["restore", "restore again"], mended=True
    ),
    "lock, RESTORE, expiry": dict(
        lock=True, roles=("load", "replay"), batches=1, crashes=0, env=["restore", "expiry"], mended=True
    ),
    "lock, replay, repair, 1 crash": dict(
        lock=True, roles=("replay",), batches=1, crashes=1, env=["repair"], mended=True
    ),
    "no lock, 2 replays, 1 crash": dict(
        lock=False, roles=("replay", "replay"), batches=1, crashes=1, env=[], mended=True
    ),
    "no lock, load and replay, 1 crash": dict(lock=False, roles=("load", "replay"), batches=2, crashes=1, env=["rule"]),
    "no lock, load and 2 replays": dict(
        lock=False, roles=("load", "replay", "replay"), batches=2, crashes=0, env=[], mended=True
    ),
}
VARIANTS = {
    "all sentences kept": V(),
    "open marks are taken over": V(open_blocks=False),
    "the quarantine's version is not checked": V(version_checked=False),
    "replayed is what says _replayed_at": V(by_lineage=False),
    "a newer mark replaces an undone one": V(marks_stay=False),
    "marks after the data": V(marked_first=False),
    "marks of undone commits are taken away": V(never_committed=False),
}
if __name__ == "__main__":
    for line in told(explore, VARIANTS, SC):
        print(line, flush=True)
