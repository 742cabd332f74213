"""What attackers do to a genuine call, by name; each says where it makes sense and why it fails."""

from wxgate.sim.forgery.forgery import Forgery
from wxgate.sim.forgery.table import FORGERIES, find, fitting

__all__ = ["FORGERIES", "Forgery", "find", "fitting"]
