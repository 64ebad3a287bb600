"""What tests of stores at a URL share."""

from tests.stores import gcs, machine, s3, url  # noqa: F401 - fixtures
