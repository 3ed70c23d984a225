"""KEDA: one trigger for each topic, on what is not finished."""

from urllib.parse import parse_qs, urlsplit

from ..bundle import title

COUNTED = {"withRetriesLeft": ["true"], "active": ["true"]}


def replicas_follow_the_backlog(bundle, project):
    scaled = bundle.one("ScaledObject")
    if scaled is None:
        return
    worker, settings = bundle.worker, bundle.settings(bundle.worker)
    if "replicas" in worker.spec:
        yield f"{worker}: its replicas would be set back at each roll out"
    if scaled["spec"]["scaleTargetRef"]["name"] != worker.name:
        yield f"{title(scaled)}: scales {scaled['spec']['scaleTargetRef']['name']}"
    if scaled["spec"].get("minReplicaCount", 0) < 1:
        yield f"{title(scaled)}: without a replica nobody sends mails and seals the audit log"
    topics = []
    for trigger in scaled["spec"]["triggers"]:
        address = urlsplit(trigger["metadata"]["url"])
        asked = parse_qs(address.query)
        topics += asked.pop("topicName", [])
        tenants = settings.get("CAMUNDA_TENANT_IDS")
        if asked != COUNTED | ({"tenantIdIn": [tenants]} if tenants else {}):
            yield f"{title(scaled)}: {trigger['name']} counts {address.query}, which is not what is left to do"
        base = trigger["metadata"]["url"].removesuffix(f"/external-task/count?{address.query}")
        if base.endswith("/"):
            yield f"{title(scaled)}: {trigger['name']} asks {base}, which should not end in a slash: nor should CAMUNDA_REST_URL"
        elif base != settings.get("CAMUNDA_REST_URL"):
            yield f"{title(scaled)}: {trigger['name']} asks {base}, and the engine is at {settings.get('CAMUNDA_REST_URL')}"
        slots = settings.get("CAMUNDA_CLIENT_SLOTS") or project.defaults["CAMUNDA_CLIENT_SLOTS"]
        if trigger["metadata"].get("targetValue") != slots:
            yield f"{title(scaled)}: {trigger['name']} should have the targetValue {slots}, the slots of a topic"
        if trigger.get("authenticationRef", {}).get("name") not in _names(bundle, "TriggerAuthentication"):
            yield f"{title(scaled)}: {trigger['name']} has no credentials"
    if sorted(topics) != sorted(project.topics):
        odd = ", ".join(sorted(set(topics) ^ project.topics)) or "one of them twice"
        yield f"{title(scaled)}: its topics are not those of the models: {odd}"
    yield from _credentials(bundle, project)


def _names(bundle, kind):
    return {it["metadata"]["name"] for it in bundle.all(kind)}


def _credentials(bundle, project):
    for authentication in bundle.all("TriggerAuthentication"):
        for reference in authentication["spec"].get("secretTargetRef", []):
            if reference["key"] not in project.example_secrets.get(reference["name"], ()):
                yield f"{title(authentication)}: the secret {reference['name']} has no {reference['key']}"
        for reference in authentication["spec"].get("configMapTargetRef", []):
            if reference["key"] not in (bundle.config_map(reference["name"]) or {}):
                yield f"{title(authentication)}: the ConfigMap {reference['name']} has no {reference['key']}"
