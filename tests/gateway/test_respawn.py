"""How long a worker that died waits for its successor."""

from __future__ import annotations

from wxgate.respawn import Crashes


def test_the_first_is_replaced_at_once_and_each_further_one_later() -> None:
    """Up to half a minute, however often."""
    crashes = Crashes()
    pauses = [crashes.pause(0.1) for _ in range(9)]
    assert pauses == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert [crashes.pause(0.1) for _ in range(2000)][-1] == 30.0


def test_a_sound_life_in_between_is_a_new_beginning() -> None:
    """What died an hour ago says nothing of today."""
    crashes = Crashes()
    assert [crashes.pause(lived) for lived in (5.0, 5.0, 3600.0, 5.0)] == [0.0, 0.5, 0.0, 0.5]
