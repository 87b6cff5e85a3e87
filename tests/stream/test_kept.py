"""What a stream remembers over a restart is there whole, or not at all."""

from pathlib import Path

from stream_service.kept import read_kept, write_kept


def test_what_was_written_last_is_read(tmp_path: Path) -> None:
    path = tmp_path / "of" / "kraken.trades.json"

    write_kept(path, b"first")
    write_kept(path, b"second")

    assert read_kept(path) == b"second"
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_file_that_is_not_there_is_as_good_as_none(tmp_path: Path) -> None:
    assert read_kept(tmp_path / "nowhere") == b""
    assert read_kept(None) == b""


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    in_the_way = tmp_path / "state"
    in_the_way.write_bytes(b"a file")

    write_kept(in_the_way / "kraken.trades.json", b"body")

    assert read_kept(in_the_way / "kraken.trades.json") == b""
