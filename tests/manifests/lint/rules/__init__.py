"""Our own rules. Each takes a bundle and the project, and yields one line for each fault."""

from . import network, observe, ports, references, release, rollout, scaling, security, selection, settings

# For every environment, whoever made it.
GENERAL = [
    selection.selectors_find_their_pods,
    ports.ports_are_named_and_there,
    ports.only_the_public_port_is_published,
    ports.probes_ask_what_the_worker_serves,
    settings.settings_are_known_and_complete,
    settings.secrets_come_from_files,
    settings.jobs_have_the_settings_of_the_worker,
    references.what_is_named_is_there,
    rollout.a_stop_has_the_time_it_needs,
    rollout.a_roll_out_takes_no_slot_away,
    rollout.a_disruption_takes_one_replica,
    release.images_are_pinned,
    release.jobs_carry_the_version,
    security.pods_are_restricted,
    security.pods_have_resources,
    network.what_is_not_named_is_closed,
    scaling.replicas_follow_the_backlog,
]

# For what is in this repository: somebody else's may be watched by other means.
OF_OURS = [
    observe.alerts_and_dashboards_are_ours,
    network.policies_are_told,
]

RULES = GENERAL + OF_OURS


def faults(bundle, project, rules=RULES):
    """What each rule says, by the rule's name."""
    return {rule.__name__: list(rule(bundle, project)) for rule in rules}
