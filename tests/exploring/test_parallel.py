"""The same search on several cores, and on a Dask cluster."""

import warnings

import joblib
import pytest
from explored_shop import billing, shop

from simlib import explore, laws
from simlib.sharing import worth_it

pytestmark = pytest.mark.slow

ONCE = laws.exactly_once("charge")


def table(**options):
    result = explore(shop(billing, orders=2), ONCE, faults=2, progress=False, **options)
    return result.table.to_csv(), result.counterexample.trace.digest()


def test_two_processes_answer_as_one():
    assert table(n_jobs=2) == table(n_jobs=1)


def test_laws_may_look_into_databases():
    async def counting(app):
        await app.database.execute("CREATE TABLE IF NOT EXISTS total (n)")
        await app.database.execute("INSERT INTO total VALUES (1)")

    result = explore(shop(counting, orders=0), laws.as_calm("SELECT n FROM total"), progress=False, n_jobs=2)
    assert result.tried == result.total > 2


@pytest.mark.slow
def test_a_local_dask_cluster_answers_as_one_process():
    distributed = pytest.importorskip("distributed")
    alone = table(n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
        with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
            assert table() == alone


def test_short_searches_stay_in_this_process():
    assert not worth_it(20, 0.002, None) and worth_it(100_000, 0.002, None)
    assert worth_it(20, 0.002, 2) and not worth_it(20, 0.002, 1)
