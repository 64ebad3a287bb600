import os
import signal
import threading

import pytest

from midspec.interrupt import finishing_steps, interruptible

pytestmark = pytest.mark.usefixtures("heard_signals")

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_waits_for_the_end_of_the_step(number: int) -> None:
    with pytest.raises(KeyboardInterrupt), finishing_steps() as told_to_stop:
        assert not told_to_stop()
        send(number)
        assert told_to_stop()
        raise KeyboardInterrupt


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_does_not_wait(number: int) -> None:
    after = False
    with pytest.raises(KeyboardInterrupt), finishing_steps():
        send(number)
        send(number)
        after = True
    assert not after


def test_a_signal_that_nobody_looked_for_stops_at_the_end_of_the_block() -> None:
    with pytest.raises(KeyboardInterrupt), finishing_steps():
        send(signal.SIGTERM)


def test_sigterm_is_like_ctrl_c_where_no_step_is_under_way() -> None:
    after = False
    with pytest.raises(KeyboardInterrupt), interruptible():
        send(signal.SIGTERM)
        after = True
    assert not after


def test_handlers_are_put_back_and_what_is_ignored_stays_so() -> None:
    old = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as under nohup
    try:
        before = [signal.getsignal(number) for number in SIGNALS]
        with interruptible(), finishing_steps() as told_to_stop:
            send(signal.SIGTERM)
            assert not told_to_stop()
        assert [signal.getsignal(number) for number in SIGNALS] == before
    finally:
        signal.signal(signal.SIGTERM, old)


def test_a_thread_that_gets_no_signals_runs_without() -> None:
    told: list[bool] = []

    def work() -> None:
        with interruptible(), finishing_steps() as told_to_stop:
            told.append(told_to_stop())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == [False]
