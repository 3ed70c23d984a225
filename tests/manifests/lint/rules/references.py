"""What a manifest names is there, or is known to come from elsewhere."""

from ..bundle import title

# What the platform puts into the namespace, as deploy/README.md tells.
FROM_ELSEWHERE = {"ConfigMap": {"bank-ca"}, "Secret": {"phantom-worker-tls"}}


def what_is_named_is_there(bundle, project):
    there = {(it["kind"], it["metadata"]["name"]) for it in bundle.objects}
    there |= {("Secret", name) for name in project.example_secrets}
    there |= {(kind, name) for kind, names in FROM_ELSEWHERE.items() for name in names}
    for looker, kind, name in _named(bundle):
        if (kind, name) not in there:
            yield f"{looker}: there is no {kind} {name}"
    namespaces = {it["metadata"].get("namespace") for it in bundle.objects}
    if len(namespaces) != 1 or None in namespaces:
        yield f"its objects are in the namespaces {sorted(map(str, namespaces))}, and should be in one"
    if bundle.all("Secret"):
        yield f"{title(bundle.all('Secret')[0])}: a secret is none of a manifest's business"


def _named(bundle):
    for workload in bundle.workloads:
        yield str(workload), "ServiceAccount", workload.pod.get("serviceAccountName", "default")
        for source in workload.container.get("envFrom", []):
            yield str(workload), "ConfigMap", source["configMapRef"]["name"]
        for volume in workload.pod.get("volumes", []):
            if "secret" in volume:
                yield str(workload), "Secret", volume["secret"]["secretName"]
            if "configMap" in volume:
                yield str(workload), "ConfigMap", volume["configMap"]["name"]
            if "persistentVolumeClaim" in volume:
                yield str(workload), "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
    for ingress in bundle.all("Ingress"):
        for tls in ingress["spec"].get("tls", []):
            yield title(ingress), "Secret", tls.get("secretName")
