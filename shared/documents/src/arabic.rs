//! Joins Arabic letters by Unicode's presentation forms, which the font has as plain characters: no layout
//! engine is needed for names and cities.

/// Base letter, its isolated form, and how many forms follow from there: 1 isolated, 2 with final, 4 with initial
/// and medial, in this order.
const FORMS: [(char, u32, u32); 42] = [
    ('\u{621}', 0xFE80, 1),
    ('\u{622}', 0xFE81, 2),
    ('\u{623}', 0xFE83, 2),
    ('\u{624}', 0xFE85, 2),
    ('\u{625}', 0xFE87, 2),
    ('\u{626}', 0xFE89, 4),
    ('\u{627}', 0xFE8D, 2),
    ('\u{628}', 0xFE8F, 4),
    ('\u{629}', 0xFE93, 2),
    ('\u{62A}', 0xFE95, 4),
    ('\u{62B}', 0xFE99, 4),
    ('\u{62C}', 0xFE9D, 4),
    ('\u{62D}', 0xFEA1, 4),
    ('\u{62E}', 0xFEA5, 4),
    ('\u{62F}', 0xFEA9, 2),
    ('\u{630}', 0xFEAB, 2),
    ('\u{631}', 0xFEAD, 2),
    ('\u{632}', 0xFEAF, 2),
    ('\u{633}', 0xFEB1, 4),
    ('\u{634}', 0xFEB5, 4),
    ('\u{635}', 0xFEB9, 4),
    ('\u{636}', 0xFEBD, 4),
    ('\u{637}', 0xFEC1, 4),
    ('\u{638}', 0xFEC5, 4),
    ('\u{639}', 0xFEC9, 4),
    ('\u{63A}', 0xFECD, 4),
    ('\u{641}', 0xFED1, 4),
    ('\u{642}', 0xFED5, 4),
    ('\u{643}', 0xFED9, 4),
    ('\u{644}', 0xFEDD, 4),
    ('\u{645}', 0xFEE1, 4),
    ('\u{646}', 0xFEE5, 4),
    ('\u{647}', 0xFEE9, 4),
    ('\u{648}', 0xFEED, 2),
    ('\u{649}', 0xFEEF, 2),
    ('\u{64A}', 0xFEF1, 4),
    ('\u{67E}', 0xFB56, 4),
    ('\u{686}', 0xFB7A, 4),
    ('\u{698}', 0xFB8A, 2),
    ('\u{6A9}', 0xFB8E, 4),
    ('\u{6AF}', 0xFB92, 4),
    ('\u{6CC}', 0xFBFC, 4),
];

const LAM: char = '\u{644}';
/// Lengthens a word; joins on both sides without a form of its own.
const TATWEEL: char = '\u{640}';

fn forms(letter: char) -> Option<(u32, u32)> {
    FORMS.iter().find(|(base, ..)| *base == letter).map(|(_, isolated, count)| (*isolated, *count))
}

fn joins_next(letter: char) -> bool {
    letter == TATWEEL || forms(letter).is_some_and(|(_, count)| count == 4)
}

fn joins_previous(letter: char) -> bool {
    letter == TATWEEL || forms(letter).is_some_and(|(_, count)| count >= 2)
}

/// The form of `letter` between its neighbours in reading order; anything but an Arabic letter comes back as it is.
pub(crate) fn form(previous: Option<char>, letter: char, next: Option<char>) -> char {
    let Some((isolated, count)) = forms(letter) else {
        return letter;
    };
    let before = count >= 2 && previous.is_some_and(joins_next);
    let after = count == 4 && next.is_some_and(joins_previous);
    let offset = match (before, after) {
        (false, false) => 0,
        (true, false) => 1,
        (false, true) => 2,
        (true, true) => 3,
    };
    char::from_u32(isolated + offset).unwrap_or(letter)
}

/// The obligatory ligature of lam with the alef that follows it.
pub(crate) fn lam_alef(previous: Option<char>, letter: char, next: Option<char>) -> Option<char> {
    let isolated = match (letter, next?) {
        (LAM, '\u{622}') => 0xFEF5,
        (LAM, '\u{623}') => 0xFEF7,
        (LAM, '\u{625}') => 0xFEF9,
        (LAM, '\u{627}') => 0xFEFB,
        _ => return None,
    };
    char::from_u32(isolated + u32::from(previous.is_some_and(joins_next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_take_the_form_of_their_place() {
        let check = |previous, letter, next, expect| assert_eq!(form(previous, letter, next), expect);
        check(None, 'م', Some('ح'), '\u{FEE3}');
        check(Some('م'), 'ح', Some('م'), '\u{FEA4}');
        check(Some('م'), 'د', None, '\u{FEAA}');
        check(Some('د'), 'م', None, '\u{FEE1}');
        check(None, 'A', None, 'A');
    }

    #[test]
    fn lam_and_alef_are_one_sign() {
        assert_eq!(lam_alef(None, 'ل', Some('ا')), Some('\u{FEFB}'));
        assert_eq!(lam_alef(Some('س'), 'ل', Some('ا')), Some('\u{FEFC}'));
        assert_eq!(lam_alef(None, 'ل', Some('م')), None);
    }
}
