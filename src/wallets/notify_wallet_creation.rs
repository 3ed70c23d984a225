//! `notify-wallet-creation`: queues the mail that tells a customer about their wallet.
//!
//! Five round trips: BEGIN and claim (one), wallet's lock and whom to tell (one), queued before?,
//! answer, mail and audit row (one), COMMIT.

use futures_util::try_join;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wallet_number::WalletNumber;
use crate::mail::Mail;
use crate::store::{outbox, wallets};
use crate::tasks::{Event, Outcome, TaskError, TaskHandler, Tx};

/// Tells a customer about their new wallet, once a wallet.
pub struct NotifyWalletCreation;

/// What the process gives.
#[derive(Deserialize)]
pub struct Input {
    wallet_id: WalletNumber,
}

/// What the process gets.
#[derive(Serialize)]
pub struct Output {
    /// The mail is durably queued; the outbox tracks its delivery.
    notification_sent: bool,
}

impl TaskHandler for NotifyWalletCreation {
    const TOPIC: &'static str = "notify-wallet-creation";
    type Input = Input;
    type Output = Output;

    async fn handle(&self, tx: &mut Tx<'_>, input: Input) -> Result<Outcome<Output>, TaskError> {
        let mail = announce(tx, &input.wallet_id).await?;
        // Under the wallet's lock, so that of two tasks one audits the mail that it queued.
        if !outbox::is_queued(tx.conn(), &mail.key()).await? {
            tx.notify(mail);
            tx.audit(Event {
                action: "wallet_creation_notified",
                subject_kind: "wallet",
                subject_id: input.wallet_id.to_string(),
                outcome: "queued".to_owned(),
                detail: Value::Null,
            });
        }
        Ok(Outcome::Complete(Output {
            notification_sent: true,
        }))
    }
}

/// Locks the wallet and writes the mail about it.
async fn announce(tx: &mut Tx<'_>, wallet_id: &WalletNumber) -> Result<Mail, TaskError> {
    let conn = &*tx.conn();
    let ((), announcement) = try_join!(
        wallets::lock(conn, wallet_id.as_str()),
        wallets::find_announcement(conn, wallet_id.as_str()),
    )?;
    let wallet =
        announcement.ok_or_else(|| TaskError::fatal("wallet_id: there is no such wallet"))?;
    Ok(Mail::WalletCreated {
        recipient: wallet.email,
        first_name: wallet.first_name,
        wallet_id: wallet_id.to_string(),
        merchant: wallet.business_name,
        daily_limit: wallet.daily_limit,
        monthly_limit: wallet.monthly_limit,
        currency: wallet.currency,
    })
}

#[cfg(test)]
mod tests;
