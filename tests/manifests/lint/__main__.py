"""lint [--own] ROOT RENDERED…: prints every fault of the rendered kustomizations, one line each.

With --own they are somebody else's: what holds for this repository alone is not asked of them, and
their names mean nothing to the rules.

Exit codes: 0 no fault, 1 faults."""

import sys
from pathlib import Path

from . import rules, schemas
from .bundle import Bundle
from .project import Project


def main(*arguments):
    own = arguments[0] == "--own"
    root, *rendered = arguments[own:]
    asked = rules.GENERAL if own else rules.RULES
    project = Project(Path(root))
    found = 0
    for path in rendered:
        bundle = Bundle.read(path)
        bundle.name = f"your {bundle.name}" if own else bundle.name
        for fault in faults_of(bundle, project, asked):
            found += 1
            print(f"{bundle.name}: {fault}")
    return 1 if found else 0


def faults_of(bundle, project, asked):
    """The rules count on the shape that the schemas see to."""
    misshapen = list(schemas.faults(bundle))
    return misshapen or [line for lines in rules.faults(bundle, project, asked).values() for line in lines]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
