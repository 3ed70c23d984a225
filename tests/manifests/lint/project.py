"""What the worker's own sources say, so that the manifests are held against it and not against a
second list."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from .bundle import LOADER


@dataclass(frozen=True)
class Project:
    """The checkout."""

    root: Path

    def text(self, path):
        return (self.root / path).read_text()

    @cached_property
    def version(self):
        return re.search(r'^version = "(.+)"$', self.text("Cargo.toml"), re.MULTILINE)[1]

    @cached_property
    def settings(self):
        """Every environment variable that any command knows."""
        sources = sorted((self.root / "src/config").glob("*.rs"))
        return {name for it in sources for name in re.findall(r'\benv = "([A-Z_]+)"', it.read_text())}

    @cached_property
    def secrets(self):
        """The settings that may come from a file."""
        return {name for name in self.settings if f"{name}_FILE" in self.settings}

    @cached_property
    def required(self):
        """The settings without which `run` does not start, as the README marks them."""
        return set(re.findall(r"^\| `([A-Z_]+)` \| required \|", self.text("README.md"), re.MULTILINE))

    @cached_property
    def defaults(self):
        rows = re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", self.text("README.md"), re.MULTILINE)
        return dict(rows)

    @cached_property
    def ops_paths(self):
        return set(re.findall(r'read_only\("(/[a-z]+)"', self.text("src/http/routes.rs")))

    @cached_property
    def public_path(self):
        return "/" + re.search(r'const PATH: &str = "(.+)";', self.text("src/links.rs"))[1] + "/"

    @cached_property
    def stop_margin(self):
        """Seconds that a stop may take beyond the poll and the drain."""
        source = self.text("src/config/defaults.rs")
        return int(re.search(r"STOP_MARGIN: Duration = Duration::from_secs\((\d+)\)", source)[1])

    @cached_property
    def patience(self):
        """Seconds that a start waits for its database."""
        source = self.text("src/app/database.rs")
        minutes = re.search(r"WITHIN: Duration = Duration::from_secs\((\d+) \* 60\)", source)
        return int(minutes[1]) * 60

    @cached_property
    def topics(self):
        models = sorted((self.root / "bpmn").glob("*.bpmn"))
        return {name for it in models for name in re.findall(r'camunda:topic="([^"]+)"', it.read_text())}

    @cached_property
    def rules(self):
        return yaml.load(self.text("deploy/alerts/prometheus-rule.yaml"), LOADER)["spec"]

    @cached_property
    def dashboards(self):
        """The text of each dashboard, by its uid."""
        texts = [it.read_text() for it in sorted((self.root / "grafana/dashboards").glob("*.json"))]
        return {json.loads(text)["uid"]: text for text in texts}

    @cached_property
    def policies_told(self):
        """What deploy/README.md says that each NetworkPolicy names."""
        rows = re.findall(r"^\| `(phantom-worker-[a-z]+)` \| (.+?) \|", self.text("deploy/README.md"), re.MULTILINE)
        return dict(rows)

    @cached_property
    def example_secrets(self):
        """The keys of each secret that an environment has to have."""
        documents = yaml.load_all(self.text("deploy/secrets.example.yaml"), LOADER)
        return {it["metadata"]["name"]: set(it["stringData"]) for it in documents}
