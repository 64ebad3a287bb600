"""Places for stores at a URL: in memory, and on local servers that speak S3 and GCS."""

import logging
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from midspec.run.bucket import Bucket
from midspec.run.remote import Remote, find_remote, mirror_of

Machine = Callable[[str], Remote]


@pytest.fixture(params=["memory", "s3", "gcs"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty place of each kind."""
    if request.param == "memory":
        return f"memory://{uuid4().hex}/store"
    return f"{request.getfixturevalue(request.param)}/{uuid4().hex}"


@pytest.fixture
def machine(url: str, tmp_path: Path) -> Machine:
    """The store as a machine of that name sees it, with a folder of its own."""

    def make(name: str) -> Remote:
        remote = find_remote(mirror_of(url, tmp_path / name))
        assert remote
        return remote

    return make


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A bucket of a server that speaks S3."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server", reason="moto, the local S3, isn't installed")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        url = f"s3://bucket-{uuid4().hex}"  # moto keeps them in this process, beyond a server's end
        files = Bucket(url).files
        files.mkdir(url)
        yield url
        files.clear_instance_cache()  # which would be used with the next server
    running.stop()


@pytest.fixture(scope="module")
def gcs() -> Iterator[str]:
    """A bucket of a server that speaks GCS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # asks Google for bucket types
        pytest.importorskip("gcsfs")
        reason = "gcp-storage-emulator, the local GCS, isn't installed"
        emulator = pytest.importorskip("gcp_storage_emulator.server", reason=reason)
        for _, handlers in emulator.HANDLERS:
            if handlers.get("POST") is emulator.objects.insert:
                patch.setitem(handlers, "POST", _insert_once)
        server = emulator.create_server("127.0.0.1", 0, in_memory=True, default_bucket="bucket")
        server.start()
        port = server._api._httpd.server_address[1]
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        yield "gs://bucket"
        Bucket("gs://bucket").files.clear_instance_cache()
        server.stop()


def _insert_once(request: Any, response: Any, storage: Any) -> None:
    """Write an object, as GCS does and the emulator doesn't: not in place of another if the request
    says so."""
    from gcp_storage_emulator.exceptions import NotFound
    from gcp_storage_emulator.handlers import objects

    if request.query.get("ifGenerationMatch") == ["0"]:
        try:
            storage.get_file_obj(request.params["bucket_name"], request.data["meta"]["name"])
        except NotFound:
            pass
        else:
            response.status = HTTPStatus.PRECONDITION_FAILED
            return
    objects.insert(request, response, storage)
