"""Whether this process is the command line, which imports Keras only where a command needs it.

Keras takes seconds to import; help, lists, cards and the shell's completion do without.
"""

import pathlib
import sys

IS_COMMAND_LINE = pathlib.Path(*sys.argv[:1]).stem == "dia-keras"
