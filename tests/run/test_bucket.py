"""A folder at a path or a URL."""

import sys
from pathlib import Path
from uuid import uuid4

import pytest
from fsspec.registry import _registry

from midspec.errors import ConfigError, StoreError
from midspec.run.bucket import Bucket


@pytest.fixture(params=["memory:/", "file://", "", "s3", "gcs"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    """Below each kind of address, a folder whose name means something to a pattern."""
    if request.param in ("s3", "gcs"):
        return Bucket(f"{request.getfixturevalue(request.param)}/{uuid4().hex}/a [b]")
    return Bucket(f"{request.param}{tmp_path}/a [b]")


def test_what_is_written_is_read_and_what_is_not_there_is_none(bucket: Bucket) -> None:
    assert bucket.read("x/y.txt") is None and not bucket.exists("x/y.txt")
    bucket.write("x/y.txt", "ü")
    bucket.write("x/y.txt", "über")
    assert bucket.read("x/y.txt") == "über" and bucket.exists("x/y.txt")


def test_a_file_is_created_once(bucket: Bucket) -> None:
    assert bucket.create("lease-1", "mine")
    assert not bucket.create("lease-1", "theirs")
    assert bucket.read("lease-1") == "mine"


def test_names_below_and_names_that_begin(bucket: Bucket) -> None:
    for name in ("w/a.lease-1", "w/a.lease-12", "w/a.leases", "w/a/deep/file", "wide"):
        bucket.write(name, name)
    assert sorted(bucket.beginning("w/a.lease-")) == ["1", "12"]
    assert bucket.names("w/a") == {"deep/file": 13}
    assert bucket.names("none") == {} and bucket.beginning("none/x") == []
    assert sorted(bucket.list()) == ["w", "wide"] and bucket.list("none") == []
    assert sorted(bucket.list("w")) == ["a", "a.lease-1", "a.lease-12", "a.leases"]


def test_a_removed_name_takes_what_is_below_it_and_nothing_beside_it(bucket: Bucket) -> None:
    for name in ("a/one", "a/deep/two", "ab"):
        bucket.write(name, name)
    bucket.remove("a")
    bucket.remove("never there")
    assert set(bucket.names("")) == {"ab"}


def test_files_go_up_and_down(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "up/deep").mkdir(parents=True)
    (tmp_path / "up/deep/file").write_bytes(b"\0\1")
    bucket.upload(tmp_path / "up", ["deep/file"], "stage")
    bucket.download("stage", ["deep/file"], tmp_path / "down")
    assert (tmp_path / "down/deep/file").read_bytes() == b"\0\1"


def test_an_address_of_no_known_kind_is_a_store_error() -> None:
    with pytest.raises(StoreError, match=r"nowhere://x can't be used: .*nowhere"):
        Bucket("nowhere://x")


def test_a_missing_package_is_a_config_error_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(_registry, "s3", raising=False)  # which keeps what was found before
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ConfigError, match=r"s3://b/p needs packages.*'midspec\[cloud\]'"):
        Bucket("s3://b/p")


def test_what_cannot_be_fetched_names_the_address(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"can't be used: .*what is finished is safe"):
        bucket.download("stage", ["gone"], tmp_path / "down")
