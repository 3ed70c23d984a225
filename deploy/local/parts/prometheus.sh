# shellcheck shell=bash
# Prometheus with our scrape and our rules. Sourced by deploy/local/service.

start_limit=30
stop_signal=TERM
stop_limit=30

url() {
  case ${1:-} in
    '') prometheus_url ;;
    *) fail_usage "Prometheus has no address '$1'" ;;
  esac
}

choose_ports() { choose_port "$folder/port" 9090 PHANTOM_PROMETHEUS_PORT; }

prepare() {
  command -v prometheus >/dev/null || fail "there is no program prometheus: $here/install --with-prometheus sees to it"
}

launch() {
  cp "$here/prometheus/prometheus.yml" "$folder/"
  write_rules >"$folder/rules.yaml"
  list_workers >"$folder/workers.json"
  start_detached "$folder" prometheus --config.file=prometheus.yml --storage.tsdb.path=data \
    --web.listen-address="127.0.0.1:$(port_of prometheus/port)"
}

write_rules() {
  if [[ -n ${PHANTOM_RULES:-} ]]; then
    cat "$PHANTOM_RULES"
  else
    "$here/../alerts/render" --plain --runbooks "file://$checkout/deploy/runbooks" --grafana http://localhost:3000
  fi
}

# What a pod's labels are on Kubernetes.
list_workers() {
  local addresses each comma='' number=0
  addresses=${PHANTOM_WORKERS:-127.0.0.1:$(port_of worker/port)} || exit
  printf '['
  for each in ${addresses//,/ }; do
    printf '%s\n  {"targets": ["%s"], "labels": {"namespace": "local", "pod": "phantom-worker-%d"}}' "$comma" "$each" $((++number))
    comma=,
  done
  printf '\n]\n'
}

is_healthy() { curl -fs -o /dev/null -m 5 --noproxy '*' "$(prometheus_url)/-/ready"; }
