"""Network policies: nothing by default, and every way that a pod needs."""

from ipaddress import ip_network
from urllib.parse import urlsplit

from ..bundle import selects, title

# Environments that need no network policies; whatever else is rendered is closed.
OPEN = {"dev"}
DATABASE = 5432
MAIL = {465, 587, 25}
# The largest private network, 10.0.0.0/8; for IPv6 that of all addresses of an organisation.
WIDEST = {4: 8, 6: 32}


def what_is_not_named_is_closed(bundle, project):
    if bundle.name in OPEN:
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
    for peer in (peer for rule in rules for peer in rule.get("to", []) + rule.get("from", [])):
        if _is_wide(peer):
            yield f"{workload}: a policy opens a port to {_words(peer)}"
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


def policies_are_told(bundle, project):
    """What a bank has to change in its own cluster, it has to find in the README."""
    for policy in bundle.all("NetworkPolicy"):
        rules = policy["spec"].get("egress", []) + policy["spec"].get("ingress", [])
        told = project.policies_told.get(policy["metadata"]["name"])
        if rules and told is None:
            yield f"{title(policy)}: deploy/README.md does not tell what it names"
            continue
        for name in sorted(name for rule in rules for name in _names(rule)):
            if f"`{name}`" not in told:
                yield f"{title(policy)}: deploy/README.md does not tell that it names {name}"


def _names(rule):
    """The namespaces of a rule."""
    selectors = [peer.get("namespaceSelector", {}) for peer in rule.get("to", []) + rule.get("from", [])]
    return {name for it in selectors for name in it.get("matchLabels", {}).values()}


def _is_wide(peer):
    """Whether a peer is no place but a part of the world, or every pod of the cluster."""
    if "ipBlock" in peer:
        block = ip_network(peer["ipBlock"]["cidr"], strict=False)
        return block.prefixlen < WIDEST[block.version]
    return peer.get("namespaceSelector") == {} and not peer.get("podSelector")


def _words(peer):
    return peer["ipBlock"]["cidr"] if "ipBlock" in peer else "every pod of the cluster"


def _ports(rule):
    return {port.get("port") for port in rule.get("ports", [{}])}


def _port(url):
    parts = urlsplit(url)
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)
