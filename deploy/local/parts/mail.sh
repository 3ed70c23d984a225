# shellcheck shell=bash
# MailDev, pinned in deploy/local/mail. Sourced by deploy/local/service.

start_limit=60
stop_signal=TERM
stop_limit=10

source "$here/lib/builds.sh"
source "$here/lib/node.sh"
build=$(build_folder mail "$here/mail")

url() {
  case ${1:-} in
    '') smtp_url ;;
    page) mail_page_url ;;
    *) fail_usage "the mailbox has no address '$1'" ;;
  esac
}

choose_ports() {
  choose_each "$folder/port" 1025 PHANTOM_MAIL_PORT "$folder/page-port" 1080 PHANTOM_MAIL_PAGE_PORT
}

prepare() { build_once "$build" install_maildev; }

# npm writes beside package.json, and the checkout is not to be written to. It runs on the machine's
# own Node, however old, because that one trusts the machine's certificate authorities.
install_maildev() {
  mkdir -p "$build"
  cp "$here/mail/package.json" "$here/mail/package-lock.json" "$build/"
  npm ci --prefix "$build" --no-audit --no-fund --no-progress --loglevel=error </dev/null
}

launch() {
  mkdir -p "$folder/mails"
  start_detached "$folder" "$(node_binary)" "$build/node_modules/maildev/dist/bin/maildev.js" \
    --ip 127.0.0.1 --smtp "$(port_of mail/port)" --web-ip 127.0.0.1 --web "$(port_of mail/page-port)" \
    --mail-directory "$folder/mails"
}

is_healthy() {
  curl -fs -o /dev/null -m 5 --noproxy '*' "$(mail_page_url)/api/email" && is_taken "$(port_of mail/port)"
}
