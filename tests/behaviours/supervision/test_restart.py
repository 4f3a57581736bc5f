"""The decision tables, row by row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from regrow.behaviours.gen.child_spec import RestartType
from regrow.behaviours.supervision.restart import (
    AutoShutdown,
    Decision,
    Flags,
    Intensity,
    InvalidFlags,
    Strategy,
    affected,
    after_exit,
    ending,
    ends_supervisor,
    expected_end,
    may_start_again,
    unexpected_end,
)

NORMAL: list[object] = ["normal"]
SHUTDOWN: list[object] = ["shutdown", ("shutdown", "why")]
ABNORMAL: list[object] = ["died", "killed", "kill", ("shutdown",), ("normal", 1), RuntimeError("died"), None, 0]


@pytest.mark.parametrize(
    ("restart", "reasons", "decision"),
    [
        pytest.param("permanent", NORMAL, Decision.RESTART, id="permanent_normal", marks=pytest.mark.otp("SU-046")),
        pytest.param("permanent", SHUTDOWN, Decision.RESTART, id="permanent_shutdown"),
        pytest.param("permanent", ABNORMAL, Decision.RESTART, id="permanent_abnormal", marks=pytest.mark.otp("SU-048")),
        pytest.param("transient", NORMAL, Decision.KEEP, id="transient_normal", marks=pytest.mark.otp("SU-049")),
        pytest.param("transient", SHUTDOWN, Decision.KEEP, id="transient_shutdown"),
        pytest.param("transient", ABNORMAL, Decision.RESTART, id="transient_abnormal", marks=pytest.mark.otp("SU-051")),
        pytest.param("temporary", NORMAL, Decision.FORGET, id="temporary_normal"),
        pytest.param("temporary", SHUTDOWN, Decision.FORGET, id="temporary_shutdown", marks=pytest.mark.otp("SU-053")),
        pytest.param("temporary", ABNORMAL, Decision.FORGET, id="temporary_abnormal", marks=pytest.mark.otp("SU-054")),
    ],
)
def test_after_exit(restart: RestartType, reasons: list[object], decision: Decision) -> None:
    assert [after_exit(restart, reason) for reason in reasons] == [decision] * len(reasons)


@pytest.mark.parametrize(("restart", "again"), [("permanent", True), ("transient", True), ("temporary", False)])
def test_may_start_again(restart: RestartType, again: bool) -> None:
    assert may_start_again(restart) is again


@pytest.mark.parametrize(
    ("strategy", "group"),
    [("one_for_one", "b"), ("simple_one_for_one", "b"), ("rest_for_one", "bcd"), ("one_for_all", "abcd")],
)
def test_affected(strategy: Strategy, group: str) -> None:
    assert affected(strategy, "b", "abcd") == list(group)


@pytest.mark.parametrize(
    ("shutdown", "signal", "limit"),
    [(5, "shutdown", 5.0), (0.0, "shutdown", 0.0), ("infinity", "shutdown", None), ("brutal_kill", "kill", None)],
)
def test_ending(shutdown: Any, signal: str, limit: float | None) -> None:
    assert ending(shutdown) == (signal, limit)


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
def test_unexpected_end(restart: RestartType) -> None:
    assert all(unexpected_end(restart, reason) for reason in ABNORMAL)
    assert [unexpected_end(restart, reason) for reason in NORMAL + SHUTDOWN] == [restart == "permanent"] * 3


@pytest.mark.parametrize("significant", [True, False])
@pytest.mark.parametrize(
    ("auto_shutdown", "others_left", "ends"),
    [
        ("never", False, False),
        ("never", True, False),
        ("any_significant", False, True),
        ("any_significant", True, True),
        ("all_significant", False, True),
        ("all_significant", True, False),
    ],
)
def test_ends_supervisor(auto_shutdown: AutoShutdown, significant: bool, others_left: bool, ends: bool) -> None:
    assert ends_supervisor(auto_shutdown, significant, others_left) is (ends and significant)


@pytest.mark.parametrize(
    ("shutdown", "restart", "reason", "expected"),
    [
        (5.0, "permanent", "shutdown", True),
        (5.0, "permanent", ("shutdown", 1), False),
        (5.0, "permanent", "normal", False),
        (5.0, "transient", "normal", True),
        (5.0, "temporary", "normal", True),
        (5.0, "transient", "killed", False),
        (5.0, "transient", "noproc", False),
        ("infinity", "permanent", "shutdown", True),
        ("infinity", "permanent", ("shutdown", "x"), False),
        (5.0, "permanent", ("shutdown", "x"), False),
        (5.0, "transient", ("shutdown", "x"), True),
        ("brutal_kill", "permanent", ("shutdown", "x"), False),
        ("brutal_kill", "transient", ("shutdown", "x"), True),
        ("infinity", "permanent", RuntimeError("no"), False),
        ("brutal_kill", "permanent", "killed", True),
        ("brutal_kill", "permanent", "shutdown", False),
        ("brutal_kill", "temporary", "shutdown", True),
        ("brutal_kill", "temporary", "died", False),
    ],
)
def test_expected_end(shutdown: object, restart: RestartType, reason: object, expected: bool) -> None:
    assert expected_end(shutdown, restart, reason) is expected


class TestIntensity:
    def test_no_restart_is_allowed(self) -> None:
        assert not Intensity(0, 5.0).allows(1.0)

    def test_a_fourth_restart_exceeds_a_limit_of_three(self) -> None:
        intensity = Intensity(3, 5.0)
        assert [intensity.allows(time) for time in (0.0, 1.0, 2.0, 3.0)] == [True, True, True, False]

    def test_a_restart_at_the_edge_of_the_window_counts(self) -> None:
        intensity = Intensity(1, 5.0)
        assert intensity.allows(1000.0)
        assert not intensity.allows(1005.0)

    def test_after_the_window_a_restart_does_not_count(self) -> None:
        intensity = Intensity(1, 5.0)
        assert intensity.allows(1000.0)
        assert intensity.allows(1005.001)

    @pytest.mark.otp("SU-059")
    def test_the_window_slides(self) -> None:
        intensity = Intensity(2, 1.0)
        assert all(intensity.allows(time * 0.6) for time in range(100))

    def test_the_intensity_keeps_no_more_restarts_than_needed(self) -> None:
        intensity = Intensity(3, 1.0)
        for time in range(1000):
            assert intensity.allows(time * 0.5)
        assert len(intensity.restarts) <= 4


class TestFlags:
    @pytest.mark.otp("SU-111")
    def test_flags_have_defaults(self) -> None:
        flags = Flags()
        assert (flags.strategy, flags.max_restarts, flags.max_seconds, flags.auto_shutdown) == (
            "one_for_one",
            3,
            5.0,
            "never",
        )

    def test_a_period_may_be_a_timedelta(self) -> None:
        assert Flags(max_seconds=timedelta(minutes=1)).max_seconds == 60.0

    @pytest.mark.otp("SU-044")
    @pytest.mark.parametrize(
        ("options", "reason", "wanted"),
        [
            ({"strategy": "one_for_none"}, "invalid_strategy", "one_for_one, one_for_all, rest_for_one"),
            ({"max_restarts": -1}, "invalid_intensity", "a whole number ≥ 0"),
            ({"max_restarts": 1.5}, "invalid_intensity", "a whole number ≥ 0"),
            ({"max_restarts": float("inf")}, "invalid_intensity", "a whole number ≥ 0"),
            ({"max_restarts": True}, "invalid_intensity", "a whole number ≥ 0"),
            ({"max_seconds": 0}, "invalid_period", "seconds > 0"),
            ({"max_seconds": -1}, "invalid_period", "seconds > 0"),
            ({"max_seconds": float("inf")}, "invalid_period", "seconds > 0"),
            ({"max_seconds": float("nan")}, "invalid_period", "seconds > 0"),
            ({"max_seconds": "5"}, "invalid_period", "seconds > 0"),
            ({"auto_shutdown": "sometimes"}, "invalid_auto_shutdown", "never, any_significant, all_significant"),
        ],
    )
    def test_an_invalid_option_is_refused(self, options: dict[str, Any], reason: str, wanted: str) -> None:
        value = next(iter(options.values()))
        with pytest.raises(InvalidFlags) as caught:
            Flags(**options)
        assert caught.value.reason == (reason, value) or value != value  # noqa: PLR0124 -- not a number
        assert wanted in str(caught.value)
        assert f"got {value!r}" in str(caught.value)
