"""List the tests that carry statement ids, without running one: `python tests/collected_statements.py tests`.

Prints JSON, {mark: {statement id: [test, ...]}} for the marks `statement` and `differs`. A test marked skip or xfail
does not count: it proves nothing.
"""

import contextlib
import io
import json
import sys

import pytest

MARKS = ("statement", "differs")


class Collector:
    """A pytest plugin that notes the ids in the marks of what was collected."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[str, list[str]]] = {mark: {} for mark in MARKS}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            if not any(item.get_closest_marker(name) for name in ("skip", "xfail")):
                self._note(item)

    def _note(self, item: pytest.Item) -> None:
        for name, tests in self.tests.items():
            for statement_id in (found for mark in item.iter_markers(name) for found in mark.args):
                tests.setdefault(statement_id, []).append(item.nodeid)


def main(folder: str) -> None:
    collector, said = Collector(), io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", folder], plugins=[collector])
    if code != pytest.ExitCode.OK:
        sys.exit(f"the tests in {folder} cannot be collected:\n{said.getvalue()}")
    print(json.dumps(collector.tests))


if __name__ == "__main__":
    main(sys.argv[1])
