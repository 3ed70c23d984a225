# shellcheck shell=bash
# The worker and its settings, as the parts of this state want them. Sourced, never run.

worker_binary() { printf '%s\n' "${PHANTOM_WORKER_BIN:-${CARGO_TARGET_DIR:-$checkout/target}/release/phantom-worker}"; }

export_worker_settings() {
  # A shell that is set up for another place must not send this worker there.
  unset DATABASE_URL_FILE SMTP_URL_FILE TOKEN_KEY_FILE TOKEN_KEY_PREVIOUS TOKEN_KEY_PREVIOUS_FILE MIGRATE_DATABASE_URL MIGRATE_DATABASE_URL_FILE
  CAMUNDA_REST_URL=$(engine_url)
  DATABASE_URL=$(postgres_url phantom_worker)
  SMTP_URL=$(smtp_url)
  MAIL_FROM='Phantom Wallets <wallets@phantom.example>'
  PUBLIC_BASE_URL=$(public_url)
  TOKEN_KEY=$(token_key)
  HTTP_BIND=127.0.0.1:$(port_of worker/port)
  PUBLIC_HTTP_BIND=127.0.0.1:$(port_of worker/public-port)
  COCKPIT_URL=$(cockpit_url)
  MAILBOX_URL=$(mail_page_url)
  export CAMUNDA_REST_URL DATABASE_URL SMTP_URL MAIL_FROM PUBLIC_BASE_URL TOKEN_KEY HTTP_BIND PUBLIC_HTTP_BIND COCKPIT_URL MAILBOX_URL
}
