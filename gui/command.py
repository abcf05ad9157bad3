"""``labctl gui``: open the window."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
import typer
from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtWidgets import QApplication

from gui.look import apply
from gui.settling import Settling
from gui.window import Window
from labctl.errors import LabctlError
from labctl.record import read_header

__all__ = ["gui"]

_TURN = 1e-3  # s, after which a thread that plans lets the event loop have its turn


def gui(
    run: Annotated[Path | None, typer.Argument(metavar="RUN", help="A run folder to show.")] = None,
    bench: Annotated[str, typer.Option("--bench", "-b", help="Bench to begin with.")] = "",
    root: Annotated[Path, typer.Option(help="Where the runs are.")] = Path("runs"),
    scheme: Annotated[
        Literal["system", "light", "dark"], typer.Option(help="Colours of the window.")
    ] = "system",
) -> None:
    """Open the window."""
    settings = remembered()
    try:
        kind = str(read_header(run).protocol.get("kind", "ppf")) if run is not None else "ppf"
    except LabctlError as error:
        typer.echo(f"labctl: {error}", err=True)
        raise typer.Exit(error.exit_status) from None
    QApplication.setHighDpiScaleFactorRoundingPolicy(
        Qt.HighDpiScaleFactorRoundingPolicy.PassThrough
    )
    app = QApplication(sys.argv[:1])
    app.setApplicationName("labctl")
    apply(app, scheme)
    window = Window(root, bench or "sim-ftj", kind, settings)
    window.show()
    Settling(window)
    sys.setswitchinterval(_TURN)
    if run is not None:
        window.opened.show_run(run)
    _close_on_interrupt(window)
    raise typer.Exit(app.exec())


def remembered() -> QSettings:
    """Return where layout and choices are kept between two openings of the window."""
    folder = Path(platformdirs.user_config_dir("labctl", appauthor=False))
    return QSettings(str(folder / "window.ini"), QSettings.Format.IniFormat)


def _close_on_interrupt(window: Window) -> None:
    """Close the window on Ctrl-C in the terminal it was started from."""
    signal.signal(signal.SIGINT, lambda *_: window.close())
    beat = QTimer(window)
    beat.timeout.connect(lambda: None)  # lets Python look at its signals
    beat.start(500)


if __name__ == "__main__":
    typer.run(gui)
