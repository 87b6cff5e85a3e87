"""Grafana's dashboards as code: ``python -m infrastructure.grafana`` writes their JSON."""
