"""What the benchmark of many users does, on few."""

from benchmarks.many_users import comparison, page, report


def test_each_process_does_its_part(tmp_path):
    assert report(40, ["order"], tmp_path)["order: measure"] > 0
    assert "compare two such reports" in comparison(tmp_path)
    assert "page: figures and tables of all users" in page(tmp_path)
