"""May keys be evicted after the change that the old configuration protected? Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.errors import Problem
from ..base.findings import Finding, Status
from ..base.units import format_memory
from ..plan.contact import Contact
from ..plan.eviction import Cause, Limit, Risk, at_risk, stored
from ..server.queues.result import Search
from ..view.instance import InstanceView

WHY = "guide 1.1, 3.3; Redis documentation, key eviction"
_EXPECTED = {
    Cause.DATA: "a limit that holds what is stored, or noeviction",
    Cause.LATER: "the policy that protects them, or noeviction",
    Cause.WRITES: "a limit that holds what is stored",
    Cause.QUEUE: "noeviction where jobs are queued",
    Cause.UNKNOWN: "a server of which that can be told, or noeviction",
}


def problems(view: InstanceView, queues: Search) -> Iterator[Problem]:
    """Why the run stops, unless somebody accepted it. queues: the search on this server."""
    risk, wanted = _risk(view, queues)
    if not risk.stops or view.instance.accept_eviction:
        return
    instead = {
        Cause.QUEUE: "use profile queue, or give the queue an instance of its own",
        Cause.LATER: "keep the policy as it is",
        Cause.UNKNOWN: "keep the limit and the policy as they are",
    }.get(risk.cause, "raise maxmemory")
    what = risk.reason
    if risk.keys and f"{risk.keys:,}" not in what:
        what += f"; {risk.keys:,} keys lose their protection"
    yield Problem(
        f"{view.instance.where}: maxmemory {format_memory(wanted.maxmemory)}, maxmemory-policy {wanted.policy}",
        what,
        _EXPECTED[risk.cause],
        f"{instead}; or accept it with accept_eviction: true for instance {view.instance.name}, or "
        "-e redis_server_accept_eviction=true",
    )


def findings(view: InstanceView, queues: Search) -> Iterator[Finding]:
    """What a change may evict later, what somebody accepted, or what nobody can tell yet."""
    risk, wanted = _risk(view, queues)
    if not (risk.stops or risk.keys or not risk.determined):
        return
    yield Finding(
        "preflight.eviction",
        view.instance.where,
        Status.WARN if risk.determined or risk.stops else Status.SKIP,
        "no key that is protected now may be evicted",
        f"maxmemory {format_memory(wanted.maxmemory)}, maxmemory-policy {wanted.policy}: {risk.reason}"
        + (" (accepted)" if risk.stops else ""),
        WHY,
        "keep used_memory below maxmemory, or declare a policy that protects these keys"
        if risk.determined
        else "nothing to do: it starts with the limit and the policy that it has, and is judged before they change",
    )


def risk_of(view: InstanceView, queues: Search) -> Risk:
    """Of a change to a server that runs, or that will load data when it starts."""
    return _risk(view, queues)[0]


def _risk(view: InstanceView, queues: Search) -> tuple[Risk, Limit]:
    """The first limit that puts keys at risk, in order of time: after the run, and at the next start."""
    limits = view.limits_wanted
    if view.contact is Contact.FRESH or (view.connection is None and view.stored is None):
        return Risk(Cause.NOTHING, reason="nothing is stored"), limits[0]
    runs, now = view.connection is not None, view.limit_now
    held = stored(view.info) if runs else None
    judged = [(at_risk(now, wanted, held, queues, runs=runs), wanted) for wanted in limits]
    return next((found for found in judged if found[0].stops), judged[0])
