"""Strict schemas: of Kubernetes from kubernetes-validate, of custom resources from their definitions.

Strict means that a field which the schema does not know is a fault, as it is for `kubectl apply
--validate=strict`; a definition says nothing of unknown fields, so they are forbidden here."""

from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

from .bundle import LOADER, title

KUBERNETES = "1.37.0"
DEFINITIONS = Path(__file__).parents[1] / "crds"


def faults(bundle):
    for thing in bundle.objects:
        yield from faults_of(thing)


def faults_of(thing):
    schema = definitions().get((thing["apiVersion"], thing["kind"]))
    try:
        if schema is None:
            kubernetes_validate.validate(thing, KUBERNETES, strict=True)
        else:
            jsonschema.validate(thing, schema, jsonschema.Draft202012Validator)
    except jsonschema.ValidationError as fault:
        place = ".".join(str(step) for step in fault.absolute_path)
        yield f"{title(thing)}: {place}: {_words(fault)}"
    except kubernetes_validate.SchemaNotFoundError:
        yield f"{title(thing)}: there is no schema for {thing['apiVersion']} {thing['kind']}"


def _words(fault):
    words = fault.message
    return words if len(words) < 300 else words[:300] + " …"


@cache
def definitions():
    """A schema for each version of each custom resource."""
    schemas = {}
    for path in sorted(DEFINITIONS.glob("*.yaml")):
        spec = yaml.load(path.read_text(), LOADER)["spec"]
        for version in spec["versions"]:
            schema = _closed(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            schemas[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return schemas


def _closed(schema):
    """The same schema, which takes no other fields than it names."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if isinstance(closed.get("pattern"), str) and "(?i)" in closed["pattern"]:
        # Go takes a flag anywhere, Python at the start alone.
        closed["pattern"] = "(?i)" + closed["pattern"].replace("(?i)", "")
    if closed.pop("x-kubernetes-int-or-string", False):
        closed["type"] = ["integer", "string"]
        closed.pop("anyOf", None)
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed.setdefault("additionalProperties", False)
    return closed
