# shellcheck shell=bash
# Camunda 7.24, the Maven project in deploy/local/engine. Sourced by deploy/local/service.

start_limit=300
# Spring lets requests end first, which with parked long polls takes up to 30 s.
stop_signal=TERM
stop_limit=45

source "$here/lib/builds.sh"
build=$(build_folder engine "$here/engine")

url() {
  case ${1:-} in
    '') engine_url ;;
    cockpit) cockpit_url ;;
    *) fail_usage "the engine has no address '$1'" ;;
  esac
}

choose_ports() { choose_port "$folder/port" 8080 PHANTOM_ENGINE_PORT; }

prepare() { build_once "$build" build_engine; }

build_engine() {
  mvn -q -B -ntp -Dstyle.color=never -f "$here/engine/pom.xml" -Dbuild.folder="$build" package </dev/null
}

launch() {
  local database
  "$here/service" postgres status >/dev/null || fail "the engine needs PostgreSQL: start it first ($here/service postgres start)"
  database=$(port_of postgres/port)
  start_detached "$folder" "${JAVA_HOME:+$JAVA_HOME/bin/}java" -Xmx768m -cp "$build/classes:$build/lib/*" \
    org.phantom_worker.engine.LocalEngine \
    --server.address=127.0.0.1 --server.port="$(port_of engine/port)" \
    --spring.datasource.url="jdbc:postgresql://127.0.0.1:$database/camunda" --spring.datasource.username=camunda \
    --phantom.auth="${PHANTOM_ENGINE_AUTH:-false}"
}

is_healthy() { curl -fs -o /dev/null -m 5 --noproxy '*' -u demo:demo "$(engine_url)/version"; }
