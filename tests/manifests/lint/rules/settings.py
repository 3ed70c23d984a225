"""Settings: known to the worker, complete, and secrets out of the environment."""

# What a container needs besides the worker's own settings.
OTHERS = {"POD_NAME"}
NEEDED = {"migrate": {"MIGRATE_DATABASE_URL"}, "deploy": {"CAMUNDA_REST_URL"}}


def settings_are_known_and_complete(bundle, project):
    for workload in bundle.workloads:
        environment = bundle.settings(workload)
        for name in sorted(environment.keys() - project.settings - OTHERS):
            yield f"{workload}: the worker has no setting {name}"
        needed = project.required | {"CAMUNDA_REST_URL"} if workload.command == "run" else NEEDED.get(workload.command)
        if needed is None:
            yield f"{workload}: runs {workload.command!r}, and should run one of run, {', '.join(NEEDED)}"
            continue
        for name in sorted(needed):
            if not environment.get(name) and not environment.get(f"{name}_FILE"):
                yield f"{workload}: needs {name}"
        for name in sorted(project.secrets):
            if environment.get(name) and environment.get(f"{name}_FILE"):
                yield f"{workload}: has both {name} and {name}_FILE"


def secrets_come_from_files(bundle, project):
    for workload in bundle.workloads:
        environment = bundle.settings(workload)
        given = {variable["name"] for variable in workload.container.get("env", [])}
        for name in sorted(project.secrets & (environment.keys() | given)):
            yield f"{workload}: {name} is a secret: mount it, and set {name}_FILE"
        for name, path in environment.items():
            if name.endswith("_FILE") and name != "AUDIT_CHECKPOINT_FILE":
                yield from _file(workload, name, path, project)


def _file(workload, name, path, project):
    volume, rest = _mounted(workload, path)
    if volume is None:
        yield f"{workload}: {name} is {path}, where nothing is mounted"
    elif "secret" in volume:
        secret = volume["secret"]["secretName"]
        if rest not in project.example_secrets.get(secret, ()):
            yield f"{workload}: {name} is the key {rest} of the secret {secret}, which deploy/secrets.example.yaml does not have"
    elif rest not in {item["path"] for item in volume.get("configMap", {}).get("items", [])}:
        yield f"{workload}: {name} is {path}, which its volume does not bring"


def _mounted(workload, path):
    """The volume at a path, and where the path is in it."""
    for mount in workload.container.get("volumeMounts", []):
        if path and path.startswith(mount["mountPath"] + "/"):
            found = [it for it in workload.pod.get("volumes", []) if it["name"] == mount["name"]]
            if found:
                return found[0], path[len(mount["mountPath"]) + 1 :]
    return None, None


def jobs_have_the_settings_of_the_worker(bundle, project):
    own = {variable["name"] for it in bundle.workloads for variable in it.container.get("env", [])}
    of_worker = bundle.settings(bundle.worker)
    for job in bundle.jobs:
        of_job = bundle.settings(job)
        for name in sorted((of_worker.keys() | of_job.keys()) - own):
            if of_worker.get(name) != of_job.get(name):
                yield f"{job}: {name} is {of_job.get(name)}, and the worker's is {of_worker.get(name)}"
        for source in job.container.get("envFrom", []):
            if source["configMapRef"]["name"] == bundle.worker.container["envFrom"][0]["configMapRef"]["name"]:
                yield f"{job}: reads a ConfigMap whose name changes, and a Job cannot be changed"
