"""Write the dashboards that Grafana is provisioned with: ``python -m infrastructure.grafana``."""

from infrastructure.grafana.files import FOLDER, files


def main() -> None:
    """Write each dashboard into its file."""
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
