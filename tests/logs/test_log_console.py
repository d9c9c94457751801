"""What a person sees: on a terminal, in a pipe, beside a program's own handlers."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import textwrap
from pathlib import Path

from kept_lines import run

BOT = """
import logging, sys
from callscope import logs
logs.configure()
log = logging.getLogger("shop")
log.info("open at %d", 9)
try:
    {}["x"]
except KeyError:
    log.exception("lookup failed")
"""


def on_a_terminal(program: str, **environment: str) -> str:
    """What a program shows on a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=slave, stderr=slave,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", **environment},
    )  # fmt: skip
    os.close(slave)
    shown = b""
    try:
        while piece := os.read(master, 4096):
            shown += piece
    except OSError:  # the terminal's end
        pass
    finally:
        process.wait(30)
        os.close(master)
    return shown.decode()


def test_in_a_pipe_lines_are_plain_one_a_line_and_tracebacks_are_below() -> None:
    _, err = run(BOT)

    lines = err.splitlines()
    assert "\x1b" not in err
    assert lines[0][12:] == " info     shop: open at 9"
    assert lines[1][12:] == " error    shop: lookup failed"
    assert lines[2] == "Traceback (most recent call last):"
    assert lines[-1] == "KeyError: 'x'"


def test_on_a_terminal_lines_are_coloured_unless_nobody_wants_that() -> None:
    shown = on_a_terminal(BOT)

    assert "\x1b[32minfo" in shown
    assert "\x1b[31merror" in shown
    assert "\x1b" not in on_a_terminal(BOT, NO_COLOR="1")


def test_a_line_cannot_make_the_terminal_do_anything() -> None:
    _, err = run(
        """
        import logging
        from callscope import logs
        logs.configure()
        logging.getLogger("shop").warning("a\\x1b]0;title\\x07b\\nfake line\\u202e", extra={"x\\x1b[2J": "y\\x1b[2J"})
        """
    )

    assert "\x1b" not in err
    assert "\u202e" not in err
    assert len(err.splitlines()) == 1


def test_lines_go_where_they_are_sent() -> None:
    out, err = run(
        """
        import logging, os
        from callscope import logs
        for console, name in (("stdout", "out"), (False, "none"), ("stderr", "err"), (None, "off")):
            if console is None:
                os.environ["CALLSCOPE_LOG_CONSOLE"] = "off"
            with logs.configure(console=console):
                logging.warning(name)
        """
    )

    assert (out[13:], err[13:]) == ("warning  root: out\n", "warning  root: err\n")


def test_the_preset_of_loguru_goes_and_its_lines_are_shown_once() -> None:
    program = "from callscope import logs\nlogs.configure()\nfrom loguru import logger\nlogger.warning('by loguru')\n"
    _, err = run(program)

    assert err.count("by loguru") == 1
    assert "warning  __main__: by loguru" in err


def test_a_line_that_the_program_shows_itself_is_not_repeated(tmp_path: Path) -> None:
    _, err = run(
        """
        import logging, sys
        from loguru import logger
        logger.remove()
        logger.add(sys.stderr, format="mine: {message}", level="WARNING")
        logging.basicConfig(format="own: %(message)s")
        from callscope import logs
        made = logs.configure(directory=sys.argv[1])
        logger.warning("by loguru")
        logger.info("below its level")
        logging.warning("by logging")
        made.close()
        """,
        str(tmp_path),
    )

    assert "mine: by loguru" in err
    assert "own: by logging" in err
    assert err.count("by loguru") == 1
    assert err.count("by logging") == 1
    assert "info     __main__: below its level" in err


def test_a_program_that_takes_its_handlers_away_later_is_survived(tmp_path: Path) -> None:
    """As Pipecat's runner does: it removes all of loguru's handlers and adds its own."""
    run(
        """
        import sys
        from loguru import logger
        from callscope import logs
        made = logs.configure(directory=sys.argv[1], console=False)
        logger.remove()
        logger.add(sys.stderr)
        import logging, threading
        logging.basicConfig(force=True)
        for number in range(200):
            made._waiting.order(lambda: None)  # the thread comes round
            made.flush()
            if len(logger._core.handlers) == 2 and len(logging.getLogger().handlers) == 2:
                break
            threading.Event().wait(0.05)
        logger.warning("by loguru")
        logging.warning("by logging")
        made.close()
        """,
        str(tmp_path),
    )

    text = "".join(path.read_text() for path in tmp_path.glob("*.jsonl"))
    assert "by loguru" in text
    assert "by logging" in text


def test_long_lines_reach_the_pipe_whole() -> None:
    size = 200_000
    _, err = run(
        f"""
        import logging
        from callscope import logs
        made = logs.configure()
        try:
            raise ValueError("x\\n" * {size // 2})
        except ValueError:
            logging.exception("long")
        made.close()
        """
    )

    assert err.count("\nx") >= min(size // 2, 15_000) - 2
