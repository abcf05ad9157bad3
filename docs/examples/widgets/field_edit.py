"""One parameter: type it, step it with the arrows, see what is wrong and mend it."""

import sys

from PySide6.QtWidgets import QApplication

from gui.fields import FieldEdit
from gui.look import apply
from gui.parameters import Problem, fields_of, made
from protocols.ppf import PairedPulse

app = QApplication.instance() or QApplication(sys.argv)
apply(app)

width = next(field for field in fields_of(PairedPulse) if field.name == "width")
edit = FieldEdit(width)


def look(text: str) -> None:
    """Show what the protocol says of it."""
    problems: tuple[Problem, ...] = made(PairedPulse, {"width": text})[1]
    edit.setProblem(problems[0] if problems else None)


edit.valueChanged.connect(look)
edit.show()

if __name__ == "__main__":
    app.exec()
