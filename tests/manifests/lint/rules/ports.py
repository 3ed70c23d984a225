"""Ports and probes: named, there, and served by the worker."""

from urllib.parse import urlsplit

from ..bundle import title

PROBES = {"startupProbe": "/startupz", "livenessProbe": "/livez", "readinessProbe": "/readyz"}


def _ports(workload):
    return {port.get("name"): port["containerPort"] for port in workload.container.get("ports", [])}


def ports_are_named_and_there(bundle, project):
    worker, names = bundle.worker, _ports(bundle.worker)
    environment = bundle.settings(worker)
    for name, setting in {"ops": "HTTP_BIND", "public": "PUBLIC_HTTP_BIND"}.items():
        bound = environment.get(setting) or project.defaults[setting]
        if str(names.get(name)) != bound.rpartition(":")[2]:
            yield f"{worker}: its port {name} is {names.get(name)}, and {setting} is {bound}"
    for service in bundle.all("Service"):
        for port in service["spec"]["ports"]:
            if not 0 < port["port"] < 65536:
                yield f"{title(service)}: its port {port['port']} is none"
    for looker, name in _asked_for(bundle):
        if name not in names:
            yield f"{looker}: there is no port {name}"


def _asked_for(bundle):
    for service in bundle.all("Service"):
        yield from ((title(service), port.get("targetPort")) for port in service["spec"]["ports"])
    for monitor in bundle.all("PodMonitor"):
        yield from ((title(monitor), it.get("port")) for it in monitor["spec"]["podMetricsEndpoints"])
    for policy in bundle.all("NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            yield from ((title(policy), port.get("port")) for port in rule.get("ports", []))
    for probe in PROBES:
        port = bundle.worker.container.get(probe, {}).get("httpGet", {}).get("port", "ops")
        yield f"{bundle.worker}, {probe}", port


def only_the_public_port_is_published(bundle, project):
    for service in bundle.all("Service"):
        if service["spec"].get("type", "ClusterIP") != "ClusterIP":
            yield f"{title(service)}: is published past the Ingress, as {service['spec']['type']}"
        for port in service["spec"]["ports"]:
            if port.get("targetPort") != "public":
                yield f"{title(service)}: publishes {port.get('targetPort')}, which is for the cluster alone"
    services = {it["metadata"]["name"]: it for it in bundle.all("Service")}
    host = urlsplit(bundle.settings(bundle.worker).get("PUBLIC_BASE_URL") or "").hostname
    for ingress in bundle.all("Ingress"):
        yield from _ingress(ingress, services, host, project)


def _ingress(ingress, services, host, project):
    spec = ingress["spec"]
    encrypted = {name for tls in spec.get("tls", []) for name in tls.get("hosts", [])}
    for rule in spec["rules"]:
        if rule.get("host") != host:
            yield f"{title(ingress)}: its host is {rule.get('host')}, and that of PUBLIC_BASE_URL is {host}"
        if rule.get("host") not in encrypted:
            yield f"{title(ingress)}: {rule.get('host')} has no TLS"
        for path in rule["http"]["paths"]:
            if path["path"] != project.public_path:
                yield f"{title(ingress)}: leads {path['path']} in, and only {project.public_path} is for customers"
            backend = path["backend"]["service"]
            ports = services.get(backend["name"], {}).get("spec", {}).get("ports", [])
            if backend["port"].get("name") not in {port.get("name") for port in ports}:
                yield f"{title(ingress)}: there is no port {backend['port']} at Service {backend['name']}"


def probes_ask_what_the_worker_serves(bundle, project):
    worker = bundle.worker
    for name, path in PROBES.items():
        probe = worker.container.get(name)
        asked = (probe or {}).get("httpGet", {})
        if asked.get("path") != path or path not in project.ops_paths:
            yield f"{worker}: its {name} asks {asked.get('path')}, and should ask {path}"
        elif asked.get("port") != "ops":
            yield f"{worker}: its {name} asks the port {asked.get('port')}, and should ask ops"
    startup = worker.container.get("startupProbe", {})
    allowed = startup.get("periodSeconds", 10) * startup.get("failureThreshold", 3)
    if allowed <= project.patience:
        yield (
            f"{worker}: its startupProbe gives up after {allowed} s, before the worker, "
            f"which waits {project.patience} s for migrations, says why"
        )
    for monitor in bundle.all("PodMonitor"):
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            if endpoint.get("path", "/metrics") not in project.ops_paths:
                yield f"{title(monitor)}: the worker does not serve {endpoint['path']}"
