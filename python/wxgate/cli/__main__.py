"""`python -m wxgate.cli`: the same as the `wxgate` command."""

import sys

from wxgate.cli import main

sys.exit(main())
