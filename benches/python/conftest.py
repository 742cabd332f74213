"""Lets the benches import ``wechat``, which the benches of processes use as well."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
