//! Sender or recipient, as printed.

use std::fmt;

/// Name and address as printed on paper. Empty fields are left out. Personal data: `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Party<'a> {
    /// Full name, in any script.
    pub name: &'a str,
    /// Company.
    pub company: Option<&'a str>,
    /// Street, number, flat.
    pub line1: &'a str,
    /// Second address line.
    pub line2: Option<&'a str>,
    /// Postal code, as the country writes it.
    pub postal_code: Option<&'a str>,
    /// Settlement.
    pub city: &'a str,
    /// Region, state or province.
    pub region: Option<&'a str>,
    /// Country, by code or by name.
    pub country: &'a str,
    /// Telephone number.
    pub phone: Option<&'a str>,
}

impl fmt::Debug for Party<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Party({}, personal)", self.country)
    }
}

impl Party<'_> {
    /// What is printed below the name, top to bottom, blank lines left out.
    pub(crate) fn lines_below_name(&self) -> Vec<String> {
        let joined = |parts: &[&str], by: &str| {
            let parts: Vec<&str> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
            parts.join(by)
        };
        let place = joined(&[self.postal_code.unwrap_or_default(), self.city], " ");
        [
            self.company.unwrap_or_default().trim().to_owned(),
            self.line1.trim().to_owned(),
            self.line2.unwrap_or_default().trim().to_owned(),
            place,
            joined(&[self.region.unwrap_or_default(), self.country], ", "),
            self.phone.unwrap_or_default().trim().to_owned(),
        ]
        .into_iter()
        .filter(|line| !line.is_empty())
        .collect()
    }
}
