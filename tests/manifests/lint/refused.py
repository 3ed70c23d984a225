"""refused FOLDER RENDERED…: writes each object of bad/ that an API server refuses to a file of its own,
and beside it (.says) a part of what the server says."""

import json
import sys
from pathlib import Path

from . import bad
from .bundle import Bundle
from .prove import FAULTS


def main(folder, *rendered):
    bundles = {bundle.name: bundle for bundle in map(Bundle.read, rendered)}
    for fault in bad.read(FAULTS):
        if fault.refused is not None:
            _, thing = fault.put_into(bundles[fault.environment])
            name = fault.title.replace(" ", "-")
            (Path(folder) / f"{name}.json").write_text(json.dumps(thing))
            (Path(folder) / f"{name}.says").write_text(fault.refused)


if __name__ == "__main__":
    main(*sys.argv[1:])
