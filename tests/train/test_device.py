from midspec.resources import Resources
from midspec.train.device import most_at_once


def test_a_cpu_takes_little_at_once_unless_it_is_told_otherwise() -> None:
    assert most_at_once(Resources(device="cpu")) == 2_048
    assert most_at_once(Resources(device="cpu", tokens_per_pass=512)) == 512
