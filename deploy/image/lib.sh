# shellcheck shell=bash
# Images by buildah, for deploy/image/build and tests/image. Sourced, never run; needs terminal.sh and
# state.sh.

image_folder=$checkout/target/image

# Images and containers are kept in $storage, a folder of the script that sources this, and end with
# it: two scripts know nothing of each other, and one that is interrupted leaves nothing.
# Newer versions of buildah read SOURCE_DATE_EPOCH too, and take it for a rival of --timestamp.
in_storage() { env --unset=SOURCE_DATE_EPOCH buildah --root "$storage/images" --runroot "$storage/run" "$@"; }

drop_storage() {
  [[ -e $storage ]] || return 0
  in_storage rm --all >/dev/null 2>&1 || true
  # By buildah, which may delete what belongs to others than whoever calls it.
  in_storage rmi --all --force >/dev/null 2>&1 || true
  # What a run that was cut short left mounted: nothing is to be deleted through it.
  mounted_below "$storage" | sort --reverse | xargs --no-run-if-empty --delimiter='\n' umount
  rm -rf --one-file-system "$storage"
}

# mounted_below FOLDER: a line each. findmnt writes a blank as \x20.
mounted_below() {
  local folder each
  folder=$(realpath "$1")
  findmnt --raw --noheadings --output TARGET | while IFS= read -r each; do
    each=$(printf '%b' "$each")
    [[ $each != "$folder"/* ]] || say "$each"
  done
}

version_of_program() { sed -n '/^\[package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$checkout/Cargo.toml"; }

# digest_of ARCHIVE: of its manifest, by which every registry names the image.
digest_of() { tar -xOf "$1" index.json | grep -o 'sha256:[0-9a-f]\{64\}'; }

# require_buildah LOG
require_buildah() {
  [[ $image_folder != *[:,]* ]] || fail "buildah takes no path with a colon or a comma, as $checkout has"
  command -v buildah >/dev/null && return
  if [[ $EUID -eq 0 ]] && command -v apt-get >/dev/null; then
    step 'apt-get install buildah' "$1" install_debian_packages buildah
  else
    fail 'missing: buildah 1.28 or newer; install it with: sudo apt-get install -y --no-install-recommends buildah'
  fi
}

# In a shell of its own, so that the settings for apt end with it. Services do not start.
install_debian_packages() (
  # apt drops its rights for downloads: it needs a temporary folder that is open to all.
  TMPDIR=$(mktemp -d /var/tmp/phantom-worker-apt.XXXXXX)
  trap 'rm -rf "$TMPDIR"; rm -f "${our_service_switch:-}"' EXIT
  export TMPDIR DEBIAN_FRONTEND=noninteractive
  chmod 1777 "$TMPDIR"
  if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    our_service_switch=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >"$our_service_switch"
    chmod 755 "$our_service_switch"
  fi
  apt-get update -q
  apt-get install -q -y --no-install-recommends "$@"
)
