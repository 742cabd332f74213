"""WeChat's callback protocols, fast: verify, decrypt, seal, sign and route.

The logic is Rust (``crates/wxcore``); this package only names it. Nothing here reads a clock, a
file or the environment: time is an argument.
"""

from wxcore._wxcore import Envelope, HashRing, Opened, Rejected

__all__ = ["Envelope", "HashRing", "Opened", "Rejected"]
