"""Our own rules. Each takes a bundle and the project, and yields one line for each fault."""

from . import network, observe, ports, references, release, rollout, scaling, security, selection, settings

RULES = [
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
    observe.alerts_and_dashboards_are_ours,
    network.what_is_not_named_is_closed,
    network.policies_are_told,
    scaling.replicas_follow_the_backlog,
]


def faults(bundle, project):
    """What each rule says, by the rule's name."""
    return {rule.__name__: list(rule(bundle, project)) for rule in RULES}
