"""Explicit-state model of how events and listings find files (docs/notifications.md): one runner, crashes, RESTORE, files still written.

Files 1..F arrive one by one, each with an event or without (lost). Batches have one file. The ledger is what `ledger_model.py` makes
of it: file -> "loaded" or ("failed", content); `undone`: loaded by a batch that a RESTORE undid and that is not void yet. `counts`: how
many files had arrived when the listing began that the newest `listed` row stands for; None when a listing is due, because there was
none, the interval is over, or a batch was voided since. File 1 may be written to once more, of which no event tells.
Variants switch single sentences off. usage: python -m tests.models.events_model
"""

from collections import namedtuple

from tests.models.search import search, told

R = namedtuple(
    "R", "pc ev seen listed plan"
)  # listed: files there when this run's listing began, None without one, -1: voided since
S = namedtuple("S", "files content told queue known undone stored open counts run crashes env")
IDLE = R("idle", frozenset(), (), None, None)


class V:
    remove_when_idle = True  # events are removed once the step is idle, not when they are read
    remove_what_was_read = True  # only events that were read before the files were looked for are removed
    unsettled_stay = True  # the event of a file that failed and has changed since stays
    unsettled_unlist = True  # a listing with such a file does not count
    undone_lists = True  # batches to void ask for a listing
    void_lists = True  # a listing counts only when no batch was voided since
    listed_when_idle = True  # a listing counts once the step is idle
    backfill = True  # a listing is due when the interval is over

    def __init__(s, **k):
        s.__dict__.update(k)


def fresh(s, seen):
    """The files that would be taken, of these (file, content)."""
    known = dict(s.known)
    return [(f, c) for f, c in seen if f not in known or (known[f] != "loaded" and known[f] != ("failed", c))]


def put(known, f, status):
    return tuple(sorted({**dict(known), f: status}.items(), key=lambda x: x[0]))


def step(v, s):
    r = s.run

    def go(pc, **k):
        run = {n: k.pop(n) for n in ("ev", "seen", "listed", "plan") if n in k}
        return s._replace(run=r._replace(pc=pc, **run), **k)

    if r.pc == "idle":
        if v.remove_when_idle:
            return f"reads events {sorted(s.queue)}", go("decide", ev=s.queue)
        return f"takes events {sorted(s.queue)}", go("decide", ev=s.queue, queue=frozenset())
    if r.pc == "decide":
        due = (s.counts is None and (v.backfill or not s.known)) or (s.undone and v.undone_lists)
        if r.listed is None and due:
            seen = tuple((f, s.content[f]) for f in range(1, s.files + 1))
            counts = s.counts if v.listed_when_idle else s.files
            return "lists", go("decide", seen=seen, listed=s.files, counts=counts)
        if r.listed is None and not r.seen and r.ev:
            return "looks up", go("decide", seen=tuple((f, s.content[f]) for f in sorted(r.ev)))
        if s.undone:
            known = tuple(x for x in s.known if x[0] not in s.undone)
            listed = -1 if r.listed is not None and v.void_lists else r.listed
            return "voids", go(
                "decide", known=known, undone=frozenset(), counts=None if v.void_lists else s.counts, listed=listed
            )
        if s.open:
            return f"replays {s.open}", go("load", plan=s.open)
        new = fresh(s, r.seen)
        if new:
            return f"plans {new[0]}", go("load", plan=new[0], open=new[0])
        return "is idle", go("listed")
    if r.pc == "load":
        f, c = r.plan
        if s.content[f] != c:
            return f"fails {f}", go("decide", known=put(s.known, f, ("failed", c)), open=None)
        return f"loads {f}", go("decide", known=put(s.known, f, "loaded"), stored=s.stored + (f,), open=None)
    now = [(f, s.content[f]) for f, _ in r.seen] + [(f, s.content[f]) for f in r.ev]
    failed = {f for f, k in s.known if k != "loaded"}
    unsettled = {f for f, _ in fresh(s, now) if f in failed}
    if r.pc == "listed":
        good = r.listed is not None and r.listed >= 0 and not (unsettled and v.unsettled_unlist)
        return "notes the listing" if good else "has no listing to note", go(
            "remove", counts=r.listed if good else s.counts
        )
    gone = (r.ev if v.remove_what_was_read else s.queue) - (unsettled if v.unsettled_stay else set())
    return f"removes events {sorted(gone)}", s._replace(run=IDLE._replace(pc="done"), queue=s.queue - gone)


def moves(v, s, sc):
    if s.run.pc != "done":
        name, n = step(v, s)
        yield name, n
        if s.crashes and s.run.pc != "idle":
            yield "CRASH", s._replace(run=IDLE, crashes=s.crashes - 1)
    wake = lambda n: n._replace(run=IDLE) if n.run.pc == "done" else n
    if s.files < sc["files"]:
        f = s.files + 1
        yield f"file {f} arrives, told", wake(s._replace(files=f, queue=s.queue | {f}, told=s.told | {f}))
        if "loss" in s.env:
            yield f"file {f} arrives, its event is lost", wake(s._replace(files=f))
    if "twice" in s.env and s.told:
        yield "the event of a file comes again", wake(s._replace(queue=s.queue | {min(s.told)}, env=s.env - {"twice"}))
    if "grow" in s.env and s.files and 1 not in s.stored:
        yield "file 1 is written to", wake(s._replace(content=(0, 1) + s.content[2:], env=s.env - {"grow"}))
    if "over" in s.env and s.counts is not None:
        yield "the interval is over", wake(s._replace(counts=None, env=s.env - {"over"}))
    if "restore" in s.env and s.stored and s.run.pc in ("idle", "done", "decide"):
        for k in range(len(s.stored)):
            yield (
                f"RESTORE to {k} files",
                wake(s._replace(stored=s.stored[:k], undone=s.undone | {*s.stored[k:]}, env=s.env - {"restore"})),
            )


def runs(v, s, n):
    """The state after so many runs to their end."""
    for _ in range(n):
        s = s._replace(run=IDLE, crashes=0)
        for _ in range(60):
            if s.run.pc == "done":
                break
            s = step(v, s)[1]
        else:
            return None
    return s


def check(v, s):
    f = runs(v, s, 2)
    if f is None:
        return "never settles"
    for x in sorted(s.told):
        if f.stored.count(x) != 1:
            return f"file {x}, of which an event told, stored {f.stored.count(x)} times"
    for x in range(1, (s.counts or 0) + 1):
        if f.stored.count(x) != 1:
            return f"file {x}, which was listed, stored {f.stored.count(x)} times"
    f = runs(v, f._replace(counts=None), 3)
    for x in range(1, s.files + 1):
        if f.stored.count(x) != 1:
            return f"file {x} stored {f.stored.count(x)} times after the next listing"
    return None


def explore(v, sc, limit=600_000):
    s0 = S(
        0,
        (0,) * 5,
        frozenset(),
        frozenset(),
        (),
        frozenset(),
        (),
        None,
        None,
        IDLE,
        sc["crashes"],
        frozenset(sc["env"]),
    )
    quiet = lambda s: s.run.pc in ("idle", "done")  # noqa: E731
    return search(s0, lambda s: moves(v, s, sc), quiet, lambda s: check(v, s), limit)


SC = {
    "loss, 2 crashes": dict(files=3, crashes=2, env=["loss"]),
    "loss, twice, the interval is over, 1 crash": dict(files=3, crashes=1, env=["loss", "twice", "over"]),
    "loss, still written, the interval is over, 1 crash": dict(files=2, crashes=1, env=["loss", "grow", "over"]),
    "loss, RESTORE, 1 crash": dict(files=3, crashes=1, env=["loss", "restore"]),
    "RESTORE, still written, the interval is over": dict(files=2, crashes=0, env=["restore", "grow", "over"]),
}
VARIANTS = {
    "all sentences kept": V(),
    "events are removed when they are read": V(remove_when_idle=False),
    "all events are removed": V(remove_what_was_read=False),
    "events of files still written are removed": V(unsettled_stay=False),
    "listings with files still written count": V(unsettled_unlist=False),
    "batches to void ask for no listing, and void ones neither": V(undone_lists=False, void_lists=False),
    "a listing counts at once": V(listed_when_idle=False),
    "no listing but the first": V(backfill=False),
}
if __name__ == "__main__":
    for line in told(explore, VARIANTS, SC):
        print(line, flush=True)
