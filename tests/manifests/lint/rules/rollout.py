"""Stops, roll outs and disruptions."""

import re

from ..bundle import title

UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600}


def _seconds(text):
    number, unit = re.fullmatch(r"(\d+)\s*([a-z]+)", text).groups()
    return int(number) * UNITS[unit]


def a_stop_has_the_time_it_needs(bundle, project):
    worker = bundle.worker
    environment = bundle.settings(worker)

    def setting(name):
        return environment.get(name) or project.defaults[name]

    poll = int(setting("CAMUNDA_CLIENT_ASYNC_RESPONSE_TIMEOUT")) / 1000
    drain = _seconds(setting("DRAIN_DEADLINE"))
    pause = worker.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    needed = pause + poll + drain + project.stop_margin
    granted = worker.pod.get("terminationGracePeriodSeconds", 30)
    if granted < needed:
        yield f"{worker}: a stop may take {needed:g} s, and is granted {granted} s"
    if pause < 1:
        yield f"{worker}: without a pause before the stop the Ingress still sends customers to a closed port"


def a_roll_out_takes_no_slot_away(bundle, project):
    worker = bundle.worker
    strategy = worker.spec.get("strategy", {})
    rolling = strategy.get("rollingUpdate", {})
    if strategy.get("type") != "RollingUpdate" or rolling.get("maxUnavailable") != 0:
        yield f"{worker}: a roll out should take no replica away before another is ready"
    if not rolling.get("maxSurge"):
        yield f"{worker}: a roll out needs room for one more replica"
    if "revisionHistoryLimit" not in worker.spec:
        yield f"{worker}: revisionHistoryLimit should be set"
    replicas, least = worker.spec.get("replicas"), {"dev": 1, "staging": 2}.get(bundle.name, 3)
    if replicas is not None and replicas < least:
        yield f"{worker}: has {replicas} replicas, and should have {least}"
    keys = {it["topologyKey"] for it in worker.pod.get("topologySpreadConstraints", [])}
    if bundle.name != "dev" and "kubernetes.io/hostname" not in keys:
        yield f"{worker}: its replicas should be spread over the nodes"


def a_disruption_takes_one_replica(bundle, project):
    budget = bundle.one("PodDisruptionBudget")
    if budget is None:
        yield "there should be one PodDisruptionBudget"
        return
    if budget["spec"].get("maxUnavailable") != 1:
        yield f"{title(budget)}: maxUnavailable should be 1"
    if budget["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
        yield f"{title(budget)}: unready replicas hold up the draining of their nodes without AlwaysAllow"
