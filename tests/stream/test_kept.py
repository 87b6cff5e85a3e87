"""What a stream remembers over a restart is there whole, or not at all."""

from pathlib import Path

from structlog.testing import capture_logs

from stream_service.kept import KeptFile


def test_what_was_written_last_is_read(tmp_path: Path) -> None:
    path = tmp_path / "of" / "kraken.trades.json"
    kept = KeptFile(path)

    kept.write(b"first")
    kept.write(b"second")

    assert KeptFile(path).read() == b"second"
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_file_that_is_not_there_is_as_good_as_none(tmp_path: Path) -> None:
    assert KeptFile(tmp_path / "nowhere").read() == b""
    assert KeptFile(None).read() == b""


def test_a_folder_that_cannot_be_written_stops_nothing_and_is_told_once(tmp_path: Path) -> None:
    in_the_way = tmp_path / "state"
    in_the_way.write_bytes(b"a file")
    kept = KeptFile(in_the_way / "kraken.trades.json")

    with capture_logs() as logs:
        kept.write(b"body")
        kept.write(b"body")

    assert kept.read() == b""
    assert [log["event"] for log in logs] == ["state.not_written"]


def test_a_folder_that_fails_again_is_told_again(tmp_path: Path) -> None:
    in_the_way = tmp_path / "state"
    in_the_way.write_bytes(b"a file")
    kept = KeptFile(in_the_way / "kraken.trades.json")

    with capture_logs() as logs:
        kept.write(b"body")
        in_the_way.unlink()
        kept.write(b"body")
        (in_the_way / "kraken.trades.json").unlink()
        in_the_way.rmdir()
        in_the_way.write_bytes(b"a file")
        kept.write(b"body")

    assert [log["event"] for log in logs] == ["state.not_written", "state.not_written"]
