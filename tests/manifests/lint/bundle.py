"""What one kustomization renders: its objects, and the pods that they make."""

from dataclasses import dataclass
from pathlib import Path

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Workload:
    """A Deployment or Job, and the pod that it makes."""

    kind: str
    name: str
    labels: dict
    pod: dict
    spec: dict

    @property
    def container(self):
        return self.pod["containers"][0]

    @property
    def command(self):
        """The command of phantom-worker that it runs."""
        return self.container.get("args", ["?"])[0]

    def __str__(self):
        return f"{self.kind} {self.name}"


class Bundle:
    """The objects of one environment."""

    def __init__(self, name, objects):
        self.name = name
        self.objects = objects

    @classmethod
    def read(cls, path):
        documents = yaml.load_all(Path(path).read_text(), LOADER)
        return cls(Path(path).stem, [document for document in documents if document])

    def all(self, kind):
        return [thing for thing in self.objects if thing["kind"] == kind]

    def one(self, kind):
        """The only one of its kind, or None."""
        found = self.all(kind)
        return found[0] if len(found) == 1 else None

    def config_map(self, name):
        """The data of a ConfigMap, or None."""
        found = [it for it in self.all("ConfigMap") if it["metadata"]["name"] == name]
        return found[0].get("data", {}) if found else None

    @property
    def workloads(self):
        makers = self.all("Deployment") + self.all("Job")
        return [self._workload(maker) for maker in makers]

    @property
    def worker(self):
        return next(it for it in self.workloads if it.kind == "Deployment")

    @property
    def jobs(self):
        return [it for it in self.workloads if it.kind == "Job"]

    @staticmethod
    def _workload(maker):
        template = maker["spec"]["template"]
        return Workload(
            kind=maker["kind"],
            name=maker["metadata"]["name"],
            labels=template["metadata"].get("labels", {}),
            pod=template["spec"],
            spec=maker["spec"],
        )

    def settings(self, workload):
        """The environment of a workload's container: values, None where it comes from elsewhere."""
        environment = {}
        for source in workload.container.get("envFrom", []):
            environment.update(self.config_map(source.get("configMapRef", {}).get("name")) or {})
        for variable in workload.container.get("env", []):
            environment[variable["name"]] = variable.get("value")
        return environment


def title(thing):
    return f"{thing['kind']} {thing['metadata']['name']}"


def selects(selector, labels):
    """Whether a label selector takes a pod with these labels."""
    if not all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_holds(rule, labels) for rule in selector.get("matchExpressions", []))


def _holds(rule, labels):
    value = labels.get(rule["key"])
    return {
        "In": value in rule.get("values", []),
        "NotIn": value not in rule.get("values", []),
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[rule["operator"]]
