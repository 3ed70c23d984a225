"""The faults of bad/: each changes one object of an environment, and says how it is caught."""

import copy
from dataclasses import dataclass
from pathlib import Path

import yaml

from .bundle import LOADER, Bundle


@dataclass(frozen=True)
class Fault:
    """One entry of a file in bad/."""

    title: str
    environment: str
    target: str
    steps: list
    says: str
    refused: str | None

    def put_into(self, bundle):
        """A bundle with this fault, and the object that has it."""
        kind, _, name = self.target.partition("/")
        found = [it for it in bundle.objects if it["kind"] == kind and it["metadata"]["name"] == name]
        assert len(found) == 1, f"{self.title}: {bundle.name} has {len(found)} {self.target}"
        thing = copy.deepcopy(found[0])
        for step in self.steps:
            _take(thing, **step)
        others = [it for it in bundle.objects if it is not found[0]]
        dropped = {"op": "drop"} in self.steps
        return Bundle(bundle.name, others if dropped else [*others, thing]), thing


def read(folder):
    for path in sorted(Path(folder).glob("*.yaml")):
        for entry in yaml.load(path.read_text(), LOADER):
            yield Fault(
                title=entry["fault"],
                environment=entry.get("of", "production"),
                target=entry["in"],
                steps=entry["steps"],
                says=entry["says"],
                refused=entry.get("refused"),
            )


def _take(thing, op, path=None, value=None):
    """A step of a JSON patch; `drop` takes the whole object out of its environment."""
    if op == "drop":
        return
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    place = thing
    for part in way:
        place = place[int(part) if isinstance(place, list) else part]
    if isinstance(place, list):
        last = len(place) if last == "-" else int(last)
    {"add": _add, "replace": _replace, "remove": _remove}[op](place, last, value)


def _add(place, key, value):
    if isinstance(place, list):
        place.insert(key, value)
    else:
        place[key] = value


def _replace(place, key, value):
    place[key]  # What is not there cannot be replaced: a fault that changes nothing proves nothing.
    place[key] = value


def _remove(place, key, value):
    del place[key]
