"""Keys, pedals and channel modes as MIDI 1.0 has them: which message ends which note."""

from __future__ import annotations

from jamd.music.keys import Key, Keys

C4, E4, G4 = 60, 64, 67


def controls(keys: Keys, channel: int, *moves: tuple[int, int]) -> list[Key]:
    """What ends by these controllers, one after another."""
    return sorted(key for number, value in moves for key in keys.control(channel, number, value))


def test_the_sostenuto_holds_only_what_was_down_as_it_was_pressed() -> None:
    keys = Keys()
    keys.strike(0, C4)
    assert controls(keys, 0, (66, 127)) == []
    keys.strike(0, E4)
    assert keys.release(0, C4) == []
    assert keys.release(0, E4) == [(0, E4)]
    assert controls(keys, 0, (66, 0)) == [(0, C4)]


def test_all_notes_off_under_the_sostenuto() -> None:
    keys = Keys()
    keys.strike(0, C4)
    controls(keys, 0, (66, 127))
    keys.strike(0, E4)
    assert controls(keys, 0, (123, 0)) == [(0, E4)]
    assert controls(keys, 0, (66, 0)) == [(0, C4)]


def test_what_the_sostenuto_caught_outlives_the_pedal_and_the_other_way_round() -> None:
    keys = Keys()
    keys.strike(0, C4)
    controls(keys, 0, (66, 127), (64, 127))
    keys.strike(0, E4)
    assert keys.release(0, C4) == keys.release(0, E4) == []
    assert controls(keys, 0, (64, 0)) == [(0, E4)]
    controls(keys, 0, (64, 127))
    assert controls(keys, 0, (66, 0)) == []
    assert controls(keys, 0, (64, 0)) == [(0, C4)]


def test_a_key_struck_again_under_the_pedal_ends_its_old_note() -> None:
    keys = Keys()
    controls(keys, 0, (64, 127))
    assert keys.strike(0, C4) == keys.release(0, C4) == []
    assert keys.strike(0, C4) == [(0, C4)]
    assert controls(keys, 0, (64, 0)) == []  # the key is down
    assert keys.release(0, C4) == [(0, C4)]


def test_a_reset_lifts_both_pedals() -> None:
    keys = Keys()
    keys.strike(0, C4)
    controls(keys, 0, (66, 127), (64, 127))
    keys.strike(0, E4)
    keys.strike(0, G4)
    keys.release(0, C4)
    keys.release(0, E4)
    assert controls(keys, 0, (121, 0)) == [(0, C4), (0, E4)]
    assert keys.release(0, G4) == [(0, G4)]


def test_an_mpe_masters_pedal_holds_the_notes_of_its_members() -> None:
    """It was switched on before jamd was: nobody says that there is a zone."""
    keys = Keys()
    controls(keys, 0, (64, 127))
    for channel, pitch in ((1, C4), (2, E4)):
        keys.strike(channel, pitch)
        assert keys.release(channel, pitch) == []
    assert controls(keys, 0, (64, 0)) == [(1, C4), (2, E4)]


def test_the_first_channel_is_no_master_once_it_has_notes() -> None:
    keys = Keys()
    controls(keys, 0, (64, 127))
    keys.strike(1, C4)
    keys.release(1, C4)
    assert keys.strike(0, G4) == [(1, C4)]
    keys.strike(1, E4)
    assert keys.release(1, E4) == [(1, E4)]
    assert keys.release(0, G4) == []


def test_a_pedal_of_no_master_is_its_own_channels() -> None:
    keys = Keys()
    controls(keys, 4, (64, 127))
    keys.strike(1, C4)
    assert keys.release(1, C4) == [(1, C4)]


def test_an_instrument_says_how_many_channels_its_zone_has() -> None:
    """The lower zone has two, so that channel 4 is none of them; the master plays, too."""
    keys = Keys()
    controls(keys, 0, (101, 0), (100, 6), (6, 2))
    keys.strike(0, G4)
    controls(keys, 0, (64, 127))
    for channel in (1, 3):
        keys.strike(channel, C4)
    assert keys.release(1, C4) == []
    assert keys.release(3, C4) == [(3, C4)]
    keys.strike(2, E4)
    assert controls(keys, 0, (123, 0)) == []
    assert controls(keys, 0, (64, 0)) == [(0, G4), (1, C4), (2, E4)]


def test_the_upper_zone_takes_from_the_lower() -> None:
    keys = Keys()
    controls(keys, 0, (101, 0), (100, 6), (6, 15))
    controls(keys, 15, (101, 0), (100, 6), (6, 3))
    keys.strike(12, C4)
    keys.strike(11, E4)
    assert controls(keys, 15, (120, 0)) == [(12, C4)]
    assert controls(keys, 0, (120, 0)) == [(11, E4)]


def test_other_controllers_end_nothing() -> None:
    keys = Keys()
    keys.strike(0, C4)
    assert controls(keys, 0, *((number, value) for number in range(120) for value in (0, 127))) == []
    assert controls(keys, 0, (122, 0)) == []
    assert keys.is_down((0, C4))
