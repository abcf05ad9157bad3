"""The README's lines of Python run as they stand there."""

from __future__ import annotations

import re


def test_the_lines_of_python_in_the_readme(root, workplace, capsys):
    text = (root / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - that is the test
    assert (workplace / "ppf.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert "ms" in printed
    frame = names["frame"]
    assert {"t", "v", "i"} <= set(frame.columns)  # type: ignore[attr-defined]
