"""Alerts and dashboards reach the cluster as they are in the repository."""

from ..bundle import title

# Environments that nobody watches.
UNWATCHED = {"dev"}
JOB_LABEL = "app.kubernetes.io/name"


def alerts_and_dashboards_are_ours(bundle, project):
    if bundle.name in UNWATCHED:
        return
    monitor = bundle.one("PodMonitor")
    if monitor is None or monitor["spec"].get("jobLabel") != JOB_LABEL:
        yield f"there should be a PodMonitor with jobLabel {JOB_LABEL}, or the alerts are blind"
    elif any(it.get("honorLabels") for it in monitor["spec"]["podMetricsEndpoints"]):
        yield f"{title(monitor)}: labels of the target should win over those of the worker"
    rule = bundle.one("PrometheusRule")
    if rule is None or rule["spec"] != project.rules:
        yield "there should be one PrometheusRule with the alerts of deploy/alerts/prometheus-rule.yaml"
    found = [
        text
        for config in bundle.all("ConfigMap")
        if config["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
        for text in config["data"].values()
    ]
    for uid, text in project.dashboards.items():
        if text not in found:
            yield f"the dashboard {uid} should be in a ConfigMap as it is in grafana/dashboards"
