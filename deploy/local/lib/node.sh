# shellcheck shell=bash
# Node.js of version 20 or newer. Sourced, never run.

oldest_node=20
fetched_node=$cache/node-22

node_is_new_enough() {
  local version
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#v}
  ((${version%%.*} >= oldest_node))
}

# The machine's, or else the one that was fetched through its npm.
node_binary() {
  if node_is_new_enough node; then
    command -v node
  else
    printf '%s\n' "$fetched_node/bin/node"
  fi
}

# with_node COMMAND…: a fetched Node trusts the certificate authorities of the machine only when told.
with_node() { PATH=$(dirname "$(node_binary)"):$PATH NODE_USE_SYSTEM_CA=1 "$@"; }

# Debian 12 has Node 18; the registry has Node itself as a package, and npm verifies it.
fetch_node() {
  local machine
  case $(uname -m) in
    x86_64) machine=x64 ;;
    aarch64) machine=arm64 ;;
    *) fail "Node.js $oldest_node or newer is needed and cannot be fetched for $(uname -m)" ;;
  esac
  make_own_folder "$cache"
  npm install --prefix "$cache/fetch-node" --no-save --no-audit --no-fund --no-progress --loglevel=error \
    "node-linux-$machine@22" </dev/null
  rm -rf "$fetched_node"
  mv "$cache/fetch-node/node_modules/node-linux-$machine" "$fetched_node"
  rm -rf "$cache/fetch-node"
}
