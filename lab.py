"""Sets up and starts the course, with nothing but Python's standard library: `python lab.py`.

This file must parse on any Python, so that an old one gets advice instead of a syntax error.
The work is done in labtools/.
"""

import os
import sys

OLDEST, NEWEST = (3, 11), (3, 14)


def other_pythons():
    """Names of suitable Pythons on the PATH."""
    suffix = ".exe" if os.name == "nt" else ""
    names = ["python3.%d" % minor for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return [name for name in names if any(os.path.isfile(os.path.join(folder, name + suffix)) for folder in folders)]


def advice():
    """What to do with a Python that does not fit."""
    found = other_pythons()
    if found:
        todo = "This computer also has %s. Type:  %s lab.py" % (found[0], found[0])
    elif os.name == "nt":
        todo = "Install Python 3.12 from the Microsoft Store or python.org, then type:  py -3.12 lab.py"
    else:
        todo = "Install Python 3.12 (python.org, or your system's package manager), then type:  python3.12 lab.py"
    return "This course needs Python 3.11, 3.12, 3.13 or 3.14. This is Python %d.%d (%s).\n%s" % (
        sys.version_info[0], sys.version_info[1], sys.executable, todo)


if not OLDEST <= tuple(sys.version_info[:2]) <= NEWEST:
    sys.exit(advice())

from labtools.cli import main

if __name__ == "__main__":
    sys.exit(main())
