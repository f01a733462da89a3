//! What goes wrong, and how often: drawn anew for each seed, so that some runs are hit by one kind only, and hard.

use engine::dynamodb::adversity::Budgets;
use fastrand::Rng;

macro_rules! profile {
    ($($(#[$doc:meta])* $field:ident: $most:literal),+ $(,)?) => {
        /// Rates of faults: probabilities per invocation, message, call or request.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Profile {
            /// What it is called.
            pub name: &'static str,
            /// Whether every piece of work dies after its first call, then after its second, and so on until it is done.
            pub everywhere: bool,
            $($(#[$doc])* pub $field: f64),+
        }

        impl Profile {
            /// Nothing goes wrong.
            #[must_use]
            pub fn none() -> Self {
                Self { name: "none", everywhere: false, $($field: 0.0),+ }
            }

            /// Each kind is off in two runs of three, and else has some rate up to its most.
            #[must_use]
            pub fn drawn(rng: &mut Rng) -> Self {
                let mut rate = |most: f64| if rng.u8(0..3) == 0 { most * (0.1 + 0.9 * rng.f64()) } else { 0.0 };
                Self { name: "drawn", everywhere: false, $($field: rate($most)),+ }
            }
        }

        impl std::fmt::Display for Profile {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name)?;
                $(if self.$field > 0.0 {
                    write!(f, ", {} {:.1} %", stringify!($field).replace('_', " "), self.$field * 100.0)?;
                })+
                Ok(())
            }
        }
    };
}

profile! {
    /// Per invocation: the environment dies before or after one of its calls, or before its answer.
    crash: 0.2,
    /// Per invocation: frozen for longer than its messages stay invisible, then it goes on.
    zombie: 0.12,
    /// Per message: delivered once more, while the first delivery is worked on.
    duplicate: 0.25,
    /// Per batch of messages: worked on once more after it was done.
    again: 0.1,
    /// Per message: received by nobody, and visible again after a while.
    delay: 0.1,
    /// Per message: done, but its deletion is lost.
    lost_delete: 0.15,
    /// Per batch of a stream: delivered once more.
    stream_again: 0.2,
    /// Per call of AWS: throttled.
    throttle: 0.06,
    /// Per call of AWS: the connection breaks before it took effect.
    lost_call: 0.06,
    /// Per call of AWS: it took effect, and its answer is lost; the SDK sends it again.
    lost_answer: 0.06,
    /// Per call of AWS: slower than the SDK waits for one attempt.
    slow_call: 0.02,
    /// Per call of a partner: an error of the server's, nothing done.
    partner_error: 0.3,
    /// Per call of a partner: told to wait.
    partner_limited: 0.2,
    /// Per call of a partner: done, but the answer is cut short.
    partner_malformed: 0.2,
    /// Per call of a partner: done, but no answer comes.
    partner_silent: 0.25,
    /// Per request of a client: it, or its answer, is lost.
    client_lost: 0.15,
    /// Per request of a client: sent once more after it was answered.
    client_twice: 0.15,
    /// Per webhook of the carrier: late, so that others come first.
    webhook_late: 0.5,
    /// Per event of a parcel: told with a date far ahead.
    event_from_the_future: 0.1,
    /// Per read that need not be consistent, and per query of an index: it sees the past.
    stale: 0.3,
    /// How narrow each partition of a table or an index is: at 0 it is DynamoDB's 1,000 write units a second, at 1 it is 10.
    narrow_partitions: 1.0,
    /// Per virtual minute: all environments of one function are replaced, whatever they do.
    deploy: 0.1,
    /// Per virtual minute: a message that nobody understands arrives.
    poison: 0.1,
}

impl Profile {
    /// Every step is run twice, one after the other.
    #[must_use]
    pub fn twice() -> Self {
        Self { name: "twice", again: 1.0, stream_again: 1.0, client_twice: 1.0, ..Self::none() }
    }

    /// Every step dies after its first call and is run again, dies after its second, and so on.
    #[must_use]
    pub fn everywhere() -> Self {
        Self { name: "everywhere", everywhere: true, ..Self::none() }
    }

    /// Two environments work on the same messages at once.
    #[must_use]
    pub fn together() -> Self {
        Self { name: "together", duplicate: 1.0, stream_again: 1.0, ..Self::none() }
    }

    /// What one partition serves in a second, if that is narrow.
    #[must_use]
    pub fn budgets(&self) -> Option<Budgets> {
        let most = Budgets::default();
        // From the widest to the narrowest by equal factors: what matters is how many calls a partition has room for.
        let narrowed = |units: u32| (f64::from(units) * 0.01_f64.powf(self.narrow_partitions)).round() as u32;
        let budgets = Budgets { write_units: narrowed(most.write_units), read_units: narrowed(most.read_units) };
        (self.narrow_partitions > 0.0).then_some(budgets)
    }

    /// The profile of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let known = [Self::none(), Self::standard(), Self::twice(), Self::everywhere(), Self::together()];
        known.into_iter().find(|profile| profile.name == name)
    }

    /// The standard profile, by which costs are compared.
    #[must_use]
    pub fn standard() -> Self {
        Self { name: "standard", crash: 0.05, duplicate: 0.05, zombie: 0.03, ..Self::none() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_seeds_draw_every_kind_and_leave_every_kind_out() {
        let drawn: Vec<Profile> = (0..60).map(|seed| Profile::drawn(&mut Rng::with_seed(seed))).collect();
        assert!(drawn.iter().any(|profile| profile.crash > 0.0) && drawn.iter().any(|profile| profile.crash == 0.0));
        assert!(drawn.iter().any(|profile| profile.poison > 0.0) && drawn.iter().any(|profile| profile.poison == 0.0));
        assert!(drawn.iter().all(|profile| profile.crash <= 0.2));
    }

    #[test]
    fn a_partition_is_narrowed_from_a_thousand_write_units_to_ten() {
        let units = |narrow_partitions| {
            let narrowed = Profile { narrow_partitions, ..Profile::none() }.budgets();
            narrowed.map(|budgets| (budgets.write_units, budgets.read_units))
        };
        assert_eq!([units(0.0), units(0.5), units(1.0)], [None, Some((100, 300)), Some((10, 30))]);
    }

    #[test]
    fn a_profile_names_what_is_on() {
        assert_eq!(Profile::standard().to_string(), "standard, crash 5.0 %, zombie 3.0 %, duplicate 5.0 %");
        assert_eq!(Profile::none().to_string(), "none");
    }
}
