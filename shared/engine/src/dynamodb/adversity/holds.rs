//! Items that a running transaction holds, and tokens that make one of several equal requests.

use std::collections::BTreeMap;

use super::budget::Charge;
use super::shape::ItemKey;

/// How long a token is remembered.
const TOKEN_MS: u64 = 10 * 60 * 1000;

/// An item anywhere.
pub(super) type Place = (String, ItemKey);

/// What is held, and by which transaction.
#[derive(Debug, Default)]
pub(super) struct Holds {
    items: BTreeMap<Place, u64>,
    tokens: BTreeMap<String, u64>,
    last: u64,
}

impl Holds {
    pub(super) fn is_held(&self, place: &Place) -> bool {
        self.items.contains_key(place)
    }

    pub(super) fn is_running(&self, token: &str) -> bool {
        self.tokens.contains_key(token)
    }

    /// Holds `places` and `token`, which nobody holds, until the id is released.
    pub(super) fn hold(&mut self, places: impl IntoIterator<Item = Place>, token: Option<&str>) -> u64 {
        self.last += 1;
        self.items.extend(places.into_iter().map(|place| (place, self.last)));
        self.tokens.extend(token.map(|token| (token.to_owned(), self.last)));
        self.last
    }

    pub(super) fn release(&mut self, id: u64) {
        self.items.retain(|_, holder| *holder != id);
        self.tokens.retain(|_, holder| *holder != id);
    }
}

/// What a token stands for.
#[derive(Debug)]
struct Done {
    parameters: String,
    until_ms: u64,
    answer: Vec<u8>,
    replay: Vec<Charge>,
}

/// What is known of a token.
#[derive(Debug, PartialEq)]
pub(super) enum Known {
    /// Nothing, or it has expired.
    No,
    /// It stood for other parameters.
    OtherParameters,
    /// The first answer, and what reading its items again costs.
    Answer(Vec<u8>, Vec<Charge>),
}

/// Finished transactions by token.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    done: BTreeMap<String, Done>,
}

impl Tokens {
    pub(super) fn known(&mut self, now_ms: u64, token: &str, parameters: &str) -> Known {
        self.done.retain(|_, done| done.until_ms > now_ms);
        match self.done.get(token) {
            None => Known::No,
            Some(done) if done.parameters != parameters => Known::OtherParameters,
            Some(done) => Known::Answer(done.answer.clone(), done.replay.clone()),
        }
    }

    pub(super) fn finished(
        &mut self,
        now_ms: u64,
        token: String,
        parameters: String,
        answer: Vec<u8>,
        replay: Vec<Charge>,
    ) {
        self.done.insert(token, Done { parameters, until_ms: now_ms + TOKEN_MS, answer, replay });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_for_one_answer_for_ten_minutes() {
        let mut tokens = Tokens::default();
        assert_eq!(tokens.known(0, "a", "x"), Known::No);
        tokens.finished(0, "a".into(), "x".into(), b"1".to_vec(), Vec::new());
        assert_eq!(tokens.known(TOKEN_MS - 1, "a", "x"), Known::Answer(b"1".to_vec(), Vec::new()));
        assert_eq!(tokens.known(TOKEN_MS - 1, "a", "y"), Known::OtherParameters);
        assert_eq!(tokens.known(TOKEN_MS, "a", "y"), Known::No);
    }

    #[test]
    fn a_release_frees_what_its_transaction_held_and_nothing_else() {
        let mut holds = Holds::default();
        let place = |pk: &str| ("t".to_owned(), ItemKey { pk: pk.into(), sk: String::new() });
        let first = holds.hold([place("a"), place("b")], Some("x"));
        let second = holds.hold([place("c")], None);
        assert!(holds.is_held(&place("a")) && holds.is_held(&place("c")) && holds.is_running("x"));
        holds.release(first);
        assert!(!holds.is_held(&place("a")) && !holds.is_held(&place("b")) && !holds.is_running("x"));
        assert!(holds.is_held(&place("c")));
        holds.release(second);
        assert!(!holds.is_held(&place("c")));
    }
}
