//! `phantom-worker demo`: walks people and merchants through all processes, for everybody to see.

mod auditor;
mod case;
mod cast;
mod customers;
mod mailbox;
mod seed;
mod table;
mod visitors;
mod walk;

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use self::case::{ADDRESSES, ALARMS, KYC, MERCHANTS, Process, WALLETS, Way};
use self::cast::{Cast, user};
use self::mailbox::Mailbox;
use self::walk::Walk;
use super::outcome::{Failure, Outcome};
use super::terminal::{complain, progress_of_lines, say};
use crate::camunda::Client;
use crate::config::{DemoArgs, DemoSettings, PageSettings};
use crate::store::Pool;

/// Walks people and merchants through all five processes and shows what happened.
///
/// Writes merchants and users that it invents to the workers' database, starts process instances
/// for them, and waits for running workers to bring each to its end: thirty customers who ask for a
/// wallet, people and merchants who are checked, alarms, and e-mail addresses that are verified.
/// With MAILBOX_URL naming the local stack's mailbox it reads the mails there, follows the links in
/// them and presses the button. At the end stands what an auditor would see. It can be repeated:
/// each run invents its people anew.
///
/// For databases and engines where invented people do no harm.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Demo {
    /// How to call this program for the instance that the last line invites to start.
    #[arg(
        long,
        hide = true,
        value_name = "COMMAND",
        default_value = "phantom-worker"
    )]
    called: String,
    #[command(flatten)]
    settings: DemoArgs,
}

const EXAMPLES: &str = "\
Examples:
  deploy/local/demo                brings up everything that this needs, and calls it
  COCKPIT_URL=http://localhost:8080/camunda phantom-worker demo

Exit codes: 0 each way ended as expected, 1 one did not, 64 usage, 78 settings";

impl Demo {
    pub(super) async fn execute(&self) -> Outcome {
        let DemoSettings {
            engine,
            store,
            http,
            pages,
        } = self.settings.read()?;
        let pool = Pool::new(&store, tokio::runtime::Handle::current())?;
        let stage = Stage {
            engine: Client::new(engine)?,
            cast: seed::seed(&pool).await?,
            mailbox: pages.mailbox.clone().map(Mailbox::new).transpose()?,
        };
        let bar = progress_of_lines("walking", stage.cast.number_of_cases());
        let shows = stage.play(&bar).await;
        bar.finish_and_clear();
        let shows = shows?;

        let mut records = Vec::new();
        for show in &shows {
            table::print(show.process, &show.walks, &pages.cockpit);
            show.notes.iter().for_each(say);
            let link_users = match show.process.key == ADDRESSES.key {
                true => stage.cast.link_users(),
                false => Vec::new(),
            };
            records.push(auditor::read(&pool, show.process, &show.walks, &link_users).await?);
        }
        pool.close();
        auditor::print(&records);
        let verdict = judge(&shows);
        print_addresses(&pages, http.ops_bind).await;
        if !shows[0].is_without_worker() {
            print_invitation(&self.called, &stage.cast);
        }
        verdict
    }
}

/// Where the demo plays.
struct Stage {
    engine: Client,
    cast: Cast,
    /// None where nobody can read the mails.
    mailbox: Option<Mailbox>,
}

/// What happened in one process.
struct Show {
    process: &'static Process,
    walks: Vec<Walk>,
    /// What there is to say below the table.
    notes: Vec<String>,
    /// What went wrong beside the ways.
    faults: Vec<String>,
}

impl Stage {
    async fn play(&self, bar: &ProgressBar) -> anyhow::Result<Vec<Show>> {
        let cast = &self.cast;
        let mut wallets = self.walk(cast.customers(), bar).await?;
        // Who comes back needs what the first visit made.
        if wallets.iter().all(|walk| walk.arrived.is_some()) {
            wallets.extend(self.walk(cast.returning_customers(), bar).await?);
        }
        let mut shows = vec![Show::new(WALLETS, wallets)];
        if shows[0].is_without_worker() {
            return Ok(shows);
        }
        shows.push(Show::new(KYC, self.walk(cast.people(), bar).await?));
        shows.push(Show::new(
            MERCHANTS,
            self.walk(cast.merchants(), bar).await?,
        ));
        shows.push(Show::new(ALARMS, self.walk(cast.alarms(), bar).await?));
        shows.push(self.verify_addresses(bar).await?);
        Ok(shows)
    }

    async fn walk(&self, cases: Vec<case::Case>, bar: &ProgressBar) -> anyhow::Result<Vec<Walk>> {
        let mut walks = walk::start_all(&self.engine, &self.cast.run, cases).await?;
        walk::settle(&self.engine, &mut walks, bar).await?;
        Ok(walks)
    }

    /// Lets people ask, read their mail and press the button; one never does.
    async fn verify_addresses(&self, bar: &ProgressBar) -> anyhow::Result<Show> {
        let walks = self.walk(self.cast.addresses(), bar).await?;
        let mut show = Show::new(ADDRESSES, walks);
        let Some(mailbox) = &self.mailbox else {
            let note = "Nobody read these mails: set MAILBOX_URL to the local stack's mailbox.";
            show.notes.push(note.to_owned());
            show.walks.extend(self.ask_again(bar).await?);
            return Ok(show);
        };
        // Before there is a second mail, which it could come after.
        let impatient = self.cast.email(user::IMPATIENT);
        let first = mailbox.newest_link(&impatient, 1).await;
        show.walks.extend(self.ask_again(bar).await?);
        match first {
            Ok(_) => self.read_mails(mailbox, &mut show).await,
            Err(why) => show.faults.push(format!("{why:#}")),
        }
        show.notes.push(String::new());
        // They are counted already.
        walk::settle(&self.engine, &mut show.walks, &ProgressBar::hidden()).await?;
        Ok(show)
    }

    async fn ask_again(&self, bar: &ProgressBar) -> anyhow::Result<Vec<Walk>> {
        self.walk(vec![self.cast.impatient_address()], bar).await
    }

    /// Has each reader follow the newest link. A mail that does not come is one fault among the
    /// ways, and costs nobody the tables.
    async fn read_mails(&self, mailbox: &Mailbox, show: &mut Show) {
        for (person, mails) in READERS {
            let address = self.cast.email(person);
            let read = async {
                let link = mailbox.newest_link(&address, mails).await?;
                mailbox.follow(&link).await
            };
            match read.await {
                Ok(said) => {
                    show.notes.push(format!(
                        "{address} opened the newest mail, pressed the button and read: {said}"
                    ));
                    show.expect_verified(self.cast.id(person));
                }
                Err(why) => show.faults.push(format!("{address}: {why:#}")),
            }
        }
    }
}

/// Who reads mails, and how many of them they have asked for.
const READERS: [(u32, usize); 2] = [(user::READER, 1), (user::IMPATIENT, 2)];

impl Cast {
    fn number_of_cases(&self) -> usize {
        let lists = [
            self.customers(),
            self.returning_customers(),
            self.people(),
            self.merchants(),
            self.alarms(),
            self.addresses(),
        ];
        lists.iter().map(Vec::len).sum::<usize>() + 1
    }

    fn link_users(&self) -> Vec<Uuid> {
        READERS.map(|(person, _)| self.id(person)).to_vec()
    }
}

impl Show {
    fn new(process: &'static Process, walks: Vec<Walk>) -> Self {
        Self {
            process,
            walks,
            notes: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn is_without_worker(&self) -> bool {
        self.walks.iter().all(|walk| walk.arrived.is_none())
    }

    /// This user has pressed the button.
    fn expect_verified(&mut self, user: Uuid) {
        for walk in &mut self.walks {
            if walk.case.is_about(user) {
                walk.case.expected = vec![Way::to("email_verified")];
                // It has left the place where it waited, or is about to.
                walk.arrived = None;
            }
        }
    }

    /// Tells which ways did not end as they should and what else was wrong, and counts them.
    fn complain(&self) -> usize {
        let mut count = self.faults.len();
        for fault in &self.faults {
            complain(format_args!("{}: {fault}", self.process.title));
        }
        for (position, walk) in self.walks.iter().enumerate() {
            if walk.is_as_expected() {
                continue;
            }
            count += 1;
            let expected: Vec<_> = walk.case.expected.iter().map(Way::describe).collect();
            complain(format_args!(
                "{} {} {}: expected {}, got {}",
                self.process.title,
                position + 1,
                walk.case.label,
                expected.join(" or "),
                table::describe(walk)
            ));
        }
        count
    }
}

/// Says how it went: a line for each way that did not end as it should, and one for them all.
fn judge(shows: &[Show]) -> Outcome {
    let wallets = &shows[0];
    if wallets.is_without_worker() {
        complain(
            "nobody got anywhere: does `phantom-worker run` run, with the same engine, tenants \
             and database?",
        );
        return Err(Failure::Told);
    }
    let mut wrong: usize = shows.iter().map(Show::complain).sum();
    let twins = wallets
        .walks
        .iter()
        .filter(|walk| walk.case.expected.len() > 1);
    let of_twins = twins.filter(|walk| walk.has_result()).count();
    if of_twins != 1 {
        wrong += 1;
        complain(format_args!(
            "one person has {of_twins} wallets of one merchant"
        ));
    }
    let made = wallets
        .walks
        .iter()
        .filter(|walk| walk.has_result())
        .count();
    let instances: usize = shows.iter().map(|show| show.walks.len()).sum();
    say(format_args!(
        "{instances} process instances; {} customers, {made} wallets",
        wallets.walks.len()
    ));
    match wrong {
        0 => Ok(()),
        _ => Err(Failure::Told),
    }
}

async fn print_addresses(pages: &PageSettings, ops: SocketAddr) {
    if let Some(cockpit) = pages.cockpit.home() {
        say(format_args!(
            "Cockpit  {cockpit} (of an ended instance, the community edition shows the process)"
        ));
    }
    if let Some(mailbox) = &pages.mailbox {
        say(format_args!("Mailbox  {mailbox}"));
    }
    let ops = reachable(ops);
    if listens(&ops).await {
        say(format_args!("Status   http://{ops}/status"));
        say(format_args!("Metrics  http://{ops}/metrics"));
    }
}

/// An address that listens everywhere is reached here by the loopback.
fn reachable(bind: SocketAddr) -> String {
    match bind.ip().is_unspecified() {
        true => format!("localhost:{}", bind.port()),
        false => bind.to_string(),
    }
}

/// Whether somebody is there: workers may run elsewhere, or not at all.
async fn listens(address: &str) -> bool {
    let connect = TcpStream::connect(address);
    timeout(Duration::from_secs(1), connect)
        .await
        .is_ok_and(|connected| connected.is_ok())
}

/// A customer whom the demo left out, for whoever wants to try it.
fn print_invitation(called: &str, cast: &Cast) {
    say(format_args!(
        "Start one yourself, such as\n  {called} start {} --follow --variables '{}'",
        WALLETS.key,
        cast.uninvited()
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_told_only_while_somebody_listens() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = reachable(listener.local_addr().unwrap());

        let before = listens(&address).await;
        drop(listener);
        let after = listens(&address).await;

        assert_eq!((before, after), (true, false));
    }
}
