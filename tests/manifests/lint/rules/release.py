"""Versions: of the image, of the Jobs, in the labels."""

import re

from ..bundle import title

VERSION = "app.kubernetes.io/version"
# Environments in which the image may move under a release.
BY_TAG = {"dev", "staging"}


def images_are_pinned(bundle, project):
    images = {container["image"] for it in bundle.workloads for container in it.pod["containers"]}
    if len(images) > 1:
        yield f"the worker and its Jobs should be of one image, and are of {', '.join(sorted(images))}"
    for image in sorted(images):
        name, _, digest = image.partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        if tag != project.version:
            yield f"the image {image} should have the tag {project.version}"
        if bundle.name not in BY_TAG and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            yield f"the image {image} should be named by its digest"
    for workload in bundle.workloads:
        if workload.container.get("imagePullPolicy") == "Always":
            yield f"{workload}: a pinned image need not be pulled again"


def jobs_carry_the_version(bundle, project):
    end = "-" + project.version.replace(".", "-")
    commands = {job.command for job in bundle.jobs}
    if commands != {"migrate", "deploy"}:
        yield f"the Jobs should be migrate and deploy, and are {', '.join(sorted(commands))}"
    for job in bundle.jobs:
        if job.name != f"phantom-worker-{job.command}{end}":
            yield f"{job}: should be phantom-worker-{job.command}{end}"
        if job.pod.get("restartPolicy") != "Never":
            yield f"{job}: only with restartPolicy Never the log of a failed try stays"
    for thing in bundle.all("Deployment") + bundle.all("Job"):
        for labels in (thing["metadata"]["labels"], thing["spec"]["template"]["metadata"]["labels"]):
            if labels.get(VERSION) != project.version:
                yield f"{title(thing)}: its label {VERSION} should be {project.version}"
