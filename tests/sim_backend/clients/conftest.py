"""Counts what each client says and tells it at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sim_backend.peers import Heard

_HEARD = Heard()


@pytest.fixture(autouse=True)
def heard(request: pytest.FixtureRequest) -> Iterator[None]:
    """Listen to the client that a module of tests is named after."""
    with pytest.MonkeyPatch.context() as patch:
        _HEARD.listen(request.path.stem.removeprefix("test_"), patch)
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many different commands of each client were understood."""
    if lines := _HEARD.lines():
        terminalreporter.write_sep("-", "commands of clients")
        terminalreporter.write_line("\n".join(lines))
