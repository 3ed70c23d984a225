# shellcheck shell=bash
# Node.js packages of a folder with a lock file. Sourced, never run; needs node.sh.

# install_packages SOURCES FOLDER: into FOLDER, once and again when the lock file in SOURCES changes.
# Callers may be side by side, so one at a time; the stamp is written last, so that a broken
# installation is made anew.
install_packages() {
  local sources=$1 folder=$2 stamp
  mkdir -p "$folder"
  stamp=$(cat "$sources/package.json" "$sources/package-lock.json" | cksum)
  (
    flock 8
    [[ ! -e $folder/stamp || $(<"$folder/stamp") != "$stamp" ]] || exit 0
    rm -f "$folder/stamp"
    cp "$sources/package.json" "$sources/package-lock.json" "$folder/"
    with_node npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --no-progress \
      --loglevel=error </dev/null >&2
    printf '%s\n' "$stamp" >"$folder/stamp"
  ) 8>"$folder/lock"
}
