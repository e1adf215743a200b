"""A real scheduler and two workers on the loopback, of which one is killed: every case is counted once."""

import os
import signal

import pytest

from checks import cluster, gradcheck, judge
from tests.verdict.test_merging import counted

RUN = {"implementation": None, "examples": 200, "seed": 3, "laws": ["exact"]}


@pytest.mark.filterwarnings("ignore")
def test_the_shards_of_a_worker_that_dies_are_judged_again():
    distributed = pytest.importorskip("distributed")
    killed = []
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as workers:

        def kill_one(done, total):
            if not killed:
                assert done < total
                killed.append(next(iter(workers.workers.values())).process.pid)
                os.kill(killed[0], signal.SIGKILL)

        (report,) = cluster.judged(workers.scheduler_address, [("conv", RUN)], kill_one)

        def stop(done, total):
            assert done < total
            raise KeyboardInterrupt

        (part,) = cluster.judged(workers.scheduler_address, [("conv", RUN)], stop)
    assert killed
    assert part.interrupted
    assert 0 < part.cases < report.cases
    assert part.shards
    assert counted(report) == counted(judge("conv", **RUN))


def test_nobody_at_the_address_is_one_sentence(capsys, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "CONNECTING", 1)
    with pytest.raises(SystemExit):
        gradcheck.main(["conv", "--scheduler", "tcp://127.0.0.1:1"])
    assert capsys.readouterr().err.startswith("gradcheck: no scheduler answers at tcp://127.0.0.1:1; expected")
