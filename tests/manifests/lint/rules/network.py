"""Network policies: nothing by default, and every way that a pod needs."""

from urllib.parse import urlsplit

from ..bundle import selects

CLOSED = {"staging", "production", "everything"}
DATABASE = 5432
MAIL = {465, 587, 25}


def what_is_not_named_is_closed(bundle, project):
    if bundle.name not in CLOSED:
        return
    for workload in bundle.workloads:
        policies = [
            it["spec"] for it in bundle.all("NetworkPolicy") if selects(it["spec"]["podSelector"], workload.labels)
        ]
        closing = [it for it in policies if not it.get("ingress") and not it.get("egress")]
        if not any({"Ingress", "Egress"} <= set(it["policyTypes"]) for it in closing):
            yield f"{workload}: no policy closes its network by default"
        yield from _openings(workload, policies, bundle)


def _openings(workload, policies, bundle):
    outgoing = {port for it in policies for rule in it.get("egress", []) for port in _ports(rule)}
    incoming = {port for it in policies for rule in it.get("ingress", []) for port in _ports(rule)}
    rules = [rule for it in policies for rule in it.get("egress", []) + it.get("ingress", [])]
    if any(not rule.get("to") and not rule.get("from") for rule in rules):
        yield f"{workload}: a policy opens a port to everybody"
    engine = _port(bundle.settings(workload).get("CAMUNDA_REST_URL") or "")
    needs = {
        "run": {"DNS": {53}, "the engine": {engine}, "the database": {DATABASE}, "the mail server": MAIL},
        "migrate": {"DNS": {53}, "the database": {DATABASE}},
        "deploy": {"DNS": {53}, "the engine": {engine}},
    }.get(workload.command, {})
    for whom, ports in needs.items():
        if not ports & outgoing:
            yield f"{workload}: no policy lets it reach {whom} on port {' or '.join(map(str, sorted(ports)))}"
    for port in sorted({"ops", "public"} - incoming if workload.command == "run" else incoming, key=str):
        verb = "no policy lets anybody reach" if workload.command == "run" else "a policy opens"
        yield f"{workload}: {verb} its port {port}"


def _ports(rule):
    return {port.get("port") for port in rule.get("ports", [{}])}


def _port(url):
    parts = urlsplit(url)
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)
