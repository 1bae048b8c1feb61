"""Files that updates and restores move aside: how many are kept, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest

from operate.backup import files_aside

NOW = datetime(2026, 11, 20, 11, 40, tzinfo=UTC)


@pytest.fixture
def instance(tmp_path, monkeypatch):
    monkeypatch.setattr("base.scheduling.utc_now", lambda: NOW)
    return tmp_path


def put(instance, kind, *ages):
    """Set aside so many days ago."""
    for age in ages:
        name = f"{kind}{NOW - timedelta(days=age):%Y%m%d-%H%M%S-%f}"
        if kind == "before-update-":
            (instance / f"{name}.tar.gz").write_text("clients")
        else:
            (instance / name).mkdir()
            (instance / name / "kalends.db").write_text("clients")


def ages(instance, kind):
    return sorted(
        (NOW - files_aside.made_at(file, kind)).days for file in instance.glob(f"{kind}*")
    )


@pytest.mark.parametrize("kind", files_aside.KINDS)
def test_the_newest_three_stay_and_all_for_thirty_days(instance, kind):
    put(instance, kind, 1, 2, 3, 4, 29, 31, 400)
    files_aside.clear(instance)
    assert ages(instance, kind) == [1, 2, 3, 4, 29]
    assert files_aside.clear(instance) == []


@pytest.mark.parametrize("kind", files_aside.KINDS)
def test_the_newest_stay_however_old(instance, kind):
    put(instance, kind, 100, 200, 300, 400)
    assert len(files_aside.clear(instance)) == 1
    assert ages(instance, kind) == [100, 200, 300]


def test_each_kind_is_counted_alone_and_others_files_stay(instance):
    put(instance, files_aside.KINDS[0], 100, 200, 300)
    put(instance, files_aside.KINDS[1], 100, 200, 300)
    for name in ("before-update-mine.tar.gz", "before-restore-old", "kalends.db", "backup.tar.gz"):
        (instance / name).write_text("kept by somebody")
    assert files_aside.clear(instance) == [] and len(list(instance.iterdir())) == 10


def test_nothing_goes_while_a_restore_is_not_done(instance):
    put(instance, "before-restore-", 100, 200, 300, 400)
    (instance / "restore-unfinished").write_text("")
    assert files_aside.clear(instance) == []
    (instance / "restore-unfinished").unlink()
    assert len(files_aside.clear(instance)) == 1
