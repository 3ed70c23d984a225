"""Selectors: who looks for pods finds those that it means."""

from ..bundle import selects, title

OURS = "app.kubernetes.io/name"


def selectors_find_their_pods(bundle, project):
    worker = bundle.worker
    if not selects(worker.spec["selector"], worker.labels):
        yield f"{worker}: its selector does not match the labels of its pods"
    for workload in bundle.workloads:
        if workload.labels.get(OURS) != "phantom-worker":
            yield f"{workload}: its pods have no label {OURS}=phantom-worker, the job of the alerts"
    for looker, selector in _of_the_worker_alone(bundle):
        found = [it for it in bundle.workloads if selects(selector, it.labels)]
        if found != [worker]:
            names = ", ".join(str(it) for it in found) or "nothing"
            yield f"{title(looker)}: should select the worker's pods alone, and selects {names}"
    for policy in bundle.all("NetworkPolicy"):
        if not any(selects(policy["spec"]["podSelector"], it.labels) for it in bundle.workloads):
            yield f"{title(policy)}: selects no pod"


def _of_the_worker_alone(bundle):
    for service in bundle.all("Service"):
        yield service, {"matchLabels": service["spec"].get("selector", {})}
    for thing in bundle.all("PodDisruptionBudget") + bundle.all("PodMonitor"):
        yield thing, thing["spec"].get("selector", {})
    for spread in bundle.worker.pod.get("topologySpreadConstraints", []):
        yield bundle.all("Deployment")[0], spread.get("labelSelector", {})
