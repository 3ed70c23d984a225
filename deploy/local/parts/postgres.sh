# shellcheck shell=bash
# PostgreSQL. Sourced by deploy/local/service.

start_limit=60
# Fast shutdown: ends sessions, writes a checkpoint.
stop_signal=INT
stop_limit=60

source "$here/lib/postgres_binaries.sh"
data=$folder/data

url() { postgres_url "${1:-postgres}"; }

choose_ports() { choose_port "$folder/port" 15432 PHANTOM_POSTGRES_PORT; }

prepare() {
  find_or_fetch_postgres
  [[ -d $data ]] || make_cluster
}

# PostgreSQL refuses root. Data that are there already keep their owner.
owner() {
  if [[ $EUID -ne 0 ]]; then
    id -un
  elif [[ -d $data ]]; then
    stat -c %U "$data"
  elif id postgres >/dev/null 2>&1; then
    say postgres
  else
    say nobody
  fi
}

# Sets $as_owner, the words to put before a command.
become_owner() {
  local name
  name=$(owner)
  as_owner=(env -u PGDATA -u PGPORT -u PGHOST LC_ALL=C HOME="$folder")
  if [[ $EUID -eq 0 ]]; then
    as_owner=(setpriv --reuid="$name" --regid="$(id -g "$name")" --clear-groups "${as_owner[@]}")
  fi
  "${as_owner[@]}" test -x "$folder" || fail "$name, who runs PostgreSQL, cannot get to $folder; set PHANTOM_LOCAL_STATE to a folder that is open to others, as under /var/tmp"
}

# Made beside and moved in one go: an interrupted start leaves no half cluster behind.
make_cluster() {
  become_owner
  local new=$data.new
  rm -rf "$new"
  mkdir -m 700 "$new"
  [[ $EUID -ne 0 ]] || chown "$(owner)" "$new"
  "${as_owner[@]}" "$pg_bin/initdb" -D "$new" -U postgres --auth=trust --encoding=UTF8 --locale=C --no-sync \
    >"$folder/initdb.log" 2>&1 || { show_end_of "$folder/initdb.log" >&2; fail "initdb failed"; }
  make_databases "$new"
  sync -f "$new"
  mv "$new" "$data"
}

# In single-user mode: needs no client program, and the fetched PostgreSQL has none.
make_databases() {
  local name
  for name in camunda phantom_worker; do
    printf 'CREATE ROLE %s LOGIN;\nCREATE DATABASE %s OWNER %s;\n' "$name" "$name" "$name"
  done | "${as_owner[@]}" "$pg_bin/postgres" --single -D "$1" postgres >>"$folder/initdb.log" 2>&1 ||
    { show_end_of "$folder/initdb.log" >&2; fail "cannot make the databases"; }
}

launch() {
  # Whatever ended the last run, it may not have been us.
  kill_rest
  become_owner
  local settings=(-c listen_addresses=127.0.0.1 -p "$(port_of postgres/port)" -c max_connections=300
    # No socket file: its path would be too long for deep folders, and loopback is all that is used.
    -c unix_socket_directories='')
  if [[ ${PHANTOM_PG_UNSAFE:-} == 1 ]]; then
    settings+=(-c fsync=off -c synchronous_commit=off -c full_page_writes=off)
  fi
  start_detached "$folder" "${as_owner[@]}" "$pg_bin/postgres" -D "$data" "${settings[@]}"
}

# The server itself says so, in the eighth line of its own file; pg_isready may not be there.
is_healthy() {
  local lines
  { mapfile -t lines <"$data/postmaster.pid"; } 2>/dev/null || return 1
  [[ ${lines[0]:-} == "$(id_in "$record")" && ${lines[7]:-} == ready* ]]
}

# Sessions of a killed server live until they notice, and hold its shared memory so that it cannot
# start again. All of them work in the data folder. The server itself may stay a zombie until its
# parent looks, which PostgreSQL takes for a running one: hence the file goes too.
kill_rest() {
  within 10 no_process_is_left || fail "processes of the killed PostgreSQL are left in $data"
  rm -f "$data/postmaster.pid"
}
no_process_is_left() {
  local each left=0
  for each in /proc/[0-9]*; do
    if [[ $each/cwd -ef $data ]]; then
      kill -KILL "${each#/proc/}" 2>/dev/null || true
      left=1
    fi
  done
  return "$left"
}
