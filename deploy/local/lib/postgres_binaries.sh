# shellcheck shell=bash
# PostgreSQL's programs: $PG_BIN, or the newest that Debian installed, or fetched. Sourced, never run.

fetched_postgres=$cache/postgres-18.6.0

# Sets $pg_bin, the folder of initdb and postgres.
find_or_fetch_postgres() {
  pg_bin=${PG_BIN:-$(newest_postgres)}
  if [[ -z $pg_bin ]]; then
    [[ -x $fetched_postgres/bin/postgres ]] || fetch_postgres
    pg_bin=$fetched_postgres/bin
  fi
  [[ -x $pg_bin/initdb && -x $pg_bin/postgres ]] || fail "there is no initdb and postgres in $pg_bin"
}

# The first with all that the worker sets in a session.
oldest_postgres=14

newest_postgres() {
  local each version newest=''
  while read -r each; do
    version=${each#/usr/lib/postgresql/}
    version=${version%%[./]*}
    [[ ! -x $each/initdb || $version -lt $oldest_postgres ]] || newest=$each
  done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V)
  printf '%s\n' "$newest"
}

# The engine needs Maven anyway, and Maven has PostgreSQL for machines that have none.
fetch_postgres() {
  local machine new=$fetched_postgres.new
  case $(uname -m) in
    x86_64) machine=amd64 ;;
    aarch64) machine=arm64v8 ;;
    *) fail "PostgreSQL for $(uname -m) cannot be fetched: install it and set PG_BIN to the folder of initdb and postgres" ;;
  esac
  make_own_folder "$cache"
  rm -rf "$new"
  # Open to others: root's PostgreSQL runs as somebody else.
  ( umask 022 && mkdir "$new" )
  mvn -q -B -ntp -Dstyle.color=never org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
    -Dartifact="io.zonky.test.postgres:embedded-postgres-binaries-linux-$machine:18.6.0" -DoutputDirectory="$new" </dev/null
  unzip -p "$new"/*.jar 'postgres-linux-*.txz' | tar -xJf - --no-same-owner -C "$new"
  rm "$new"/*.jar
  mv "$new" "$fetched_postgres"
}
