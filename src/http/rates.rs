//! How often a page may be asked for, by one address and for one link.
//!
//! A token cannot be guessed, whatever the rate; what is protected here is the database. A
//! telephone company's gateway stands for thousands of customers, so the limits of an address are
//! wide. Looking and confirming are counted apart, and looking is not counted by link at all: the
//! scanners that open a customer's link again and again take nothing away from its button.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use sha2::{Digest, Sha256};

use super::caller::Caller;

/// How many keys a generation remembers: about a megabyte.
const GENERATION: usize = 16_384;

/// So many at once, and then one each so often.
#[derive(Clone, Copy)]
pub(super) struct Allowance {
    pub(super) burst: u32,
    pub(super) each: Duration,
}

/// How much of what is granted.
#[derive(Clone, Copy)]
pub(super) struct Allowances {
    /// Pages to one address.
    pub(super) looks: Allowance,
    /// Confirmations to one address.
    pub(super) confirmations: Allowance,
    /// Confirmations of one link, wherever they come from.
    pub(super) presses: Allowance,
}

impl Allowances {
    pub(super) const USUAL: Self = Self {
        // A scanner's burst, or an office that opens its mail in the morning, and then five a
        // second: one indexed row each, a few milliseconds of the database in a second.
        looks: Allowance {
            burst: 300,
            each: Duration::from_millis(200),
        },
        // A transaction each. A person needs one.
        confirmations: Allowance {
            burst: 60,
            each: Duration::from_secs(1),
        },
        // Impatient fingers.
        presses: Allowance {
            burst: 10,
            each: Duration::from_secs(6),
        },
    };
}

/// Counts what is asked of the public port.
pub(super) struct Rates {
    looks: Limiter<Caller>,
    confirmations: Limiter<Caller>,
    presses: Limiter<LinkHash>,
}

type LinkHash = [u8; 16];
type Limiter<K, C = DefaultClock> =
    RateLimiter<K, Generations<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Too often. The next try may succeed after this wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooOften(pub(super) Duration);

impl Rates {
    pub(super) fn new(granted: &Allowances) -> Self {
        Self {
            looks: limiter(granted.looks, GENERATION, DefaultClock::default()),
            confirmations: limiter(granted.confirmations, GENERATION, DefaultClock::default()),
            presses: limiter(granted.presses, GENERATION, DefaultClock::default()),
        }
    }

    pub(super) fn look(&self, caller: Caller) -> Result<(), TooOften> {
        check(&self.looks, &caller)
    }

    pub(super) fn confirm(&self, caller: Caller, token: &str) -> Result<(), TooOften> {
        check(&self.confirmations, &caller)?;
        check(&self.presses, &hash(token))
    }
}

/// The tables outlive the links, so they hold no token.
fn hash(token: &str) -> LinkHash {
    let hash = Sha256::digest(token);
    *hash
        .first_chunk()
        .expect("SHA-256 has more bytes than half of it")
}

fn limiter<K: Clone + Eq + Hash, C: Clock>(
    granted: Allowance,
    keys: usize,
    clock: C,
) -> Limiter<K, C> {
    let burst = NonZeroU32::new(granted.burst).expect("a burst is at least one");
    let quota = Quota::with_period(granted.each)
        .expect("a period is longer than nothing")
        .allow_burst(burst);
    RateLimiter::new(quota, Generations::new(keys), clock)
}

fn check<K, C>(limiter: &Limiter<K, C>, key: &K) -> Result<(), TooOften>
where
    K: Clone + Eq + Hash,
    C: Clock,
{
    limiter
        .check_key(key)
        .map_err(|refused| TooOften(refused.wait_time_from(limiter.clock().now())))
}

/// The counts of the keys seen last, in bounded memory and bounded time.
///
/// Two generations: a full young one becomes the old one, whose keys are forgotten unless they came
/// back. Whoever has the thousands of addresses that push a key out has no need of a second turn
/// of it.
struct Generations<K> {
    keys: usize,
    held: Mutex<Held<K>>,
}

struct Held<K> {
    young: HashMap<K, Nanos>,
    old: HashMap<K, Nanos>,
}

impl<K> Generations<K> {
    fn new(keys: usize) -> Self {
        let held = Held {
            young: HashMap::new(),
            old: HashMap::new(),
        };
        Self {
            keys,
            held: Mutex::new(held),
        }
    }
}

impl<K: Clone + Eq + Hash> StateStore for Generations<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // The maps are whole after each statement, so a panic elsewhere does not spoil them.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = held.young.get(key).or_else(|| held.old.get(key)).copied();
        let (verdict, after) = measure(before)?;
        held.young.insert(key.clone(), after);
        if held.young.len() >= self.keys {
            held.old = std::mem::take(&mut held.young);
        }
        Ok(verdict)
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    const FEW: Allowance = Allowance {
        burst: 2,
        each: Duration::from_secs(6),
    };

    #[test]
    fn a_burst_passes_and_then_one_each_so_often() {
        let clock = FakeRelativeClock::default();
        let limiter = limiter(FEW, 8, clock.clone());
        let try_it = |key| check(&limiter, &key);

        assert_eq!((try_it('a'), try_it('a')), (Ok(()), Ok(())));
        assert_eq!(try_it('a'), Err(TooOften(FEW.each)));
        assert_eq!(try_it('b'), Ok(()), "another key has a count of its own");
        clock.advance(Duration::from_secs(5));
        assert_eq!(try_it('a'), Err(TooOften(Duration::from_secs(1))));
        clock.advance(Duration::from_secs(1));
        assert_eq!(try_it('a'), Ok(()), "refusals were not counted");
    }

    #[test]
    fn the_last_keys_are_remembered_and_no_more_than_two_generations() {
        let limiter = limiter(FEW, 4, FakeRelativeClock::default());
        let try_it = |key| check(&limiter, &key).is_ok();
        assert!(try_it(0) && try_it(0));

        for stranger in 1..4 {
            try_it(stranger);
        }
        assert!(!try_it(0), "a generation later it is still known");

        for stranger in 1_000..2_000 {
            try_it(stranger);
        }
        assert!(try_it(0), "after many strangers it is a stranger too");
    }

    #[test]
    fn strangers_take_no_more_memory_than_two_generations() {
        let store = Generations::new(8);

        for key in 0..1_000 {
            let count: Result<(), ()> =
                store.measure_and_replace(&key, |_| Ok(((), Nanos::default())));
            count.unwrap();
            let held = store.held.lock().unwrap();
            assert!(held.young.len() < 8 && held.old.len() <= 8);
        }
    }

    #[test]
    fn looking_takes_nothing_from_the_button() {
        let rates = Rates::new(&Allowances::USUAL);
        let caller = Caller::of(
            &actix_web::test::TestRequest::default().to_http_request(),
            &[],
        );

        while rates.look(caller).is_ok() {}

        assert_eq!(rates.confirm(caller, "token"), Ok(()));
    }

    #[test]
    fn a_link_is_counted_wherever_its_presses_come_from() {
        let rates = Rates::new(&Allowances::USUAL);
        let press = |host: u32, token: &str| {
            let peer = std::net::SocketAddr::new(std::net::Ipv4Addr::from_bits(host).into(), 1);
            let request = actix_web::test::TestRequest::default().peer_addr(peer);
            rates.confirm(Caller::of(&request.to_http_request(), &[]), token)
        };

        for host in 0..Allowances::USUAL.presses.burst {
            assert_eq!(press(host, "token"), Ok(()));
        }

        assert!(press(4_711, "token").is_err());
        assert_eq!(press(4_711, "another"), Ok(()));
    }
}
