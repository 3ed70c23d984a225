"""Pod Security "restricted", and a little more."""

SECCOMP = {"RuntimeDefault", "Localhost"}


def pods_are_restricted(bundle, project):
    for workload in bundle.workloads:
        yield from (f"{workload}: {fault}" for fault in _pod(workload.pod))
        for container in workload.pod["containers"] + workload.pod.get("initContainers", []):
            yield from (f"{workload}: {fault}" for fault in _container(container))
    for account in bundle.all("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount {account['metadata']['name']}: its token should not be mounted"


def _pod(pod):
    context = pod.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield "should run as a user that is not root, by number"
    if context.get("seccompProfile", {}).get("type") not in SECCOMP:
        yield "needs a seccomp profile"
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield f"{name} should not be set"
    if any("hostPath" in volume for volume in pod.get("volumes", [])):
        yield "should mount no folder of the node"
    if pod.get("automountServiceAccountToken") is not False:
        yield "should have no token of Kubernetes"
    if pod.get("enableServiceLinks") is not False:
        yield "should not have the variables of Services beside its settings"


def _container(container):
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation should be false"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "its root file system should be read-only"
    if "ALL" not in context.get("capabilities", {}).get("drop", []):
        yield "should drop all capabilities"
    if context.get("capabilities", {}).get("add"):
        yield "should add no capability"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "should take no port of the node"


def pods_have_resources(bundle, project):
    for workload in bundle.workloads:
        resources = workload.container.get("resources", {})
        if not {"cpu", "memory"} <= resources.get("requests", {}).keys():
            yield f"{workload}: should request CPU and memory"
        if "memory" not in resources.get("limits", {}):
            yield f"{workload}: should have a limit on memory"
        if "cpu" in resources.get("limits", {}):
            yield f"{workload}: a limit on CPU throttles, and a throttled worker loses its locks"
