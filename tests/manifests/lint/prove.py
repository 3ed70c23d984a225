"""prove ROOT RENDERED…: puts each fault of bad/ into its environment, and sees that it is caught with
the words that it names; and that every rule catches one of them.

Exit codes: 0 all are caught, 1 one is not."""

import sys
from pathlib import Path

from . import bad, rules, schemas
from .bundle import Bundle
from .project import Project

FAULTS = Path(__file__).parents[1] / "bad"


def main(root, *rendered):
    project = Project(Path(root))
    bundles = {bundle.name: bundle for bundle in map(Bundle.read, rendered)}
    missed, caught, idle = 0, 0, {rule.__name__ for rule in rules.RULES}
    for fault in bad.read(FAULTS):
        bundle, thing = fault.put_into(bundles[fault.environment])
        misshapen = list(schemas.faults_of(thing))
        said = {} if misshapen else rules.faults(bundle, project)
        idle -= {name for name, lines in said.items() if fault.says in lines}
        lines = misshapen or [line for found in said.values() for line in found]
        if fault.says in lines:
            caught += 1
        else:
            missed += 1
            print(f"not caught: {fault.title}: nobody says {fault.says!r}, but {lines}")
    for name in sorted(idle):
        print(f"no fault in bad/ is caught by {name}")
    print(f"{caught} faults, each caught")
    return 1 if missed or idle else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
