"""pods RENDERED: the pods that the Deployment and the Jobs make, as a List for kubectl. An API server
only warns of a Deployment whose pods it would refuse; of the pods themselves it says so."""

import json
import sys

from .bundle import Bundle


def main(rendered):
    bundle = Bundle.read(rendered)
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": workload.name,
                "namespace": bundle.objects[0]["metadata"]["namespace"],
                "labels": workload.labels,
            },
            "spec": workload.pod,
        }
        for workload in bundle.workloads
    ]
    json.dump({"apiVersion": "v1", "kind": "List", "items": pods}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
