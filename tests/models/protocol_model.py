"""Explicit-state model of the commit protocol of a table that reads another (design.md section 3, semantics.md "Offsets").

One input that grows by batches 1..K, each with one good and one bad row. One target table with `txn`, history and snapshots, one
quarantine companion, the control table `commits`. Runners may crash between any two atomic actions; without the lock two runners
interleave fully. Environment: the input grows, the rule is mended (bad rows become good), a foreign OPTIMIZE, a foreign RESTORE,
expiry of history. Every reachable state is visited; when nothing can move any more except a fault-free pass, that pass runs and the
invariants are checked. Variants switch single sentences of the protocol, to see which of them carry weight.

usage: python -m tests.models.protocol_model            all scenarios and variants, one line each, with the shortest violating trace
"""

from collections import namedtuple

from tests.models.search import search, told

# target: recorded txn; history = tuple of (kind, seq, attempt, offset, arg); snaps = rows per version; base = expired entries
T = namedtuple("T", "txn hist snaps base")
R = namedtuple("R", "pc m off pin att rule base")  # a runner; base = its table's version when it decided
S = namedtuple("S", "inp rule t comp plan conf res run crashes env att")
IDLE = R("idle", 0, 0, 0, 0, 0, 0)


class V:  # protocol variant
    seq_from_planned = False  # next sequence = max(recorded, highest planned) + 1 instead of recorded + 1
    companion = "attempt"  # attempt: rows carry the attempt, exist only if it committed;  replace: replaceWhere _batch > recorded;  batch: exist if _batch <= recorded
    read_back = True  # look whether the commit at the sequence is this attempt's
    restore_seen = True  # a foreign RESTORE in history is followed
    expired_exact = (
        True  # with history expired, only a confirmed row of the very version where the visible part begins counts
    )
    base_checked = (
        True  # a commit carries the version of its own table it was decided on; a RESTORE in between fails the step
    )
    idle_reconfirms = True  # an idle run notes the version it looked at
    restores_noted = (
        True  # every RESTORE is noted (version, target), so that the lineage can be followed through expired history
    )
    undone_stay = (
        True  # companion rows of commits that a RESTORE undid stay: another RESTORE may bring the commits back
    )
    late_judged = True  # a dead attempt's commit is confirmed only if its own read-back would have confirmed it

    def __init__(s, **k):
        s.__dict__.update(k)


def good(b, rule):
    return {("g", b)} | ({("b", b)} if rule == 2 else set())


def bad(b, rule):
    return {("b", b)} if rule == 1 else set()


def lineage(t):
    """Commits that the current content stands on, newest first; None where expired history hides a part."""
    out, i = [], len(t.hist) - 1
    while i >= 0:
        k = t.hist[i]
        if k is None:
            return out, i
        if k[0] == "restore":
            i = k[4]
            continue
        out.append((i, k))
        i -= 1
    return out, None


def place(v, s):
    """(sequence, offset) or 'fail'."""
    t = s.t
    if t.txn == 0:
        return 0, 0
    line, cut = (
        lineage(t)
        if v.restore_seen
        else (
            [(i, k) for i, k in reversed(list(enumerate(t.hist))) if k and k[0] != "restore"],
            max([i for i, k in enumerate(t.hist) if k is None], default=None),
        )
    )
    for i, k in line:
        if k[0] == "ours" and k[1] <= t.txn:
            between = t.hist[k[4] + 1 : i]
            if v.base_checked and (
                any(x and x[0] == "restore" for x in between)
                or (None in between and not any(c[:2] == k[1:3] for c in s.conf))
            ):
                return "fail"
            return t.txn, k[3]
    if cut is not None:
        rows = [c for c in s.conf if (c[3] == cut if v.expired_exact else c[0] == t.txn)]
        return (t.txn, max(rows, key=lambda c: c[3])[2]) if rows else "fail"
    return t.txn, 0  # restored to before our first commit


def committed(v, s):
    """(sequence, attempt) pairs that the content stands on."""
    line, cut = lineage(s.t)
    c = {(k[1], k[2]) for _, k in line if k[0] == "ours"}
    if cut is not None:
        noted, i, on = dict(s.res), cut, set()
        while i >= 0:
            if v.restores_noted and i in noted:
                i = noted[i]
                continue
            on.add(i)
            i -= 1
        c |= {(q[0], q[1]) for q in s.conf if q[4] in on}
    return c


def visible(v, s):
    if v.companion == "attempt":
        c = committed(v, s)
        return [r for r in s.comp if (r[1], r[2]) in c]
    return [r for r in s.comp if r[1] <= s.t.txn]


def commit(t, entry, rows):
    return T(
        max(t.txn, entry[1]) if entry[0] == "ours" else t.txn,
        t.hist + (entry,),
        t.snaps + (tuple(sorted(rows)),),
        t.base,
    )


def rows(t):
    return t.snaps[-1] if t.snaps else ()


def step(v, s, i):
    """Successors by one atomic action of runner i."""
    r = s.run[i]
    t = s.t

    def put(r2, **k):
        return s._replace(run=s.run[:i] + (r2,) + s.run[i + 1 :], **k)

    if r.pc == "idle":
        p = place(v, s)
        if p == "fail":
            yield f"r{i} refuses", put(r._replace(pc="failed"))
            return
        n, off = p
        new = {(j, k[4]) for j, k in enumerate(t.hist) if k and k[0] == "restore"} - s.res
        if v.restores_noted and new:
            yield f"r{i} notes RESTORE {sorted(new)}", s._replace(res=s.res | new)
            return
        if v.companion == "attempt":  # clean: rows at or below the sequence whose attempt did not commit
            c = committed(v, s)
            if v.undone_stay:
                c |= {(k[1], k[2]) for k in t.hist if k and k[0] == "ours"} | {(q[0], q[1]) for q in s.conf}
            keep = tuple(x for x in s.comp if x[1] > n or (x[1], x[2]) in c)
            if keep != s.comp:
                yield f"r{i} cleans companion", s._replace(comp=keep)
                return
        ours = [(j, k) for j, k in enumerate(t.hist) if k and k[0] == "ours" and k[1] == n]
        for j, k in ours:  # confirm what a dead attempt left unconfirmed
            if v.late_judged and any(x is None or x[0] == "restore" for x in t.hist[k[4] + 1 : j]):
                continue
            if not any(c[0] == n and c[1] == k[2] for c in s.conf):
                yield f"r{i} confirms {n} late", s._replace(conf=s.conf | {(n, k[2], k[3], j, j)})
                return
        if s.inp <= off:
            if v.idle_reconfirms and n and t.hist and not any(c[0] == n and c[3] == len(t.hist) - 1 for c in s.conf):
                a = next((k[2] for _, k in reversed(ours)), next((c[1] for c in s.conf if c[0] == n), 0))
                j = next((c[4] for c in s.conf if c[0] == n and c[1] == a), len(t.hist) - 1)
                yield f"r{i} idle, notes version", s._replace(conf=s.conf | {(n, a, off, len(t.hist) - 1, j)})
                return
            yield f"r{i} done", put(r._replace(pc="done"))
            return
        m = n + 1
        if v.seq_from_planned:
            m = max([n] + [q[0] for q in s.plan]) + 1
        yield (
            f"r{i} plans {m} ({off}..{s.inp}]",
            put(
                R("companion", m, off, s.inp, s.att + 1, s.rule, len(t.hist) - 1),
                plan=s.plan | {(m, s.att + 1)},
                att=s.att + 1,
            ),
        )
        return
    if r.pc == "companion":
        new = tuple(sorted((x, r.m, r.att) for b in range(r.off + 1, r.pin + 1) for x in bad(b, r.rule)))
        comp = s.comp
        if v.companion == "replace":  # newest companion commit shows a dead attempt: leftovers are replaced
            left = [x for x in comp if x[1] > t.txn]
            if left:
                comp = tuple(x for x in comp if x[1] <= t.txn)
        yield f"r{i} companion {r.m}", put(r._replace(pc="data"), comp=tuple(sorted(comp + new)))
        return
    if r.pc == "data":
        if t.txn >= r.m:
            yield f"r{i} data {r.m} dropped", put(r._replace(pc="back"))
            return
        add = [x for b in range(r.off + 1, r.pin + 1) for x in sorted(good(b, r.rule))]
        yield (
            f"r{i} data {r.m}",
            put(r._replace(pc="back"), t=commit(t, ("ours", r.m, r.att, r.pin, r.base), rows(t) + tuple(add))),
        )
        return
    if r.pc == "back":
        mine = [j for j, k in enumerate(t.hist) if k and k[0] == "ours" and k[1] == r.m and k[2] == r.att]
        if mine and v.base_checked and any(x is None or x[0] == "restore" for x in t.hist[r.base + 1 : mine[0]]):
            yield f"r{i} refuses: restored under it", put(r._replace(pc="failed"))
            return
        if mine or not v.read_back:
            j = mine[0] if mine else len(t.hist) - 1
            yield f"r{i} confirms {r.m}", put(IDLE, conf=s.conf | {(r.m, r.att, r.pin, j, j)})
            return
        yield f"r{i} sees {r.m} is another's", put(IDLE)
        return


def moves(v, s, sc):
    busy = [i for i, r in enumerate(s.run) if r.pc not in ("idle", "done", "failed", "off")]
    for i, r in enumerate(s.run):
        if r.pc in ("done", "failed"):
            continue
        if sc["lock"] and busy and i not in busy:
            continue
        yield from step(v, s, i)
        if s.crashes and r.pc != "idle":
            yield f"r{i} CRASH", s._replace(run=s.run[:i] + (IDLE,) + s.run[i + 1 :], crashes=s.crashes - 1)
    if s.inp < sc["batches"]:
        yield "input grows", wake(s._replace(inp=s.inp + 1))
    if "rule" in s.env:
        yield "rule mended", wake(s._replace(rule=2, env=s.env - {"rule"}))
    if "optimize" in s.env and s.t.hist:
        yield (
            "foreign OPTIMIZE",
            s._replace(t=commit(s.t, ("foreign", 0, 0, 0, None), rows(s.t)), env=s.env - {"optimize"}),
        )
    again = next((e for e in ("restore", "restore again") if e in s.env), None)
    if again and len(s.t.hist) > 1:
        for ver in range(len(s.t.hist) - 1):
            if s.t.hist[ver] is not None:
                yield (
                    f"foreign RESTORE to {ver}",
                    wake(s._replace(t=commit(s.t, ("restore", 0, 0, 0, ver), s.t.snaps[ver]), env=s.env - {again})),
                )
    once = next((e for e in ("expiry", "expiry again") if e in s.env), None)
    if once and len(s.t.hist) > 1:
        for cut in range(1, len(s.t.hist)):
            if s.t.hist[cut - 1] is not None:
                yield (
                    f"history before {cut} expires",
                    s._replace(t=s.t._replace(hist=(None,) * cut + s.t.hist[cut:]), env=s.env - {once}),
                )


def wake(s):
    return s._replace(run=tuple(IDLE if r.pc in ("done", "failed") else r for r in s.run))


def settle(v, s):
    """A fault-free pass of one runner; returns the final state, or None when a step refuses."""
    s = s._replace(run=(IDLE,), crashes=0)
    for _ in range(60):
        if s.run[0].pc == "failed":
            return None
        if s.run[0].pc == "done":
            return s
        s = next(step(v, s, 0))[1]
    return "livelock"


def check(v, s, sc):
    f = settle(v, s)
    if f is None:
        return None if "expiry" in sc["env"] or "restore" in sc["env"] else "refuses without cause"
    if f == "livelock":
        return "never settles"
    stored, quar = list(rows(f.t)), [x[0] for x in visible(v, f)]
    for b in range(1, f.inp + 1):
        n = stored.count(("g", b))
        q = stored.count(("b", b)) + quar.count(("b", b))
        if n != 1:
            return f"good row {b} stored {n} times"
        if q != 1:
            return f"bad row {b}: stored {stored.count(('b', b))}, quarantined {quar.count(('b', b))}"
    return None


def start(sc):
    return S(
        1,
        1,
        T(0, (), (), 0),
        (),
        frozenset(),
        frozenset(),
        frozenset(),
        (IDLE,) * sc["runners"],
        sc["crashes"],
        frozenset(sc["env"]),
        0,
    )


def explore(v, sc, limit=1_500_000):
    s0 = start(sc)
    quiet = lambda s: all(r.pc in ("idle", "done", "failed") for r in s.run)  # noqa: E731
    return search(s0, lambda s: moves(v, s, sc), quiet, lambda s: check(v, s, sc), limit)


SC = {
    "lock, 1 runner, 2 crashes, rule mended": dict(lock=True, runners=1, batches=2, crashes=2, env=["rule"]),
    "lock, 2 runners, 2 crashes": dict(lock=True, runners=2, batches=2, crashes=2, env=[]),
    "lock, foreign OPTIMIZE and RESTORE, 1 crash": dict(
        lock=True, runners=1, batches=3, crashes=1, env=["optimize", "restore"]
    ),
    "lock, expiry, OPTIMIZE, 1 crash": dict(lock=True, runners=1, batches=2, crashes=1, env=["optimize", "expiry"]),
    "lock, expiry, OPTIMIZE, RESTORE": dict(
        lock=True, runners=1, batches=3, crashes=0, env=["optimize", "expiry", "restore"]
    ),
    "lock, RESTORE twice, 1 crash": dict(lock=True, runners=1, batches=3, crashes=1, env=["restore", "restore again"]),
    "lock, RESTORE twice, expiry": dict(
        lock=True, runners=1, batches=3, crashes=0, env=["expiry", "restore", "restore again"]
    ),
    "lock, RESTORE twice, expiry twice": dict(
        lock=True, runners=1, batches=2, crashes=0, env=["expiry", "expiry again", "restore", "restore again"]
    ),
    "lock, RESTORE twice, expiry, 1 crash": dict(
        lock=True, runners=1, batches=2, crashes=1, env=["expiry", "restore", "restore again"]
    ),
    "no lock, 2 runners, RESTORE twice": dict(
        lock=False, runners=2, batches=2, crashes=0, env=["restore", "restore again"]
    ),
    "no lock, 2 runners, RESTORE twice, expiry": dict(
        lock=False, runners=2, batches=2, crashes=0, env=["restore", "restore again", "expiry"]
    ),
    "no lock, 2 runners, input grows": dict(lock=False, runners=2, batches=2, crashes=0, env=[]),
    "no lock, 2 runners, 1 crash, rule mended": dict(lock=False, runners=2, batches=2, crashes=1, env=["rule"]),
    "no lock, 2 runners, OPTIMIZE": dict(lock=False, runners=2, batches=2, crashes=1, env=["optimize"]),
    "no lock, 2 runners, OPTIMIZE, expiry": dict(
        lock=False, runners=2, batches=2, crashes=0, env=["optimize", "expiry"]
    ),
}
VARIANTS = {
    "all sentences kept": V(),
    "next sequence counts planned ones": V(seq_from_planned=True),
    "companion: replaceWhere leftovers": V(companion="replace"),
    "companion: exists if _batch <= sequence": V(companion="batch"),
    "RESTOREs are not noted": V(restores_noted=False),
    "companion rows that a RESTORE undid are removed": V(undone_stay=False),
    "a late confirmation is not judged": V(late_judged=False),
    "no read-back": V(read_back=False),
    "foreign RESTORE not followed": V(restore_seen=False),
    "RESTORE under a running step not looked for": V(base_checked=False),
    "confirmed row of the sequence trusted whatever came later": V(expired_exact=False),
}
if __name__ == "__main__":
    for line in told(explore, VARIANTS, SC):
        print(line, flush=True)
