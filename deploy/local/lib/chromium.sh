# shellcheck shell=bash
# Chromium, for what only a real browser can draw or show. Sourced, never run; needs state.sh.

# The program that CHROMIUM names, or the machine's.
find_chromium() {
  local name
  for name in ${CHROMIUM:-chromium chromium-browser google-chrome-stable google-chrome}; do
    command -v "$name" && return
  done
  return 1
}

# find_or_install_chromium LOG: sets $chromium. What apt says while it installs goes to LOG; callers may
# be side by side, whatever they want it for, and one of them installs.
find_or_install_chromium() {
  make_own_folder "$cache"
  (
    flock 8
    find_chromium >/dev/null || install_chromium "$1"
  ) 8>"$cache/chromium.lock"
  chromium=$(find_chromium) || fail 'Chromium was installed and is not on the path: name it in CHROMIUM'
}

install_chromium() {
  local log=$1 install='apt-get install -y --no-install-recommends chromium'
  [[ -z ${CHROMIUM:-} ]] || fail "CHROMIUM names no program: $CHROMIUM"
  if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    fail "Chromium is needed: sudo $install"
  fi
  { apt-get update && $install; } </dev/null >"$log" 2>&1 || fail "Chromium could not be installed, see $log"
}
