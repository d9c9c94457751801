"""A recorder in a process of its own that does what it is told, a line at a time: for tests of live pages.

``start ID AGENT``, ``turn ROLE TEXT``, ``error TEXT``, ``end`` and ``close``; each is answered with a line once it is
on the disk.
"""

from __future__ import annotations

import sys

from callscope import CallLogger


def main() -> None:
    logger = CallLogger(root=sys.argv[1])
    call = None
    for line in sys.stdin:
        what, _, rest = line.rstrip("\n").partition(" ")
        if what == "start":
            call_id, _, agent = rest.partition(" ")
            call = logger.start_call(call_id, agent={"name": agent})
        elif call is not None and what == "turn":
            role, _, text = rest.partition(" ")
            call.turn(role, text)
        elif call is not None and what == "error":
            call.error(rest)
        elif call is not None and what == "end":
            call.end()
        logger.flush()
        print(call.path if call is not None else "", flush=True)  # noqa: T201 -- the answer
    logger.close()


if __name__ == "__main__":
    main()
