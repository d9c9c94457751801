"""Rules to begin with: sensible for most agents, each with the reason for its limit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from callscope.archive.replace import FILE_MODE, make_dir, write_all
from callscope.errors import CallscopeError, SettingError

TEXT: Final = """\
# What to be told of, and where. `callscope watch` (and `callscope serve`) looks at these rules again and again;
# `callscope alerts check --since 7d` says what they would have told in the last week. All of it: docs/alerts.md
#
# Every rule holds when its value is at least the threshold; success, completion, no_calls and disk when it is below.

schema = 1

# Where to be told. Secrets come from the environment: "${NAME}".

[[target]]
name = "log"
kind = "log"

# [[target]]
# name = "team chat"
# kind = "webhook"                  # or "command", "apprise", "event"
# url = "${ALERTS_WEBHOOK}"
# severity = "warning"              # nothing less is sent there

# What every rule has that does not say otherwise.

[defaults]
repeat = "4h"                       # told again while it goes on; "never": once
# quiet = "22:00-07:00"             # nobody is told; what still holds is told when it ends
# quiet_zone = "Europe/Berlin"

[[rule]]
name = "callers wait too long"
kind = "latency"
percentile = 95
threshold = "3s"                    # people begin to talk again after two to three seconds
window = "1h"
for = "10m"
recover_for = "15m"

[[rule]]
name = "calls with errors"
kind = "error_rate"
threshold = "10%"
window = "1h"
recover_for = "15m"
severity = "critical"

[[rule]]
name = "more errors than usual"     # each sort of error by itself
kind = "rising_error"
threshold = "3x"
baseline = "7d"
window = "1h"

[[rule]]
name = "something new breaks"       # once for each sort of error
kind = "new_error"
window = "1h"
severity = "info"

[[rule]]
name = "callers are left in silence"
kind = "silence"
threshold = "10%"
window = "1h"
recover_for = "15m"
severity = "critical"

[[rule]]
name = "callers cut answers off"
kind = "interruption_rate"
baseline = "14d"                    # compared with what is usual here
worse_by = "10%"                    # points more than usual
window = "6h"

[[rule]]
name = "fewer calls are completed"
kind = "completion_rate"
baseline = "14d"
worse_by = "10%"
window = "6h"

[[rule]]
name = "a dear call"
kind = "call_cost"
threshold = "2"                     # US dollars
window = "1d"

[[rule]]
name = "a dear day"
kind = "cost"
per = "day"                         # the UTC day that goes on
threshold = "50"
severity = "critical"

[[rule]]
name = "usage without a price"
kind = "unpriced"
threshold = 1
window = "1d"
severity = "info"
repeat = "never"

[[rule]]
name = "rows were lost"
kind = "lost_rows"
threshold = 1
window = "1h"

[[rule]]
name = "a call does not end"
kind = "long_call"
threshold = "1h"
window = "1d"

[[rule]]
name = "the disk is nearly full"
kind = "disk"
threshold = "5%"                    # free
severity = "critical"

# Rules that need to know more:
#
# [[rule]]
# name = "budgets"                  # those of `callscope budget`, each by itself
# kind = "budget"
# threshold = "100%"
#
# [[rule]]
# name = "nobody calls"
# kind = "no_calls"
# window = "2h"
# quiet = "20:00-08:00"             # nobody does at night
# quiet_zone = "Europe/Berlin"
#
# [[rule]]
# name = "fewer calls succeed"
# kind = "success_rate"
# label = "outcome"                 # a label that the agent sets on its calls
# good = ["booked", "answered"]
# where = "agent:front-desk"        # the query language, without a time
# window = "1d"
# baseline = "28d"
# worse_by = "10%"
# confidence = "99.9%"
# minimum_calls = 20
"""


def write(path: Path) -> None:
    """Write the rules to a file that is not there yet, readable by its owner only.

    Raises:
        SettingError: there is one, which is left as it is.
        CallscopeError: it cannot be written.
    """
    try:
        make_dir(path.parent)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except FileExistsError as error:
        raise SettingError(f"{path} is there already, and is left as it is: name another with --file") from error
    except OSError as error:
        raise CallscopeError(f"{path} cannot be written: {error.strerror}") from error
    try:
        write_all(fd, TEXT.encode())
    finally:
        os.close(fd)
