"""What is found of the machine, and when it is a warning."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from midspec import machine as processor
from midspec.doctor import machine
from midspec.doctor.machine import GB


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that stands for /proc/cpuinfo."""
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor, "CPUINFO", path)
    monkeypatch.setattr(
        processor, "cpu_flags", processor.cpu_flags.__wrapped__
    )  # it remembers what it read
    monkeypatch.setattr(machine, "cpu_flags", processor.cpu_flags)
    return path


def script(folder: Path, name: str, text: str) -> None:
    """A program of that name, alone on the path with the shell's own."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("line", "state", "told"),
    [
        ("flags\t\t: fpu avx2 avx512_bf16 amx_bf16", "ok", "avx2, avx512_bf16, amx_bf16"),
        ("flags\t\t: fpu avx2 avx512_bf16", "ok", "avx2, avx512_bf16; without AMX"),
        ("Features\t: fp asimd bf16", "ok", "bf16"),
        ("flags\t\t: fpu avx2", "warning", "no bf16 products"),
        ("flags\t\t: fpu", "warning", "none that count here"),
    ],
)
def test_the_instructions_that_the_kernels_use_are_told(
    cpuinfo: Path, line: str, state: str, told: str
) -> None:
    cpuinfo.write_text(f"processor\t: 0\n{line}\n\nprocessor\t: 1\n{line}\n")
    found = machine.processor()
    assert (found.state, bool(found.mend)) == (state, state == "warning")
    assert told in found.found


def test_a_processor_that_tells_nothing_is_taken_to_be_able(cpuinfo: Path) -> None:
    assert not cpuinfo.exists()
    assert machine.processor().state == "ok"
    assert processor.bf16_products() == "vectors"


def test_a_container_that_may_use_less_than_its_cores_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert machine.cores(tmp_path).found == "64"
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.cores(tmp_path).state == "ok"
    (tmp_path / "cpu.max").write_text("200000 100000\n")
    found = machine.cores(tmp_path)
    assert (found.state, found.mend) == ("warning", "OMP_NUM_THREADS=2")
    assert "64, of which this container may use the time of 2;" in found.found


def test_limits_of_older_groups_and_of_those_around_its_own_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.write_text("4:memory:/job/1\n2:cpu,cpuacct:/job/1\n0::/\n")
    monkeypatch.setattr(processor, "OWN_GROUPS", own)
    assert processor.cpu_time(tmp_path) is None and processor.memory_limit(tmp_path) is None
    for kind, name, number in (
        ("cpu", "cpu.cfs_quota_us", 150_000),
        ("cpu", "cpu.cfs_period_us", 100_000),
        ("memory", "memory.limit_in_bytes", 4_000),
        ("memory", "memory.usage_in_bytes", 3_000),
    ):
        (tmp_path / kind / "job" / "1").mkdir(parents=True, exist_ok=True)
        (tmp_path / kind / "job" / name).write_text(f"{number}\n")
    (tmp_path / "memory" / "job" / "memory.stat").write_text("total_inactive_file 500\n")
    (tmp_path / "cpu" / "job" / "1" / "cpu.cfs_quota_us").write_text("-1\n")
    assert processor.cpu_time(tmp_path) == 1.5
    assert processor.memory_limit(tmp_path) == (4_000, 2_500)


@pytest.mark.parametrize(
    ("limit", "state"), [(8 * GB, "ok"), (2 * GB, "warning"), (0.5 * GB, "missing")]
)
def test_memory_is_what_a_container_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: float, state: str
) -> None:
    whole = SimpleNamespace(total=64 * GB, available=50 * GB)
    monkeypatch.setattr("psutil.virtual_memory", lambda: whole)
    assert machine.memory(tmp_path).found == "50.0 GB free of 64.0"
    (tmp_path / "memory.max").write_text(f"{limit:.0f}\n")
    (tmp_path / "memory.current").write_text("0\n")
    found = machine.memory(tmp_path)
    assert (found.state, found.needed) == (state, False)
    assert found.found.startswith(f"{limit / GB:.1f} GB free of {limit / GB:.1f}")
    (tmp_path / "memory.current").write_text(f"{limit:.0f}\n")  # all of it files that were read
    (tmp_path / "memory.stat").write_text(f"anon 0\ninactive_file {limit:.0f}\n")
    assert machine.memory(tmp_path) == found


def test_the_disk_is_that_of_the_store_which_needn_t_exist(tmp_path: Path) -> None:
    found = machine.disk(tmp_path / "not" / "yet" / "store")
    assert found.state == "ok" and "GB free at" in found.found
    assert not (tmp_path / "not").exists()


def test_a_store_that_can_t_be_made_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = machine.disk(tmp_path / "file" / "store")
    assert (found.state, found.needed, found.mend) == ("missing", True, "--store FOLDER")


def test_kernels_are_really_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, "cc", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = machine.compiler()
    assert found.state == "warning" and "don't compile with cc" in found.found
    (tmp_path / "cc").unlink()
    found = machine.compiler()
    assert "no C compiler" in found.found and "gcc" in found.mend


def test_without_a_gpu_the_cpu_does_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert machine.gpu("2.13.0+cpu").found == "none; the CPU does all the work"


def test_a_gpu_that_torch_isn_t_built_for_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "NVIDIA H100, 81559 MiB"
    script(tmp_path, "nvidia-smi", f"echo '{told}'; echo '{told}'")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    found = machine.gpu("2.13.0+cpu")
    assert found.state == "warning" and "pytorch.org" in found.mend
    assert found.found == f"2 × {told}, but torch 2.13.0+cpu is built for the CPU alone"


def test_a_gpu_that_torch_can_t_use_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path, "nvidia-smi", "echo 'NVIDIA H100, 81559 MiB'")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    found = machine.gpu("2.13.0+cu130")
    assert (found.state, found.found.split(", but ")[1]) == (
        "warning",
        "torch 2.13.0+cu130 can't use it",
    )


def test_a_gpu_that_torch_can_use_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, "nvidia-smi", "echo 'NVIDIA H100, 81559 MiB'")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda n: "NVIDIA H100")
    assert machine.gpu("2.13.0+cu130").found == "NVIDIA H100"
